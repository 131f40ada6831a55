"""Who may use which key of the KMS: the one place that decides it."""

from access.identity import Principal
from schemas.errors import AccessDenied


def check_kms(principal: Principal, action: str, key_arn: str, account: str) -> None:
    """Whether the caller may do that with a key of that account. Keys open to callers of their own account.
    Raises AccessDenied."""
    if not principal.account or principal.account != account:
        raise AccessDenied(
            f"User: {principal.arn or 'anonymous'} is not authorized to perform: kms:{action} on resource: "
            f"{key_arn} because no resource-based policy allows the kms:{action} action"
        )
