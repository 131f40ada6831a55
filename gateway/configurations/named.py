"""Configurations of which a bucket has up to 1,000, told apart by ids: analytics, metrics, inventory …"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Generic

from gateway.configurations.resource import read_configuration, xml_answer
from gateway.continuation import decode_token, encode_token
from gateway.registry import Handler
from gateway.request import Request, Response
from gateway.xml import escape
from gateway.xml_structs import write_struct
from schemas.configurations.kinds import Kind, T
from schemas.errors import InvalidArgument, NoSuchConfiguration

PAGE = 100

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Named(Generic[T]):
    """The four operations on a kind.

    root   the element of one configuration
    list   the element of a page of them
    check  raises what AWS raises for a configuration against the rules
    """

    def __init__(self, kind: Kind[T], root: str, list_root: str, check: Callable[[T], None]) -> None:
        self._kind = kind
        self._root = root
        self._list_root = list_root
        self._check = check

    def handlers(self, name: str, plural: str) -> Mapping[str, Handler]:
        """By operation name; `name` and `plural` are what those are made of."""
        return {
            f"DeleteBucket{name}": self.delete,
            f"GetBucket{name}": self.get,
            f"ListBucket{plural}": self.page,
            f"PutBucket{name}": self.put,
        }

    async def put(self, request: Request) -> Response:
        """Set the configuration of that id. Raises TooManyConfigurations when there are 1,000 others."""
        services = request.services
        bucket = await services.reader.bucket(request.bucket)
        identifier = _identifier(request)
        configuration: Any = await read_configuration(request, self._root, self._kind.type)
        if configuration.id != identifier:
            raise InvalidArgument(
                "The id in the document is not that of the request",
                ArgumentName="Id",
                ArgumentValue=configuration.id,
            )
        self._check(configuration)
        await services.producer.configure_bucket(
            bucket, self._kind, configuration, request.origin(), identifier
        )
        return Response(200, [])

    async def get(self, request: Request) -> Response:
        """The configuration of that id. Raises NoSuchConfiguration."""
        reader = request.services.reader
        bucket = await reader.bucket(request.bucket)
        found = await reader.configuration(bucket, self._kind, _identifier(request))
        if found is None:
            raise NoSuchConfiguration()
        return xml_answer(self._root, write_struct(found))

    async def delete(self, request: Request) -> Response:
        """Remove the configuration of that id. Raises NoSuchConfiguration."""
        services = request.services
        bucket = await services.reader.bucket(request.bucket)
        identifier = _identifier(request)
        if await services.reader.configuration(bucket, self._kind, identifier) is None:
            raise NoSuchConfiguration()
        await services.producer.configure_bucket(bucket, self._kind, None, request.origin(), identifier)
        return Response(204, [])

    async def page(self, request: Request) -> Response:
        """Up to 100 configurations, in order of their ids."""
        reader = request.services.reader
        bucket = await reader.bucket(request.bucket)
        token = request.query.get("continuation-token")
        after = decode_token(token) if token else None
        found = await reader.configurations(bucket, self._kind, after, PAGE + 1)
        more = len(found) > PAGE
        content = "".join(f"<{self._root}>{write_struct(one)}</{self._root}>" for _, one in found[:PAGE])
        content += f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>"
        if token:
            content += f"<ContinuationToken>{escape(token)}</ContinuationToken>"
        if more:
            content += f"<NextContinuationToken>{encode_token(found[PAGE - 1][0])}</NextContinuationToken>"
        return xml_answer(self._list_root, content)


def _identifier(request: Request) -> str:
    identifier = request.query["id"]
    if not _ID.fullmatch(identifier):
        raise InvalidArgument(
            "The configuration id must have 1 to 64 letters, digits, dots, underscores or hyphens",
            ArgumentName="id",
            ArgumentValue=identifier,
        )
    return identifier
