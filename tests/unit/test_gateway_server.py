"""The application behind the real HTTP server: what goes wrong, what is observed, how it drains."""

import asyncio
import http.client
import io
import logging
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError

from access.acl import owner_only
from access.identity import Credential, Principal
from access.session_tokens import not_a_token
from access.sigv4 import Verifier
from gateway.app import Application
from gateway.body import payload, whole
from gateway.http1.server import Server
from gateway.in_progress import InProgress
from gateway.pace import DEFAULT_PACE, Pace
from gateway.registry import Handler, Registry
from gateway.request import Request, Response, Services
from ingest.digests import digest_whole
from query.bucket_rules import BucketRules
from schemas.configurations.public_access_block import ALL_BLOCKED
from schemas.errors import BlobCorrupt, NoSuchKey, StorageFull
from tests.server import free_port

OWNER = "f" * 64


CREDENTIAL = Credential("AK", "SK", Principal(OWNER, "root", "AK"))


class Identities:
    """One access key."""

    def credential(self, access_key: str) -> Credential | None:
        if access_key != "AK":
            return None
        return CREDENTIAL

    def session(self, access_key: str, token: str) -> Credential | None:
        raise not_a_token(token)


class Finished(NamedTuple):
    """What the application reports of a request."""

    operation: str
    bucket: str
    key: str
    status: int
    received: int
    sent: int
    seconds: float
    principal: str
    source: str
    request_id: str
    code: str
    arn: str
    unique_id: str
    access_key: str
    agent: str


class Reports:
    """What was observed, to be waited for."""

    def __init__(self) -> None:
        self._finished: list[Finished] = []
        self._more = asyncio.Event()

    def observe(self, *report: Any) -> None:
        self._finished.append(Finished(*report))
        self._more.set()

    async def first(self) -> Finished:
        await asyncio.wait_for(self._more.wait(), 10)
        return self._finished[0]


class Site:
    """A served application and clients for it."""

    def __init__(self, inside: InProgress, port: int, reports: Reports) -> None:
        self.inside, self.port, self.report = inside, port, reports.first
        self.s3: Any = boto3.client(
            "s3", endpoint_url=f"http://127.0.0.1:{port}", aws_access_key_id="AK", aws_secret_access_key="SK",
            region_name="us-east-1",
            config=Config(
                retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, signature_version="s3v4"
            ),
        )  # fmt: skip

    async def call(self, name: str, **arguments: Any) -> Any:
        return await asyncio.to_thread(getattr(self.s3, name), **arguments)

    async def download(self) -> bytes:
        """The whole of an object."""
        answer = await self.call("get_object", Bucket="abc", Key="k")
        return bytes(await asyncio.to_thread(answer["Body"].read))

    async def refused(self, name: str, **arguments: Any) -> str:
        """The error code of a call that must fail."""
        with pytest.raises(ClientError) as caught:
            await self.call(name, **arguments)
        return str(caught.value.response["Error"]["Code"])

    async def raw(self, head: str, body: bytes = b"") -> bytes:
        """Everything the server sends until it closes the connection."""
        return await asyncio.to_thread(
            self._raw, head.replace("\n", "\r\n").encode(errors="surrogateescape") + b"\r\n\r\n" + body
        )

    def _raw(self, data: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(data)
            return b"".join(iter(lambda: connection.recv(65536), b""))


class NoBuckets:
    """Of every name there is one, of the caller's account, about which nothing was set."""

    def known_bucket(self, name: str) -> Any:
        return SimpleNamespace(owner_id=OWNER, configurations={})

    remembered_bucket = known_bucket

    async def bucket(self, name: str) -> Any:
        return SimpleNamespace(owner_id=OWNER, configurations={}, name=name)

    async def find(self, bucket: Any, key: str, version: str | None) -> Any:
        raise NoSuchKey(key)

    async def rules(self, bucket: Any, _of_account: Any) -> BucketRules:
        return BucketRules((), {}, False, owner_only(OWNER), "BucketOwnerEnforced", ALL_BLOCKED, False)


def serve(
    handlers: dict[str, Handler],
    scenario: Callable[[Site], Awaitable[None]],
    *domains: str,
    pace: Pace = DEFAULT_PACE,
) -> None:
    """Run the scenario against a server with those handlers."""

    async def main() -> None:
        reports = Reports()
        inside = InProgress(3)
        reader: Any = NoBuckets()
        identities: Any = SimpleNamespace(
            stale=False,
            directory=SimpleNamespace(
                limited=False,
                root=SimpleNamespace(principal=CREDENTIAL.principal),
                number_of={OWNER: "1" * 12}.get,
                public_block=lambda owner: None,
            ),
        )
        services = Services(None, reader, identities, domains=domains, pace=pace, kms=None)  # type: ignore[arg-type]
        application = Application(
            services,
            Registry(handlers),
            Verifier(Identities()),
            reports.observe,
            inside,
        )
        port = free_port()
        server = Server(application.answer, "127.0.0.1", port)
        serving = asyncio.create_task(server.serve())
        site = Site(inside, port, reports)
        try:
            await _listening(port)
            await asyncio.wait_for(scenario(site), 60)
        finally:
            server.stop()
            await asyncio.wait_for(serving, 30)

    asyncio.run(main())


async def _listening(port: int) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.01)
                continue
            writer.close()
            return


async def hello(request: Request) -> Response:
    return Response(200, [("content-type", "text/plain")], f"{request.bucket}|{request.key}".encode())


async def take(request: Request) -> Response:
    body = await payload(request)
    chunks = body.chunks
    data = chunks if isinstance(chunks, bytes) else b"".join([chunk async for chunk in chunks])
    digest_whole(body, data)
    return Response(200, [("etag", f'"{len(data)}"')])


def test_a_request_is_answered_and_reported() -> None:
    async def scenario(site: Site) -> None:
        answer = await site.call("get_object", Bucket="abc", Key="a/../b//é \x01")
        assert answer["Body"].read() == "abc|a/../b//é \x01".encode()
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        assert headers["server"] == "Strandline"
        report = await site.report()
        assert report[:6] == ("GetObject", "abc", "a/../b//é \x01", 200, 0, 16)
        assert report[7:11] == (OWNER, "127.0.0.1", headers["x-amz-request-id"], "")
        assert report.access_key == "AK"
        assert report.agent.startswith("Boto3/")

    serve({"GetObject": hello}, scenario)


def test_errors_before_anything_is_known() -> None:
    async def scenario(site: Site) -> None:
        answer = await site.raw("GET /abc/k HTTP/1.1\nHost: x\nConnection: close")
        assert b" 403 " in answer
        assert (
            b"<Code>AccessDenied</Code><Message>Access Denied</Message><Resource>/abc/k</Resource>" in answer
        )
        assert (await site.report())[:4] == ("GetObject", "abc", "k", 403)
        answer = await site.raw("OPTIONS * HTTP/1.1\nHost: x\nConnection: close")
        assert b"<Code>InvalidURI</Code>" in answer
        answer = await site.raw(f"GET /abc HTTP/1.1\nHost: x\nConnection: close\nx-a: {'a' * 9000}")
        assert b"<Code>RequestHeaderSectionTooLarge</Code>" in answer
        answer = await site.raw("GET /abc HTTP/1.1\nHost: x\nConnection: close\nx-amz-meta-a: \udcff")
        assert b"<ArgumentName>x-amz-meta-a</ArgumentName>" in answer
        answer = await site.raw("HEAD /abc HTTP/1.1\nHost: x\nConnection: close")
        assert answer.endswith(b"\r\n\r\n")
        assert b" 403 " in answer

    serve({"GetObject": hello}, scenario)


def test_what_is_unknown_becomes_an_internal_error(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(request: Request) -> Response:
        raise {
            "bug": ZeroDivisionError("secret"),
            "disk": StorageFull("/secret"),
            "slow": TimeoutError("secret"),
        }[request.key]

    async def scenario(site: Site) -> None:
        for key, status, code in (
            ("bug", 500, "InternalError"),
            ("disk", 507, "InsufficientStorage"),
            ("slow", 503, "SlowDown"),
        ):
            with pytest.raises(ClientError) as caught:
                await site.call("get_object", Bucket="abc", Key=key)
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
            assert caught.value.response["Error"]["Code"] == code
            assert "secret" not in str(caught.value.response)

    with caplog.at_level(logging.WARNING, "gateway.app"):
        serve({"GetObject": broken}, scenario)
    assert sum("ZeroDivisionError" in (record.exc_text or "") for record in caplog.records) == 1


def test_a_body_that_fails_before_its_first_byte_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    async def corrupt(request: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            raise BlobCorrupt("pack 7 at byte 12")
            yield b""

        return Response(200, [("content-length", "5")], chunks())

    async def scenario(site: Site) -> None:
        assert await site.refused("get_object", Bucket="abc", Key="k") == "InternalError"

    with caplog.at_level(logging.ERROR, "gateway.app"):
        serve({"GetObject": corrupt}, scenario)
    assert "pack 7 at byte 12" in caplog.text


def test_a_body_that_fails_later_is_visibly_short(caplog: pytest.LogCaptureFixture) -> None:
    async def corrupt(request: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"x" * 100
            raise BlobCorrupt("pack 7 at byte 12")

        return Response(200, [("content-length", "500")], chunks())

    async def scenario(site: Site) -> None:
        # Short of its length, or, when the server had not sent the head yet, not there at all.
        with pytest.raises(BotoCoreError):
            await site.download()
        report = await site.report()
        assert (report.status, report.sent, report.code) == (200, 100, "InternalError")

    with caplog.at_level(logging.ERROR, "gateway.streaming"):
        serve({"GetObject": corrupt}, scenario)
    assert "broke off after 100 bytes" in caplog.text


def test_a_client_that_leaves_ends_the_stream() -> None:
    ended = asyncio.Event()

    async def endless(request: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            try:
                for _ in range(10_000):
                    yield b"x" * 1024**2
            finally:
                ended.set()

        return Response(200, [("content-length", str(10_000 * 1024**2))], chunks())

    async def scenario(site: Site) -> None:
        answer = await site.call("get_object", Bucket="abc", Key="k")
        await asyncio.to_thread(answer["Body"].read, 10)
        answer["Body"].close()
        await asyncio.wait_for(ended.wait(), 30)
        assert (await site.report()).code == "ClientDisconnected"

    serve({"GetObject": endless}, scenario)


MIB = 1024**2


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel of Linux what is on its way")
def test_a_client_that_stops_reading_is_given_up_with_little_in_memory() -> None:
    produced = 0

    async def endless(request: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            nonlocal produced
            for _ in range(10_000):
                produced += 1
                yield bytes(MIB)

        return Response(200, [("content-length", str(10_000 * MIB))], chunks())

    async def scenario(site: Site) -> None:
        answer = await site.call("get_object", Bucket="abc", Key="k")
        assert (await site.report()).code == "RequestTimeout"
        answer["Body"].close()
        # What the server and both kernels' buffers hold, generously.
        assert produced < 64

    serve({"GetObject": endless}, scenario, pace=Pace(0.2))


def test_a_long_body_arrives_whole() -> None:
    chunk = bytes(range(256)) * (MIB // 256)

    async def long(request: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(64):
                yield chunk

        return Response(200, [("content-length", str(64 * MIB))], chunks())

    async def scenario(site: Site) -> None:
        for _ in range(2):
            assert await site.download() == chunk * 64

    serve({"GetObject": long}, scenario)


@pytest.mark.parametrize("size", [0, 5, 200_000, 3_000_000])
@pytest.mark.parametrize("form", ["sha256", "trailer", "unsigned"])
def test_bodies_arrive_whole(size: int, form: str) -> None:
    async def scenario(site: Site) -> None:
        body = bytes(range(256)) * (size // 256 + 1)
        if form == "unsigned":
            url = site.s3.generate_presigned_url("put_object", Params={"Bucket": "abc", "Key": "k"})
            assert await asyncio.to_thread(_put, site.port, url, body[:size]) == (200, f'"{size}"')
        else:
            more = {"ChecksumAlgorithm": "SHA256"} if form == "trailer" else {}
            answer = await site.call(
                "put_object", Bucket="abc", Key="k", Body=io.BytesIO(body[:size]), **more
            )
            assert answer["ETag"] == f'"{size}"'
        assert (await site.report()).received >= size

    serve({"PutObject": take}, scenario)


def _put(port: int, url: str, body: bytes) -> tuple[int, str | None]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("PUT", url.partition(str(port))[2], body)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.getheader("etag")


def _presigned(site: Site, **more: str) -> str:
    parameters = {"Bucket": "abc", "Key": "k", **more}
    url = site.s3.generate_presigned_url("put_object", Params=parameters)
    return str(url.partition(str(site.port))[2])


@pytest.mark.parametrize("announced", [10, 2_000_000])
def test_a_client_that_goes_away_in_mid_body(announced: int) -> None:
    """The server's iteration simply ends, so it is the count that tells."""

    async def scenario(site: Site) -> None:
        host = f"127.0.0.1:{site.port}"
        head = f"PUT {_presigned(site)} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {announced}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", site.port)) as connection:
            connection.sendall(head.encode() + b"abc")
        assert (await site.report()).code == "IncompleteBody"

    serve({"PutObject": take}, scenario)


@pytest.mark.parametrize("announced", [10, 2_000_000])
def test_a_client_that_stops_sending(announced: int) -> None:
    async def scenario(site: Site) -> None:
        head = f"PUT {_presigned(site)} HTTP/1.1\nHost: 127.0.0.1:{site.port}\nContent-Length: {announced}"
        assert b"<Code>RequestTimeout</Code>" in await site.raw(head, b"abc")

    serve({"PutObject": take}, scenario, pace=Pace(0.05))


def test_a_body_needs_a_length() -> None:
    async def scenario(site: Site) -> None:
        head = f"PUT {_presigned(site)} HTTP/1.1\nHost: 127.0.0.1:{site.port}\nTransfer-Encoding: chunked"
        answer = await site.raw(head + "\nConnection: close", b"3\r\nabc\r\n0\r\n\r\n")
        assert b" 411 " in answer
        assert b"<Code>MissingContentLength</Code>" in answer

    serve({"PutObject": take}, scenario)


def test_xml_bodies_are_checked_and_bounded() -> None:
    async def configure(request: Request) -> Response:
        return Response(200, [], await whole(request, 300))

    async def scenario(site: Site) -> None:
        status = {"Status": "Enabled"}
        await site.call("put_bucket_versioning", Bucket="abc", VersioningConfiguration=status)
        long = {"Status": "Enabled" * 100}
        site.s3.meta.config.parameter_validation = False
        code = await site.refused("put_bucket_versioning", Bucket="abc", VersioningConfiguration=long)
        assert code == "MaxMessageLengthExceeded"
        code = await site.refused(
            "put_bucket_versioning", Bucket="abc", VersioningConfiguration=status, ContentMD5="A" * 22 + "=="
        )
        assert code == "BadDigest"

    serve({"PutBucketVersioning": configure}, scenario)


def test_headers_in_a_presigned_url_count() -> None:
    async def scenario(site: Site) -> None:
        path = _presigned(site)
        assert await asyncio.to_thread(_put, site.port, f"http://h:{site.port}{path}", b"x") == (200, '"1"')
        rest = f"HTTP/1.1\nHost: 127.0.0.1:{site.port}\nContent-Length: 0\nConnection: close"
        answer = await site.raw(f"PUT {path}&x-amz-mfa=1 {rest}")
        assert b"<Code>SignatureDoesNotMatch</Code>" in answer
        request = AWSRequest("PUT", f"http://127.0.0.1:{site.port}/abc/k", params={"x-amz-mfa": "1"})
        S3SigV4QueryAuth(Credentials("AK", "SK"), "s3", "us-east-1").add_auth(request)
        path = request.url.partition(str(site.port))[2]
        answer = await site.raw(f"PUT {path} {rest}")
        assert b"<Code>NotImplemented</Code>" in answer
        assert b"x-amz-mfa: 1" in answer

    serve({"PutObject": take}, scenario)


def test_virtual_hosts() -> None:
    async def scenario(site: Site) -> None:
        client = boto3.client(
            "s3", endpoint_url="http://s3.test", aws_access_key_id="AK", aws_secret_access_key="SK",
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "virtual"}, signature_version="s3v4"),
        )  # fmt: skip
        url = client.generate_presigned_url("get_object", Params={"Bucket": "my.bucket", "Key": "k/l"})
        host, _, path = url.removeprefix("http://").partition("/")
        assert host == "my.bucket.s3.test"
        answer = await site.raw(f"GET /{path} HTTP/1.1\nHost: {host}\nConnection: close")
        assert answer.endswith(b"my.bucket|k/l")

    serve({"GetObject": hello}, scenario, "s3.test")


def test_virtual_hosts_behind_a_proxy() -> None:
    """The bucket is that of the host which was signed, whatever the other headers say."""

    async def scenario(site: Site) -> None:
        client = boto3.client(
            "s3", endpoint_url="https://s3.test", aws_access_key_id="AK", aws_secret_access_key="SK",
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "virtual"}, signature_version="s3v4"),
        )  # fmt: skip
        url = client.generate_presigned_url("get_object", Params={"Bucket": "my.bucket", "Key": "k/l"})
        host, _, path = url.removeprefix("https://").partition("/")
        begin = f"GET /{path} HTTP/1.1\nConnection: close\n"
        for outer, told in (("10.0.0.1:9000", host), ("other.s3.test", host), (host, "other.s3.test")):
            answer = await site.raw(f"{begin}Host: {outer}\nX-Forwarded-Host: {told}")
            assert answer.endswith(b"my.bucket|k/l"), (outer, told)
        answer = await site.raw(f"{begin}Host: 10.0.0.1:9000\nX-Forwarded-Host: other.s3.test")
        assert b"<Code>SignatureDoesNotMatch</Code>" in answer

    serve({"GetObject": hello}, scenario, "s3.test")


def test_the_expected_owner_is_checked() -> None:
    async def scenario(site: Site) -> None:
        await site.call("get_object", Bucket="abc", Key="k", ExpectedBucketOwner=OWNER)
        assert (
            await site.refused("get_object", Bucket="abc", Key="k", ExpectedBucketOwner="0" * 12)
            == "AccessDenied"
        )

    serve({"GetObject": hello}, scenario)


def test_details_of_errors_reach_the_client() -> None:
    async def missing(request: Request) -> Response:
        raise NoSuchKey(Key=request.key, delete_marker="true", version_id="v1")

    async def scenario(site: Site) -> None:
        with pytest.raises(ClientError) as caught:
            await site.call("get_object", Bucket="abc", Key="k<&>")
        answer = caught.value.response
        assert answer["Error"]["Key"] == "k<&>"
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        assert (headers["x-amz-delete-marker"], headers["x-amz-version-id"]) == ("true", "v1")

    serve({"GetObject": missing}, scenario)


def test_requests_beyond_the_limit_are_told_to_slow_down() -> None:
    go_on = asyncio.Event()

    async def slow(request: Request) -> Response:
        await go_on.wait()
        return Response(200, [], b"done")

    async def scenario(site: Site) -> None:
        running = [asyncio.create_task(site.call("get_object", Bucket="abc", Key="k")) for _ in range(3)]
        async with asyncio.timeout(30):
            while site.inside.count < 3:  # noqa: ASYNC110 - it counts without telling
                await asyncio.sleep(0.01)
        assert await site.refused("get_object", Bucket="abc", Key="k") == "SlowDown"
        assert site.inside.count == 3
        go_on.set()
        assert [(await one)["Body"].read() for one in running] == [b"done"] * 3
        assert (await site.call("get_object", Bucket="abc", Key="k"))["Body"].read() == b"done"

    serve({"GetObject": slow}, scenario)


def test_draining_finishes_what_has_begun_and_refuses_the_rest() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: Request) -> Response:
        begun.set()
        await go_on.wait()
        return Response(200, [], b"done")

    async def scenario(site: Site) -> None:
        running = asyncio.create_task(site.call("get_object", Bucket="abc", Key="k"))
        await begun.wait()
        assert not await site.inside.drain(0.01)
        assert await site.refused("get_object", Bucket="abc", Key="k") == "ServiceUnavailable"
        assert site.inside.count == 1
        draining = asyncio.create_task(site.inside.drain(30))
        go_on.set()
        assert await draining
        assert (await running)["Body"].read() == b"done"
        assert await site.inside.drain(0)

    serve({"GetObject": slow}, scenario)


def test_a_refused_expectation_ends_the_connection() -> None:
    """Its client keeps the body back; what it sends next must not be taken for that body."""

    async def scenario(site: Site) -> None:
        head = (
            f"PUT /bucket/key HTTP/1.1\nHost: 127.0.0.1:{site.port}\nContent-Length: 1\nExpect: 100-continue"
        )
        answer = await site.raw(head, b"")
        assert b" 403 " in answer
        assert b"connection: close" in answer.lower()

    serve({"PutObject": take}, scenario)
