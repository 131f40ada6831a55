"""Reads the documents of an issuer over HTTP, as somebody whom neither issuer nor client can lead astray.

One GET, without redirects, proxies, cookies or credentials, to addresses that were checked after the name was
looked up; bounded in time and size. What came is never told to a client.

Names are looked up in threads of its own, so that slow ones keep no thread from anybody else. There is one
for each slot: no look-up waits for another.
"""

import asyncio
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httptools

from access.openid.slots import AT_ONCE, Slot
from access.openid.urls import Place, may_connect, place_of
from schemas.errors import ConfigurationError, InvalidIdentityToken, IssuerUnreachable

BODY_LIMIT = 128 * 1024  # bytes of a document
ANSWER_LIMIT = BODY_LIMIT + 32 * 1024  # with its headers
SECONDS = 5.0  # for all of it: looking up the name, connecting, TLS, the answer
ADDRESSES_LIMIT = 4  # that are tried of those that a name has
CHUNK = 16 * 1024


class Unusable(InvalidIdentityToken):
    """The issuer answers, but not with what it should; the message is for the operator."""


class Fetcher:
    """Gets documents.

    loopback  whether issuers may be on this machine, over plain HTTP too
    ca        PEM file of authorities that are trusted beside the machine's own
    """

    def __init__(self, loopback: bool = False, ca: Path | None = None) -> None:
        self.loopback = loopback
        self._ca = ca
        self._trust = None if ca is None else self._context()
        self._look_ups = ThreadPoolExecutor(AT_ONCE, "issuer-look-up")

    async def get(self, url: str, slot: Slot) -> bytes:
        """The document. slot: one that was entered. Raises IssuerUnreachable; Unusable for a URL that is not
        taken, another status than 200, too much, or what is no HTTP."""
        place = place_of(url, self.loopback)
        if place is None:
            raise Unusable(f"{url!r} is not taken: it must be an https URL of another machine")
        try:
            async with asyncio.timeout(SECONDS):
                return await self._get(place, slot)
        except ssl.SSLCertVerificationError as error:
            raise Unusable(f"{url}: its certificate is not trusted: {error.verify_message}") from None
        except (TimeoutError, OSError) as error:
            raise IssuerUnreachable(f"{url}: {str(error) or type(error).__name__}") from error
        except ValueError as error:
            raise Unusable(f"{url}: no name of a host: {error}") from None

    async def _get(self, place: Place, slot: Slot) -> bytes:
        reader, writer = await self._connected(place, slot)
        try:
            writer.write(
                f"GET {place.target} HTTP/1.1\r\nHost: {place.authority}\r\nAccept: application/json\r\n"
                "Accept-Encoding: identity\r\nUser-Agent: Strandline\r\nConnection: close\r\n\r\n".encode()
            )
            return await _body_of(reader)
        finally:
            writer.transport.abort()

    async def _connected(self, place: Place, slot: Slot) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        look_up = asyncio.get_running_loop().run_in_executor(
            self._look_ups, partial(socket.getaddrinfo, place.host, place.port, type=socket.SOCK_STREAM)
        )
        slot.keep_for(look_up)
        await asyncio.wait([look_up])  # which, unlike an await of it, does not cancel it when time is up
        addresses = [
            address
            for one in look_up.result()
            if may_connect(address := str(one[4][0]), place.scheme, self.loopback)
        ]
        if not addresses:
            raise Unusable(f"{place.host} leads to no address that may be connected to")
        if place.scheme == "https" and self._trust is None:
            self._trust = self._context()
        trust, name = (self._trust, place.host) if place.scheme == "https" else (None, None)
        failure: OSError | None = None
        for address in addresses[:ADDRESSES_LIMIT]:
            try:
                return await asyncio.open_connection(address, place.port, ssl=trust, server_hostname=name)
            except OSError as error:
                failure = error
        assert failure is not None
        raise failure

    def _context(self) -> ssl.SSLContext:
        """Raises ConfigurationError for a file that is no list of certificates."""
        context = ssl.create_default_context()
        if self._ca is not None:
            try:
                context.load_verify_locations(cafile=self._ca)
            except (OSError, ssl.SSLError) as error:
                raise ConfigurationError(f"oidc_ca: {self._ca} cannot be used: {error}") from None
        return context


class _Answer:
    """What the parser tells of an answer. framed: whether its headers say where it ends."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.framed = self.complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.framed |= name.lower() in (b"content-length", b"transfer-encoding")

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.complete = True


async def _body_of(reader: asyncio.StreamReader) -> bytes:
    answer = _Answer()
    parser = httptools.HttpResponseParser(answer)
    received = 0
    while not answer.complete and (data := await reader.read(CHUNK)):
        received += len(data)
        if received > ANSWER_LIMIT:
            raise Unusable(f"an answer of more than {BODY_LIMIT} bytes")
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise Unusable(f"no HTTP: {error}") from None
    status = parser.get_status_code() if received else 0
    if not received or (answer.framed and not answer.complete):
        raise IssuerUnreachable("the answer ended too early")
    if status == 429 or status >= 500:
        raise IssuerUnreachable(f"status {status}")
    if status != 200:
        raise Unusable(f"status {status}, where redirects are not followed")
    if len(answer.body) > BODY_LIMIT:
        raise Unusable(f"a document of more than {BODY_LIMIT} bytes")
    return bytes(answer.body)
