"""Request headers that ask for what is not built: refused in one place, never silently ignored."""

from collections.abc import Mapping

from gateway.acl_xml import ACL_HEADERS
from gateway.encryption_headers import ENCRYPTION_HEADERS
from gateway.object_lock_headers import LOCK_HEADERS
from schemas.errors import NotImplementedOperation

EXPECTED_OWNER = "x-amz-expected-bucket-owner"

# Header → values that ask for nothing beyond what is there already (lower case).
ALLOWED_VALUES: dict[str, frozenset[str]] = {
    "x-amz-bucket-namespace": frozenset({"global"}),
    "x-amz-object-annotation-directive": frozenset({"copy", "exclude"}),
}

# Headers that ask for something unbuilt whatever their value.
REFUSED: frozenset[str] = frozenset(
    {
        "x-amz-if-match-initiated-time",
        "x-amz-if-match-last-modified-time",
        "x-amz-if-match-size",
        "x-amz-mfa",
        "x-amz-object-lock-event-hold",
        "x-amz-object-lock-event-hold-duration-days",
        "x-amz-object-lock-event-hold-duration-years",
        "x-amz-write-offset-bytes",
    }
)

# Headers that ask for nothing here, and why: what they would change cannot be the case.
HARMLESS: dict[str, str] = {
    "x-amz-confirm-remove-self-bucket-access": "the root of the account may always mend a policy",
    "x-amz-bucket-object-lock-token": "Object Lock needs no token of AWS's support",
    "x-amz-request-payer": "it is asked for where the requester pays, and nobody is charged",
    "x-amz-skip-destination-validation": "destinations of notifications are never asked",
}

# One disjointness test over a request's headers tells whether any of this matters.
_CHECKED = REFUSED | frozenset(ALLOWED_VALUES)
UNUSUAL: frozenset[str] = _CHECKED | ACL_HEADERS | ENCRYPTION_HEADERS | LOCK_HEADERS | {EXPECTED_OWNER}


def check_unbuilt(headers: Mapping[str, str]) -> None:
    """Raises NotImplementedOperation, naming the header and what it asks for."""
    for name in _CHECKED.intersection(headers):
        value = headers[name]
        if name in ALLOWED_VALUES and value.strip().lower() in ALLOWED_VALUES[name]:
            continue
        raise NotImplementedOperation(
            f"A header you provided implies functionality that is not implemented: {name}: {value}",
            Header=name,
        )
