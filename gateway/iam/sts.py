"""STS: who one is, and temporary credentials."""

import secrets

from access.session_tokens import SessionClaims
from gateway.iam.access_keys import KEY_DIGITS, SECRET_BYTES
from gateway.iam.call import Call, Result, new_id
from gateway.iam.role_sessions import HOUR, KEY_PREFIX, QUARTER, credentials
from schemas.errors import AccessDenied, NoSuchEntity

OPEN = frozenset({"GetCallerIdentity", "GetSessionToken"})  # they need no permission
LONGEST, USUAL = 129_600, 43_200  # seconds of GetSessionToken


def get_caller_identity(call: Call) -> Result:
    """Nobody needs a permission for it, and none can forbid it."""
    principal = call.principal
    return {"UserId": principal.unique_id, "Account": principal.account, "Arn": principal.arn}


def get_session_token(call: Call) -> Result:
    """Temporary credentials of an account's root or a user: they may do what those may, except IAM and
    most of STS."""
    principal = call.principal
    if principal.session is not None:
        raise AccessDenied("Cannot call GetSessionToken with session credentials")
    root = principal.kind == "account"
    seconds = call.parameters.number("DurationSeconds", HOUR if root else USUAL, QUARTER, LONGEST)
    if root:
        seconds = min(seconds, HOUR)
    claims = SessionClaims(
        new_id(KEY_PREFIX, KEY_DIGITS), secrets.token_hex(SECRET_BYTES), principal.account,
        "account" if root else "user", principal.unique_id, call.now, call.now + seconds,
        parent=principal.access_key,
    )  # fmt: skip
    return {"Credentials": credentials(call, claims)}


def get_access_key_info(call: Call) -> Result:
    """The account that an access key belongs to."""
    access_key = call.parameters.required("AccessKeyId")
    owner = call.directory.owner_of(access_key)
    if owner is None:
        raise NoSuchEntity(f"The Access Key with id {access_key} cannot be found.")
    return {"Account": owner[0]}
