"""Links over REST: presigned URLs that can be for one use, for some addresses, and revoked one by one."""

import secrets
import time
from dataclasses import replace
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Depends, Query
from starlette.responses import JSONResponse, Response

from access.identity import Credential
from access.presigned import TOKEN
from access.presigning import presigned_target
from gateway.authorization.authorizer import ask
from gateway.limiting import limit_caller
from gateway.links import LINK
from gateway.rest.body import json_body
from gateway.rest.call import Call, calling, calling_service, checked_key
from gateway.rest.continuation import decode_continuation, encode_continuation
from gateway.rest.link_models import LinkList, LinkModel, LinkRequest, MadeLink
from gateway.rest.schema import takes_json
from schemas.configurations.kinds import LIMITS
from schemas.configurations.links import LINKS, Link
from schemas.errors import InvalidAccessKeyId, NoSuchLink, TooManyConfigurations
from schemas.rows import Bucket

router = APIRouter(tags=["links"])

PATH = "/buckets/{bucket}/links"
PAGE = 1000
DROPS = 100
OPERATIONS = {"GET": "GetObject", "PUT": "PutObject"}
_PORTS = {"http": 80, "https": 443}

Makes = Annotated[Call, Depends(calling_service("CreateLink"))]
Lists = Annotated[Call, Depends(calling("GetBucketPolicy"))]
Shows = Annotated[Call, Depends(calling_service("GetLink"))]
Revokes = Annotated[Call, Depends(calling_service("DeleteLink"))]


@router.post(
    PATH,
    operation_id="CreateLink",
    summary="Make a link to one object",
    status_code=201,
    response_model=MadeLink,
    openapi_extra=takes_json(LinkRequest),
)
async def create_link(call: Makes, bucket: str) -> Response:
    """A URL on the S3 port that lets its holder read or store one object. It works with the rights that the
    caller's access key has when it is used; the caller must have them now, too. Made with a bearer token
    or in a session, it ends with that at the latest: `expires_at` tells."""
    wanted = await json_body(call, LinkRequest)
    call.progress.key = checked_key(wanted.key)
    await _require(call, OPERATIONS[wanted.method], wanted.key)
    row = await call.reader.bucket(bucket)
    signer, token = _signer(call)
    link_id, now = secrets.token_hex(16), int(time.time())
    ends = now + wanted.expires_in
    if call.ends is not None:
        # Who holds a token for minutes is not to make a key for days of it.
        ends = max(now + 1, min(ends, call.ends))
    link = Link(
        wanted.method, wanted.key, signer.access_key, call.principal.unique_id, now * 1000, ends * 1000,
        wanted.one_use, tuple(wanted.source),
    )  # fmt: skip
    await _store(call, row, link_id, link)
    scheme, host = _place(call, wanted.endpoint)
    target = presigned_target(
        signer, token, wanted.method, host, f"/{bucket}/{wanted.key}", {LINK: link_id},
        call.services.region, now, ends - now,
    )  # fmt: skip
    made = MadeLink.of(link_id, link)
    made.url = f"{scheme}://{host}{target}"
    location = {"location": f"/buckets/{quote(bucket)}/links/{link_id}", "cache-control": "no-store"}
    return JSONResponse(made.model_dump(), 201, location)


@router.get(PATH, operation_id="ListLinks", summary="List the links of a bucket")
async def list_links(
    call: Lists,
    bucket: str,
    limit: Annotated[int, Query(ge=1, le=PAGE, description="Links on a page")] = PAGE,
    continuation: Annotated[str | None, Query(description="From the page before")] = None,
) -> LinkList:
    """Those that have not ended, used ones too, without their URLs. It needs `s3:GetBucketPolicy`."""
    row = await call.reader.bucket(bucket)
    after = decode_continuation(continuation, 1)[0] if continuation else None
    found = await call.reader.configurations(row, LINKS, after, limit + 1)
    more = encode_continuation(found[limit - 1][0]) if len(found) > limit else None
    now = int(time.time() * 1000)
    links = [LinkModel.of(name, link) for name, link in found[:limit] if link.expires_at > now]
    return LinkList(links=links, continuation=more)


@router.get(PATH + "/{link_id}", operation_id="GetLink", summary="Show a link")
async def show_link(call: Shows, bucket: str, link_id: str) -> LinkModel:
    """404 once it was revoked. For who made it, and whoever has `s3:GetBucketPolicy`."""
    _, link = await _found(call, bucket, link_id, "GetBucketPolicy")
    return LinkModel.of(link_id, link)


@router.delete(PATH + "/{link_id}", operation_id="DeleteLink", summary="Revoke a link", status_code=204)
async def delete_link(call: Revokes, bucket: str, link_id: str) -> Response:
    """It lets nobody through from the answer on, on every gateway. For who made it, and whoever has
    `s3:PutBucketPolicy`."""
    row, _ = await _found(call, bucket, link_id, "PutBucketPolicy")
    await call.producer.configure_bucket(row, LINKS, None, call.origin, link_id)
    return Response(status_code=204)


async def _require(call: Call, operation: str, key: str = "") -> None:
    """Raises what `ask` raises unless the caller may do that S3 operation."""
    if call.services.identities.directory.limited:
        await limit_caller(call.asked, call.progress.access_key)
    asked = replace(call.asked, operation=operation, key=key, query={})
    await ask(asked)


async def _found(call: Call, bucket: str, link_id: str, operation: str) -> tuple[Bucket, Link]:
    """A link that the caller has made, or may see or revoke by that operation's rights. Raises NoSuchLink,
    and AccessDenied to who may not even know."""
    row = await call.reader.bucket(bucket)
    found = await call.reader.stored_configuration(row, LINKS, link_id)
    if found is None or found.document.made_by != call.principal.unique_id:
        await _require(call, operation)
    if found is None:
        raise NoSuchLink(f"bucket {bucket} has no link {link_id!r}")
    return row, found.document


def _signer(call: Call) -> tuple[Credential, str]:
    """The credential that the caller has called with, and its session's token. Raises InvalidAccessKeyId when
    it has ended since."""
    directory = call.services.identities.directory
    token = call.headers.get("x-amz-security-token") or call.request.query_params.get(TOKEN, "")
    access_key = call.progress.access_key
    found = directory.session(access_key, token) if token else directory.credential(access_key)
    if found is None:
        raise InvalidAccessKeyId(AWSAccessKeyId=access_key)
    return found, token


async def _store(call: Call, row: Bucket, link_id: str, link: Link) -> None:
    """Keep the record; where there are as many as may be, those that have ended make room. Raises
    TooManyConfigurations."""
    try:
        await call.producer.configure_bucket(row, LINKS, link, call.origin, link_id)
    except TooManyConfigurations:
        if not await _drop_ended(call, row):
            raise TooManyConfigurations(
                f"bucket {row.name} has {LIMITS[LINKS.name]} links, the most it may have: revoke some, or "
                "wait until some have ended"
            ) from None
        await call.producer.configure_bucket(row, LINKS, link, call.origin, link_id)


async def _drop_ended(call: Call, row: Bucket) -> int:
    """Remove records of links that have ended, DROPS at most: each is an event. How many."""
    now, after, dropped = int(time.time() * 1000), None, 0
    while found := await call.reader.configurations(row, LINKS, after, PAGE):
        for name, link in found:
            if link.expires_at <= now and dropped < DROPS:
                await call.producer.configure_bucket(row, LINKS, None, call.origin, name)
                dropped += 1
        if dropped >= DROPS:
            break
        after = found[-1][0]
    return dropped


def _place(call: Call, endpoint: str | None) -> tuple[str, str]:
    """Scheme and host of the URL; the host as clients send it, without the port that its scheme implies."""
    url = urlsplit(endpoint or f"{call.request.url.scheme}://{call.request.url.netloc}")
    port = (url.port if endpoint else call.services.s3_port) or _PORTS[url.scheme]
    name = url.hostname or ""
    host = f"[{name}]" if ":" in name else name
    return url.scheme, host if port == _PORTS[url.scheme] else f"{host}:{port}"
