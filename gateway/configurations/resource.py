"""What the sub-resources of a bucket share: put a document, get it, delete it."""

from collections.abc import Callable

from gateway.body import whole
from gateway.object_headers import XML_TYPE
from gateway.payload_headers import require_digest
from gateway.registry import Handler
from gateway.request import Request, Response
from gateway.xml import document, parse
from gateway.xml_structs import read_struct, write_struct
from schemas.configurations.kinds import Kind, T
from schemas.errors import StrandlineError

BODY_LIMIT = 2 * 1024**2  # bytes of an XML body; what it becomes is bounded again when it is stored


async def read_configuration(
    request: Request, root: str, kind: type[T], digest: bool = False, limit: int = BODY_LIMIT
) -> T:
    """The configuration in a request's body of at most `limit` bytes. Raises MalformedXML, MessageTooLong;
    InvalidRequest where a `digest` of the body is required and there is none."""
    if digest:
        require_digest(request.headers)
    return read_struct(parse(await whole(request, limit), root), kind)


def xml_answer(root: str, content: str) -> Response:
    return Response(200, [XML_TYPE], document(root, content))


def put(
    kind: Kind[T],
    root: str,
    check: Callable[[T], None] | None = None,
    *,
    status: int = 200,
    digest: bool = False,
    limit: int = BODY_LIMIT,
) -> Handler:
    """A handler that checks a document of at most `limit` bytes and sets it."""

    async def handler(request: Request) -> Response:
        bucket = await request.services.reader.bucket(request.bucket)
        configuration = await read_configuration(request, root, kind.type, digest, limit)
        if check is not None:
            check(configuration)
        await request.services.producer.configure_bucket(bucket, kind, configuration, request.origin())
        return Response(status, [])

    return handler


def get(kind: Kind[T], root: str, absent: type[StrandlineError] | T) -> Handler:
    """A handler that answers with the document, or with `absent`: an error, or what a bucket has unasked."""

    async def handler(request: Request) -> Response:
        bucket = await request.services.reader.bucket(request.bucket)
        found = await request.services.reader.configuration(bucket, kind)
        if found is None:
            if isinstance(absent, type):
                raise absent(BucketName=bucket.name)
            found = absent
        return xml_answer(root, write_struct(found))

    return handler


def delete(kind: Kind[T]) -> Handler:
    """A handler that removes the document; that there was none is no error."""

    async def handler(request: Request) -> Response:
        bucket = await request.services.reader.bucket(request.bucket)
        if kind.name in bucket.configurations:
            await request.services.producer.configure_bucket(bucket, kind, None, request.origin())
        return Response(204, [])

    return handler
