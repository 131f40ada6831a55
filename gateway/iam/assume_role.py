"""AssumeRole: credentials of a role for whoever its trust policy names, and whose own policies let it.

The permission was asked for before (`gateway.iam.permission`), with the trust policy on the resource's side.
"""

import re

from gateway.iam.call import Call, Result
from gateway.iam.role_sessions import HOUR, MOST, Said, given_tags, required_role, session_of, text_of
from schemas.errors import AccessDenied, InvalidInput

EXTERNAL_ID_LIMIT = 1224
_is_external_id = re.compile(r"[\w+=,.@:/-]+", re.ASCII).fullmatch


def assume_role(call: Call) -> Result:
    """Raises AccessDenied, InvalidInput, MalformedPolicyDocument, PackedPolicyTooLarge."""
    principal, session = call.principal, call.principal.session
    if principal.kind == "account":
        raise AccessDenied("Roles may not be assumed by root accounts.")
    if "SerialNumber" in call.parameters or "TokenCode" in call.parameters:
        raise AccessDenied("MultiFactorAuthentication failed, there is no such device.")
    text_of(call, "ExternalId", _is_external_id, most=EXTERNAL_ID_LIMIT)
    chained = principal.kind == "role" and session is not None
    kept = {name: session.tags[name] for name in session.transitive} if session is not None else {}
    tags, transitive = given_tags(call, kept)
    source = text_of(call, "SourceIdentity")
    before = session.source_identity if session is not None else ""
    if source and before and source != before:
        raise AccessDenied(f"The source identity {before} of the session cannot be changed.")
    if source.lower().startswith("aws:"):
        raise InvalidInput(f"SourceIdentity: {source!r} must not begin with aws:")
    said = Said(tags, transitive, source or before)
    return session_of(call, required_role(call), said, HOUR if chained else MOST)
