"""The Authorization header of Signature Version 4: its three components, or what is wrong with it."""

import re

from access.signing import ALGORITHM
from schemas.errors import AuthorizationHeaderMalformed, InvalidArgument, InvalidRequest, StrandlineError

# What nearly every client sends; anything else goes through the slower reading below.
_usual = re.compile(
    ALGORITHM + r" Credential=([!-+\--~]+), ?SignedHeaders=([!-+\--~]+), ?Signature=([A-Za-z0-9]+)"
).fullmatch
_component = re.compile(r"[!-+\--~]+").fullmatch  # visible ASCII without ","
_COMPONENTS = ("Credential", "SignedHeaders", "Signature")


def parse_authorization(header: str) -> tuple[str, str, str]:
    """Credential, SignedHeaders and Signature.

    Raises AuthorizationHeaderMalformed, InvalidRequest for another AWS mechanism (SigV4A) and
    InvalidArgument for one that is not AWS's.
    """
    match = _usual(header)
    if match is not None:
        credential, signed_headers, signature = match.groups()
        return credential, signed_headers, signature
    return _parse_slowly(header)


def _parse_slowly(header: str) -> tuple[str, str, str]:
    mechanism, space, rest = header.strip().partition(" ")
    if not space:
        raise InvalidArgument(
            "Authorization header is invalid -- one and only one ' ' (space) required",
            ArgumentName="Authorization",
            ArgumentValue=header,
        )
    if mechanism != ALGORITHM:
        raise _other_mechanism(mechanism, header)
    found: dict[str, str] = {}
    for component in rest.split(","):
        name, equals, value = component.strip().partition("=")
        if not equals or name not in _COMPONENTS or name in found or not _component(value):
            raise AuthorizationHeaderMalformed(
                f"The authorization header is malformed; the authorization component "
                f'"{component.strip()}" is malformed.'
            )
        found[name] = value
    if len(found) != len(_COMPONENTS):
        raise AuthorizationHeaderMalformed(
            "The authorization header is malformed; the authorization header requires three components: "
            "Credential, SignedHeaders, and Signature."
        )
    return found["Credential"], found["SignedHeaders"], found["Signature"]


def _other_mechanism(mechanism: str, header: str) -> StrandlineError:
    if mechanism.startswith("AWS"):
        return InvalidRequest(
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
        )
    return InvalidArgument(
        "Unsupported Authorization Type", ArgumentName="Authorization", ArgumentValue=header
    )
