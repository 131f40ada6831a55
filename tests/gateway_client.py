"""Handlers of object operations over the embedded engine, without HTTP: for unit tests of `gateway`."""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Literal

from access.identity import Principal
from gateway.acl_request import WRITES, acl_of_write
from gateway.acl_xml import ACL_HEADERS
from gateway.authorization.authorizer import authorize
from gateway.handlers import handlers
from gateway.operations import OPERATIONS
from gateway.request import Request
from schemas.events import Origin
from schemas.ids import uuid7
from strandline.data_dir import DataDir
from strandline.embedded import open_parts
from strandline.services import EmbeddedServices
from strandline.settings import Settings

MIB = 1024**2
METHODS = {operation.name: operation.method for operation in OPERATIONS}
HANDLERS = handlers()
ROOT = Principal("f" * 64, "root", "key")


class Body:
    """A request's body as the HTTP server hands it over: whole, or piece by piece."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    async def __call__(self) -> bytes:
        return self.data

    def here(self) -> bytes:
        return self.data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.data), 300_000):
            yield self.data[start : start + 300_000]


class Answer:
    """Status, headers and whole body of an answer."""

    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.body = status, body
        self.headers = dict(headers)
        assert len(self.headers) == len(headers), "a header twice"

    def element(self, name: str) -> str:
        """The text of the first element of that name."""
        found = re.search(f"<{name}>(.*?)</{name}>", self.body.decode())
        assert found, f"no {name} in {self.body!r}"
        return found[1]


class Client:
    """Calls handlers as the application would."""

    def __init__(self, services: EmbeddedServices) -> None:
        self.services = services.services

    async def call(
        self, operation: str, key: str = "key", body: bytes = b"", query: str = "", bucket: str = "bucket",
        principal: Principal = ROOT, **headers: str,
    ) -> Answer:  # fmt: skip
        named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        named.setdefault("content-length", str(len(body)))
        parameters = dict(item.partition("=")[::2] for item in query.split("&") if item)
        request = Request(
            METHODS[operation], f"/{bucket}/{key}", bucket, key, parameters, {"host": "here", **named},
            uuid7(), "127.0.0.1", operation, principal, self.services, Body(body),
        )  # fmt: skip
        handler = await authorize(request, HANDLERS[operation])
        if operation in WRITES and not ACL_HEADERS.isdisjoint(named):
            request.acl = await acl_of_write(request)
        status, out, data = await handler(request)
        if not isinstance(data, bytes):
            data = b"".join([bytes(chunk) async for chunk in data])
        return Answer(status, out, data)

    async def put(self, key: str, body: bytes, **headers: str) -> Answer:
        return await self.call("PutObject", key, body, **headers)

    async def get(self, key: str = "key", query: str = "", **headers: str) -> Answer:
        return await self.call("GetObject", key, b"", query, **headers)

    async def upload(self, key: str, *parts: bytes, **headers: str) -> Answer:
        """A whole multipart upload."""
        begun = await self.call("CreateMultipartUpload", key, query="uploads", **headers)
        upload = begun.element("UploadId")
        listed = ""
        for number, part in enumerate(parts, 1):
            stored = await self.call("UploadPart", key, part, f"partNumber={number}&uploadId={upload}")
            listed += f"<Part><PartNumber>{number}</PartNumber><ETag>{stored.headers['etag']}</ETag></Part>"
        return await self.complete(key, upload, listed)

    async def complete(self, key: str, upload: str, parts: str, **headers: str) -> Answer:
        body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        return await self.call("CompleteMultipartUpload", key, body, f"uploadId={upload}", **headers)

    async def versioning(self, state: Literal["enabled", "suspended"]) -> None:
        bucket = await self.services.reader.bucket("bucket")
        await self.services.producer.set_versioning(bucket, state, self.origin())

    async def open_to_all(self) -> None:
        """Let everybody read the objects."""
        statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
        statement["Resource"] = "arn:aws:s3:::bucket/*"
        await self.call("DeletePublicAccessBlock", "")
        text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        await self.call("PutBucketPolicy", "", text.encode())

    @staticmethod
    def origin() -> Origin:
        return Origin(uuid7(), ROOT.id)


Scenario = Callable[[Client], Awaitable[None]]


def run(folder: Path, scenario: Scenario) -> None:
    """Run the scenario against a new store in that folder, with one bucket named "bucket"."""
    asyncio.run(_main(folder, scenario))


async def _main(folder: Path, scenario: Scenario) -> None:
    settings = Settings(data_dir=folder / "data")
    data = DataDir(settings.data_dir)
    data.create()
    async with open_parts(settings, data) as (_, services):
        client = Client(services)
        await client.services.producer.create_bucket("bucket", ROOT.id, client.origin())
        await scenario(client)


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()
