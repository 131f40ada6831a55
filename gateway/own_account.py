"""Who may use a bucket: the account that owns it, by its root. The store's operator may use all of them."""

from access.identity import Principal
from gateway.copy_source import parse_copy_source
from gateway.request import Request
from schemas.errors import AccessDenied

COPY_SOURCE = "x-amz-copy-source"


def is_operator(principal: Principal, operator: Principal) -> bool:
    """Whether it is the root of the operator's account, not a user or a role of it."""
    return principal.kind == "account" and principal.id == operator.id and principal.session is None


async def check_own_account(request: Request) -> None:
    """Refuse what is not the caller's account's, and everybody who is not the root of one.

    Raises AccessDenied, NoSuchBucket, and InvalidArgument for a copy's source that cannot be read."""
    if request.principal.kind != "account" or request.principal.session is not None:
        raise AccessDenied()
    names = [request.bucket] if request.bucket and request.operation != "CreateBucket" else []
    if COPY_SOURCE in request.headers:
        names.append(parse_copy_source(request.headers[COPY_SOURCE]).bucket)
    for name in names:
        bucket = await request.services.reader.bucket(name)
        if bucket.owner_id != request.principal.id:
            raise AccessDenied()
