"""Whether a request may go on: puts its questions to the evaluator, and refuses it when one gets a no.

Nearly every request is one of the account that owns the bucket, by its root, where the owner has set no
policy: `needs_no_asking` tells those apart, and nothing more is done for them.
"""

from collections.abc import Awaitable, Callable
from functools import partial

from access.evaluation.decide import Target, decide
from access.identity import Principal
from gateway.authorization.actions import (
    BYPASS,
    BYPASSING,
    COPIES,
    NEEDS,
    OF_VERSIONS,
    READS,
    actions_of,
)
from gateway.authorization.asking import ARN, MENDS, Asking
from gateway.authorization.refusal import refusal
from gateway.authorization.request_keys import RequestKeys
from gateway.copy_source import parse_copy_source
from gateway.object_lock_headers import BYPASS as BYPASS_HEADER
from gateway.object_lock_headers import bypasses
from gateway.registry import Handler
from gateway.request import Request, Response
from schemas.configurations.ownership_controls import OWNERSHIP_CONTROLS
from schemas.configurations.policy import POLICY
from schemas.errors import AccessDenied, MethodNotAllowed, NoSuchKey, NoSuchVersion
from schemas.rows import Bucket, ObjectLock

_DECIDING = frozenset({POLICY.name, OWNERSHIP_CONTROLS.name})

# Of a key, or a version of it: whether retention may be bypassed. Raises AccessDenied when it must not go.
CheckDeletion = Callable[[str, str | None], Awaitable[bool]]


def needs_no_asking(principal: Principal, bucket: Bucket | None, operation: str) -> bool:
    """Whether the caller is the root of the account that owns the bucket, and nothing that its owner has set
    could keep it out."""
    return (
        bucket is not None
        and bucket.owner_id == principal.id
        and principal.kind == "account"
        and _DECIDING.isdisjoint(bucket.configurations)
        and operation not in COPIES
    )


async def authorize(request: Request, handler: Handler) -> Handler:
    """The handler of a request that may go on. Raises what `ask` raises."""
    asking = await ask(request)
    return handler if asking is None else partial(_without_telling, handler, asking)


async def ask(request: Request) -> Asking | None:
    """Whether a request may go on. Notes in it what was found on the way: who is to own what is written, and
    the object to be read.

    Answers what tells whether its caller may know that there is none (None: it may).

    Raises AccessDenied, NoSuchBucket, NoSuchKey; MethodNotAllowed to other accounts for the policy of a
    bucket; InvalidArgument for the source of a copy."""
    operation = request.operation
    needs = NEEDS[operation]
    if needs.on in ("open", "form"):
        return None
    if needs.on == "account":
        _ask_in_account(request)
        return None
    bucket = await request.services.reader.bucket(request.bucket)
    if needs.on == "each" or needs_no_asking(request.principal, bucket, operation):
        return None
    asking = await Asking.of(request, bucket)
    actions = actions_of(operation, bool(request.query.get("versionId")), request.headers)
    if operation in READS:
        await asking.require_found(*actions)
        request.found = asking.version
        return asking
    await asking.require(*actions)
    if operation in MENDS and request.principal.id != bucket.owner_id:
        raise MethodNotAllowed(Method=request.method)
    if asking.rules.acls_count:
        request.owner = asking.owner_of_writes()
    await _check_bypass(request, asking)
    return await _ask_about_source(request, asking) if operation in COPIES else None


async def ask_about_form(request: Request) -> None:
    """As `ask`, for an upload from a form, whose key and signer its fields name."""
    bucket = await request.services.reader.bucket(request.bucket)
    if needs_no_asking(request.principal, bucket, request.operation):
        return
    asking = await Asking.of(request, bucket)
    await asking.require(*actions_of(request.operation, False, request.headers))
    if asking.rules.acls_count:
        request.owner = asking.owner_of_writes()


async def deletions(request: Request, bucket: Bucket) -> CheckDeletion | None:
    """Of a request that deletes several objects: what checks each of them; None when all may go."""
    if needs_no_asking(request.principal, bucket, request.operation):
        return None
    asking = await Asking.of(request, bucket)
    bypass = bypasses(request.headers)

    async def check(key: str, version: str | None) -> bool:
        one = asking.about(key, version)
        await one.require("DeleteObject" if version is None else "DeleteObjectVersion")
        return bypass and (await one.decide(BYPASS)).allowed

    return check


async def ask_about_body(
    request: Request, tags: dict[str, str] | None = None, lock: ObjectLock | None = None
) -> None:
    """Ask again, now that the body has told what the tags or the lock are to be. Raises AccessDenied."""
    bucket = await request.services.reader.bucket(request.bucket)
    if needs_no_asking(request.principal, bucket, request.operation):
        return
    asking = await Asking.of(request, bucket)
    asking.keys.tags, asking.keys.lock = tags, lock
    versioned = bool(request.query.get("versionId"))
    await asking.require(*actions_of(request.operation, versioned, request.headers), body=True)
    await _check_bypass(request, asking, body=True)


async def _check_bypass(request: Request, asking: Asking, body: bool = False) -> None:
    """Whoever may not bypass retention has not asked for it."""
    if request.operation in BYPASSING and bypasses(request.headers):
        decision = await asking.decide(BYPASS, body)
        if not decision.allowed:
            del request.headers[BYPASS_HEADER]


def _ask_in_account(request: Request) -> None:
    """Of the caller's own account: what its own policies allow. Raises AccessDenied."""
    principal = request.principal
    if principal.kind == "anonymous":
        raise AccessDenied()
    caller = request.services.callers.caller(principal)
    keys = RequestKeys(request, caller, None, principal.account)
    resource = ARN + request.bucket if request.bucket else "*"
    for action in actions_of(request.operation, False, request.headers):
        decision = decide(caller, f"s3:{action.lower()}", resource, keys, Target(principal.id))
        if not decision.allowed:
            raise AccessDenied(refusal(principal.arn, f"s3:{action}", f'"{resource}"', decision))


async def _ask_about_source(request: Request, target: Asking) -> Asking:
    """Whether what a copy reads may be read, and its tags with it. Raises AccessDenied; NoSuchBucket,
    InvalidArgument."""
    source = parse_copy_source(request.headers["x-amz-copy-source"])
    bucket = await request.services.reader.bucket(source.bucket)
    asking = (await Asking.of(request, bucket)).about(source.key, source.version)
    asking.writes = False
    named = OF_VERSIONS if source.version is not None else {}
    await asking.require_found(named.get("GetObject", "GetObject"))
    if request.operation == "CopyObject" and request.headers.get("x-amz-tagging-directive") != "REPLACE":
        found = await asking.look_up()
        if found is not None and found.attributes.tags:
            await asking.require(named.get("GetObjectTagging", "GetObjectTagging"))
            await target.require("PutObjectTagging")
    request.found = asking.version
    return asking


async def _without_telling(handler: Handler, asking: Asking, request: Request) -> Response:
    """Whether an object is there is nobody's business who may not list the bucket."""
    try:
        return await handler(request)
    except (NoSuchKey, NoSuchVersion):
        await asking.require_list()
        raise
