"""The HTTP server of the S3 port, byte by byte: what it reads, what it refuses, when a connection goes on."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from gateway.http1.connection import Answer
from gateway.http1.exchange import DRAIN_LIMIT, Disconnected, Exchange
from gateway.http1.head import answer_head
from gateway.http1.reading import HEAD_LIMIT
from gateway.http1.server import Server
from tests.server import free_port

Connect = Callable[[], Awaitable["Client"]]
BAD = b"HTTP/1.1 400 Bad Request\r\n"


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def write(self, text: str | bytes) -> None:
        self.writer.write(text if isinstance(text, bytes) else text.replace("\n", "\r\n").encode())

    async def answer(self) -> tuple[bytes, dict[str, str], bytes]:
        """Status line, headers and body of the next answer."""
        async with asyncio.timeout(20):
            status = await self.reader.readline()
            headers: dict[str, str] = {}
            while (line := await self.reader.readline()) not in (b"\r\n", b""):
                name, _, value = line.decode().partition(":")
                headers[name] = value.strip()
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
            return status, headers, body

    async def rest(self) -> bytes:
        """All until the server ends the connection."""
        async with asyncio.timeout(20):
            return await self.reader.read()


def serve(
    answer: Answer, scenario: Callable[[Connect, Server], Awaitable[None]], *, connections: int = 100,
    head_seconds: float = 60,
) -> None:  # fmt: skip
    async def main() -> None:
        port = free_port()
        server = Server(answer, "127.0.0.1", port, connections=connections, head_seconds=head_seconds)
        serving = asyncio.create_task(server.serve())
        clients: list[Client] = []

        async def connect() -> Client:
            for _ in range(500):
                with suppress(ConnectionRefusedError):
                    client = Client(*await asyncio.open_connection("127.0.0.1", port))
                    clients.append(client)
                    return client
                await asyncio.sleep(0.01)
            raise AssertionError("the server does not listen")

        try:
            async with asyncio.timeout(50):
                await scenario(connect, server)
        finally:
            for one in clients:
                one.writer.close()
            server.stop()
            await asyncio.wait_for(serving, 30)

    asyncio.run(main())


async def echo(exchange: Exchange) -> None:
    """Tells what was asked, and the body that came with it."""
    body = await exchange()
    exchange.answer(200, [], f"{exchange.method} {exchange.path}?{exchange.query} ".encode() + body)


async def refuse(exchange: Exchange) -> None:
    """Leaves the body unread."""
    exchange.answer(403, [], b"no")


def test_requests_of_one_connection_are_answered_in_turn() -> None:
    async def scenario(connect: Connect, _: Server) -> None:
        client = await connect()
        client.write(
            "PUT /b/%C3%A9?x=%41 HTTP/1.1\nHost: h\nContent-Length: 3\n\nabcGET /2 HTTP/1.1\nHost: h\n\n"
        )
        client.write(
            "POST /3 HTTP/1.1\nHost: h\nTransfer-Encoding: chunked\n\n2\nde\n1\nf\n0\nTrailer: t\n\n"
        )
        client.write("GET http://h:1/4?q HTTP/1.1\nHost: h\n\n")
        assert (await client.answer())[2] == "PUT /b/é?x=%41 abc".encode()
        assert (await client.answer())[2] == b"GET /2? "
        assert (await client.answer())[2] == b"POST /3? def"
        assert (await client.answer())[2] == b"GET /4?q "

    serve(echo, scenario)


def test_a_body_may_come_in_any_pieces() -> None:
    async def scenario(connect: Connect, _: Server) -> None:
        client = await connect()
        for piece in b"PUT /k HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello":
            client.write(bytes([piece]))
            await client.writer.drain()
            await asyncio.sleep(0)
        assert (await client.answer())[2] == b"PUT /k? hello"
        client.write("PUT /k HTTP/1.1\nHost: h\nContent-Length: 3000000\n\n")
        client.write(bytes(3_000_000))
        assert len((await client.answer())[2]) == len(b"PUT /k? ") + 3_000_000

    serve(echo, scenario)


@pytest.mark.parametrize(
    ("version", "header", "stays"),
    [("1.1", "", True), ("1.1", "Connection: close\n", False), ("1.0", "", False),
     ("1.0", "Connection: keep-alive\n", True)],
)  # fmt: skip
def test_who_keeps_the_connection(version: str, header: str, stays: bool) -> None:
    async def scenario(connect: Connect, _: Server) -> None:
        client = await connect()
        client.write(f"GET /1 HTTP/{version}\nHost: h\n{header}\n")
        _, headers, _ = await client.answer()
        assert headers.get("connection", "keep-alive") == ("keep-alive" if stays else "close")
        if stays:
            client.write("GET /2 HTTP/1.1\nHost: h\n\n")
            assert (await client.answer())[2] == b"GET /2? "
        else:
            assert await client.rest() == b""

    serve(echo, scenario)


@pytest.mark.parametrize(
    "request_text",
    [
        "PUT /k HTTP/1.1\nHost: h\nContent-Length: 3\nTransfer-Encoding: chunked\n\n0\n\n",
        "PUT /k HTTP/1.1\nHost: h\nContent-Length: 3\nContent-Length: 4\n\nabcd",
        "PUT /k HTTP/1.1\nHost: h\nContent-Length: 3, 3\n\nabc",
        "PUT /k HTTP/1.1\nHost: h\nContent-Length: +3\n\nabc",
        "PUT /k HTTP/1.1\nHost: h\nContent-Length: -1\n\n",
        "PUT /k HTTP/1.1\nHost: h\nTransfer-Encoding: chunked, identity\n\n0\n\n",
        "GET /k HTTP/1.1\nHost: h\nA: b\n c: d\n\n",
        "GET /k HTTP/1.1\nHost: h\nA : b\n\n",
        "GET /k HTTP/1.1\nHost: h\nA: b\0c\n\n",
        "GET /k HTTP/2.0\n\n",
        "GET /k\n\n",
        "\x16\x03\x01\x02\x00\x01\x00",
        b"GET /k HTTP/1.1\nHost: h\n\n",
        b"GET /k HTTP/1.1\r\nHost: h\r\nA: b\rc: d\r\n\r\n",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(request_text: str | bytes) -> None:
    async def scenario(connect: Connect, _: Server) -> None:
        client = await connect()
        client.write(request_text)
        client.write("GET /smuggled HTTP/1.1\nHost: h\n\n")
        got = await client.rest()
        assert got.startswith(BAD)
        assert got.count(b"HTTP/1.1 ") == 1
        assert b"smuggled" not in got

    serve(echo, scenario)


def test_a_body_that_breaks_off_in_its_framing() -> None:
    async def tell(exchange: Exchange) -> None:
        try:
            await exchange()
        except Disconnected:
            exchange.answer(400, [], b"short")

    async def scenario(connect: Connect, _: Server) -> None:
        client = await connect()
        client.write("PUT /k HTTP/1.1\nHost: h\nTransfer-Encoding: chunked\n\n3\nabc\nxyz\n")
        _, headers, body = await client.answer()
        assert (headers["connection"], body) == ("close", b"short")
        assert await client.rest() == b""

    serve(tell, scenario)


def test_methods_that_there_are_not() -> None:
    async def scenario(connect: Connect, _: Server) -> None:
        client = await connect()
        client.write("FROBNICATE /k HTTP/1.1\nHost: h\n\n")
        got = await client.rest()
        assert got.startswith(b"HTTP/1.1 405 ")
        assert b"<Code>MethodNotAllowed</Code>" in got

    serve(echo, scenario)


@pytest.mark.parametrize("long", ["path", "value", "many"])
def test_a_head_without_end(long: str) -> None:
    async def scenario(connect: Connect, _: Server) -> None:
        client = await connect()
        client.write("GET /k" if long == "path" else "GET /k HTTP/1.1\nHost: h\n")
        if long == "value":
            client.write("A: ")
        line = b"a" * 64 if long != "many" else b"a: b\r\n" * 12
        with suppress(ConnectionError):
            for _ in range(HEAD_LIMIT // 16):
                client.write(line)
                await client.writer.drain()
        assert b"<Code>RequestHeaderSectionTooLarge</Code>" in await client.rest()

    serve(echo, scenario)


def test_a_client_that_never_completes_its_head() -> None:
    async def scenario(connect: Connect, _: Server) -> None:
        client = await connect()
        client.write("GET /k HTTP/1.1\nHost: h\nHo")
        with suppress(ConnectionError):
            assert await client.rest() == b""

    serve(echo, scenario, head_seconds=0.1)


@pytest.mark.parametrize("body", [b"", b"abc"])
@pytest.mark.parametrize("framing", ["Content-Length: %d", "Transfer-Encoding: chunked"])
def test_another_protocol_is_offered_in_vain(body: bytes, framing: str) -> None:
    """As by curl --http2, and by Java's client with every request."""

    async def scenario(connect: Connect, _: Server) -> None:
        client = await connect()
        length = framing % len(body) if "%" in framing else framing
        head = (
            "PUT /k HTTP/1.1\nHost: h\nConnection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: A\n"
        )
        client.write(f"{head}{length}\n\n")
        if "%" in framing:
            client.write(body)
        else:
            client.write((b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n")
        client.write("GET /2 HTTP/1.1\nHost: h\n\n")
        assert (await client.answer())[2] == b"PUT /k? " + body
        assert (await client.answer())[2] == b"GET /2? "

    serve(echo, scenario)


def test_a_body_is_asked_for_once_it_is_read() -> None:
    async def scenario(connect: Connect, _: Server) -> None:
        client = await connect()
        client.write("PUT /k HTTP/1.1\nHost: h\nContent-Length: 3\nExpect: 100-continue\n\n")
        assert (await client.answer())[0] == b"HTTP/1.1 100 Continue\r\n"
        client.write("abc")
        assert (await client.answer())[2] == b"PUT /k? abc"

    serve(echo, scenario)


def test_a_body_that_was_not_asked_for_ends_the_connection() -> None:
    async def scenario(connect: Connect, _: Server) -> None:
        client = await connect()
        client.write("PUT /k HTTP/1.1\nHost: h\nContent-Length: 3\nExpect: 100-continue\n\n")
        status, headers, _ = await client.answer()
        assert (status[9:12], headers["connection"]) == (b"403", "close")
        assert await client.rest() == b""

    serve(refuse, scenario)


def test_a_small_body_that_nobody_reads_costs_nothing() -> None:
    async def scenario(connect: Connect, _: Server) -> None:
        client = await connect()
        for _ in range(3):
            client.write(f"PUT /k HTTP/1.1\nHost: h\nContent-Length: {DRAIN_LIMIT}\n\n")
            await asyncio.sleep(0)
            assert (await client.answer())[2] == b"no"
            client.write(bytes(DRAIN_LIMIT))

    serve(refuse, scenario)


def test_the_answer_reaches_a_client_that_still_sends() -> None:
    async def scenario(connect: Connect, _: Server) -> None:
        client = await connect()
        client.write(f"PUT /k HTTP/1.1\nHost: h\nContent-Length: {64 * 1024**2}\n\n")
        for _ in range(64):
            client.write(bytes(1024**2))
            await client.writer.drain()
        _, headers, body = await client.answer()
        assert (headers["connection"], body) == ("close", b"no")
        assert await client.rest() == b""

    serve(refuse, scenario)


def test_pieces_that_change_after_they_were_sent() -> None:
    """One buffer for all of an answer, to a client that takes it slowly."""
    size, count = 256 * 1024, 64
    buffer = bytearray(size)

    async def lend(exchange: Exchange) -> None:
        exchange.begin(200, [("content-length", str(size * count))])
        for number in range(count):
            buffer[:] = bytes([number]) * size
            if not exchange.send(buffer):
                await exchange.room()
        buffer[:] = b"x" * size
        exchange.end()

    async def scenario(connect: Connect, _: Server) -> None:
        client = await connect()
        client.write("GET /k HTTP/1.1\nHost: h\n\n")
        await asyncio.sleep(0.2)  # until the buffers between the two are full
        _, _, body = await client.answer()
        assert body == b"".join(bytes([number]) * size for number in range(count))

    serve(lend, scenario)


def test_a_client_that_asks_and_takes_nothing() -> None:
    answered = 0

    async def large(exchange: Exchange) -> None:
        nonlocal answered
        answered += 1
        exchange.answer(200, [], bytes(1024**2))

    async def scenario(connect: Connect, _: Server) -> None:
        client = await connect()
        client.write("GET /k HTTP/1.1\nHost: h\n\n" * 200)
        while not answered:  # noqa: ASYNC110 - it counts without telling
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        assert answered < 50  # what both kernels' buffers hold, generously
        for _ in range(200):
            assert len((await client.answer())[2]) == 1024**2

    serve(large, scenario)


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_an_answer_of_unknown_length(version: str) -> None:
    async def stream(exchange: Exchange) -> None:
        exchange.begin(200, [])
        for piece in (b"abc", b"de"):
            exchange.send(piece)
        exchange.end()

    async def scenario(connect: Connect, _: Server) -> None:
        client = await connect()
        client.write(f"GET /k HTTP/{version}\nHost: h\nConnection: close\n\n")
        _, _, body = (await client.rest()).partition(b"\r\n\r\n")
        assert body == (b"abcde" if version == "1.0" else b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")

    serve(stream, scenario)


@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_a_body_tell_no_length(status: int) -> None:
    async def nothing(exchange: Exchange) -> None:
        exchange.answer(status, [])

    async def scenario(connect: Connect, _: Server) -> None:
        client = await connect()
        for _ in range(2):
            client.write("GET /k HTTP/1.1\nHost: h\n\n")
            _, headers, _ = await client.answer()
            assert "content-length" not in headers

    serve(nothing, scenario)


def test_a_client_may_close_its_half() -> None:
    async def scenario(connect: Connect, _: Server) -> None:
        client = await connect()
        client.write("GET /k HTTP/1.1\nHost: h\n\n")
        client.writer.write_eof()
        assert (await client.rest()).endswith(b"GET /k? ")

    serve(echo, scenario)


def test_a_server_that_stops_answers_what_has_begun() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        begun.set()
        await go_on.wait()
        exchange.answer(200, [], b"done")

    async def scenario(connect: Connect, server: Server) -> None:
        idle, busy = await connect(), await connect()
        busy.write("GET /k HTTP/1.1\nHost: h\n\n")
        await begun.wait()
        server.stop()
        assert await idle.rest() == b""
        go_on.set()
        _, headers, body = await busy.answer()
        assert (headers["connection"], body) == ("close", b"done")
        assert await busy.rest() == b""

    serve(slow, scenario)


def test_connections_beyond_the_limit_are_told() -> None:
    async def scenario(connect: Connect, _: Server) -> None:
        first = await connect()
        first.write("GET /1 HTTP/1.1\nHost: h\n\n")
        assert (await first.answer())[2] == b"GET /1? "
        assert b"<Code>SlowDown</Code>" in await (await connect()).rest()
        first.write("GET /2 HTTP/1.1\nHost: h\n\n")
        assert (await first.answer())[2] == b"GET /2? "

    serve(echo, scenario, connections=1)


def test_an_application_that_fails_ends_the_connection() -> None:
    async def broken(exchange: Exchange) -> None:
        return

    async def scenario(connect: Connect, _: Server) -> None:
        client = await connect()
        client.write("GET /k HTTP/1.1\nHost: h\n\n")
        with suppress(ConnectionError):
            assert await client.rest() == b""

    serve(broken, scenario)


@pytest.mark.parametrize("value", ["a\r\nset-cookie: x", "a\nb", "a\rb", "a\0b"])
def test_no_header_of_an_answer_ends_its_line(value: str) -> None:
    with pytest.raises(ValueError, match="cannot be sent"):
        answer_head(200, [("x-amz-meta-a", value)], "")
