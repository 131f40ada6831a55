"""Takes aws-chunked framing off a body, and verifies chunk signatures, lengths and trailers on the way.

Source: Amazon S3 API reference, "Signature Calculations for the Authorization Header: Transferring
Payload in Multiple Chunks" and the page on trailing headers. The framing is

    chunk    size in hexadecimal [;chunk-signature=…] CRLF  bytes CRLF      (repeated)
    last     0 [;chunk-signature=…] CRLF  [name:value CRLF]…  [CRLF x-amz-trailer-signature:… CRLF]  CRLF

The parser is synchronous, does no I/O and belongs to one body: it may run on the event loop, or in a
worker thread where chunks are hashed (one call at a time).
"""

from collections.abc import Mapping

from access.chunk_signatures import SignatureChain
from access.sigv4 import STREAMING_UNSIGNED_TRAILER, UNSIGNED_PAYLOAD, Signed
from schemas.errors import (
    IncompleteBody,
    InvalidArgument,
    InvalidChunkSize,
    InvalidRequest,
    MalformedTrailer,
    MissingContentLength,
)

HEADER_LIMIT = 512  # bytes of a chunk header; a signed one takes 85 and the size
TRAILER_LIMIT = 4096  # bytes of all trailers together
MIN_SIGNED_CHUNK = 8192  # bytes, of every signed chunk but the last

# States of the parser: what the next byte belongs to.
_SIZE, _DATA, _DATA_END, _TRAILER, _DONE = range(5)

Buffer = bytes | memoryview


class ChunkedDecoder:
    """Decodes one body. `feed` what arrives, then `finish`; both raise what is wrong with the body.

    What `feed` returned must not be kept as an object before `finish` has returned: bytes of a chunk are
    handed on before its signature has been seen to hold.

    `size` counts the decoded bytes, `trailers` holds the trailing headers once they came, `signed` tells
    whether chunks are hashed.

    length    announced number of decoded bytes, None when unknown
    trailers  lower-case names of trailing headers that were announced and must come
    seed      of a signed body: the request's verified signature
    """

    def __init__(
        self, length: int | None = None, trailers: tuple[str, ...] = (), seed: Signed | None = None
    ) -> None:
        self.size = 0  # decoded bytes so far
        self.trailers: dict[str, str] = {}
        self._length = length
        self._announced = trailers
        self._chain = None if seed is None else SignatureChain(seed)
        self.signed = self._chain is not None
        self._state = _SIZE
        self._held = b""  # an incomplete line (or the CRLF after data)
        self._left = 0  # bytes of the current chunk still to come
        self._short = -1  # size of a chunk under the minimum, if it was not the last so far
        self._chunks = 0  # signed chunks begun so far
        self._trailer_bytes = 0
        self._gap = False  # an empty line came before the trailers' signature
        self._extra = 0  # bytes after the end

    def feed(self, data: bytes) -> list[Buffer]:
        """The body's bytes within the next piece of framed data; views of `data`, not copies.

        Hashing happens here when chunks are signed: about 0.6 ms per MiB. Call it off the event loop for
        pieces of more than 64 KiB.
        """
        if self._held:
            data = self._held + data
            self._held = b""
        pieces: list[Buffer] = []
        view: memoryview | None = None
        at, end = 0, len(data)
        while at < end:
            if self._state == _DATA:
                view = view or memoryview(data)
                stop = min(end, at + self._left)
                piece = view[at:stop]
                self._take(piece)
                pieces.append(piece)
                at = stop
            elif self._state == _DONE:
                self._after_end(data[at:])
                break
            else:
                line_end = data.find(b"\n", at, at + self._line_limit() + 1)
                if line_end < 0:
                    self._hold(data[at:])
                    break
                self._line(data[at : line_end + 1])
                at = line_end + 1
        return pieces

    def finish(self) -> None:
        """The body has ended. Raises IncompleteBody, MalformedTrailer or SignatureDoesNotMatch."""
        if self._state != _DONE:
            if self._gap and not self._held and _TRAILER_SIGNATURE not in self.trailers:
                self._check_trailers()  # what was taken for a gap was the end: the signature is missing
            raise _incomplete(self._length, self.size)
        self._check_length()
        for name in self._announced:
            if name not in self.trailers:
                raise _malformed_trailer(f"{name!r} was announced in x-amz-trailer but did not come")

    def decode(self, body: bytes) -> bytes:
        """A whole body at once; the same as feed, finish and join."""
        decoded = self._decode_one_chunk(body) if self._chain is None else None
        if decoded is None:
            decoded = b"".join(self.feed(body))
            self.finish()
        return decoded

    def _decode_one_chunk(self, body: bytes) -> bytes | None:
        """The usual small body: one chunk, the last chunk, at most one trailer. None: read it properly."""
        begin = body.find(b"\r\n", 0, 10) + 2
        if begin < 3 or not _is_hexadecimal(body[: begin - 2]):
            return None
        stop = begin + int(body[: begin - 2], 16)
        if body[stop : stop + 5] != b"\r\n0\r\n" or body[-4:] != b"\r\n\r\n" or stop == begin:
            return None
        tail = body[stop + 5 : -4]
        if len(tail) > HEADER_LIMIT or b"\n" in tail or b"\r" in tail:
            return None
        if tail:
            self._add_trailer(tail)
        elif len(body) != stop + 7:
            return None
        self.size = stop - begin
        self._state = _DONE
        self.finish()
        return body[begin:stop]

    # --- lines ---------------------------------------------------------------------------------------
    def _line_limit(self) -> int:
        return TRAILER_LIMIT if self._state == _TRAILER else HEADER_LIMIT

    def _hold(self, rest: bytes) -> None:
        if len(rest) > self._line_limit():
            if self._state == _TRAILER:
                raise _malformed_trailer(f"it is longer than {TRAILER_LIMIT} bytes")
            raise IncompleteBody(
                f"A line of the aws-chunked framing is longer than {self._line_limit()} bytes."
            )
        self._held = rest

    def _line(self, line: bytes) -> None:
        if self._state == _SIZE:
            self._begin_chunk(line)
        elif self._state == _DATA_END:
            if line != b"\r\n":
                raise IncompleteBody("The bytes of an aws-chunked chunk are not followed by CRLF.")
            self._state = _SIZE
        else:
            self._trailer_line(line)

    def _begin_chunk(self, line: bytes) -> None:
        text, semicolon, extension = line[:-2].partition(b";")
        if line[-2:] != b"\r\n" or not 0 < len(text) <= 16 or not _is_hexadecimal(text):
            raise IncompleteBody(f"{line[:40]!r} is not the beginning of an aws-chunked chunk.")
        size = int(text, 16)
        if self._length is not None and self.size + size > self._length:
            raise IncompleteBody(
                f"The aws-chunked body holds more than the {self._length} bytes that "
                "x-amz-decoded-content-length announces."
            )
        if self._chain is not None:
            self._check_size(size)
            self._chain.begin(_signature(extension if semicolon else b""))
        self._left = size
        self._state = _DATA
        if size == 0:
            self._end_chunk()
            self._state = _TRAILER

    def _check_size(self, size: int) -> None:
        self._chunks += 1
        if self._short >= 0 and size > 0:
            raise InvalidChunkSize(
                f"Only the last chunk is allowed to have a size less than {MIN_SIGNED_CHUNK} bytes",
                Chunk=str(self._chunks),
                BadChunkSize=str(self._short),
            )
        if 0 < size < MIN_SIGNED_CHUNK:
            self._short = size

    def _after_end(self, rest: bytes) -> None:
        # Some clients end the trailers with one CRLF too many.
        self._extra += len(rest)
        if self._extra > 2 or rest.strip(b"\r\n"):
            raise IncompleteBody("The aws-chunked body goes on after its last chunk.")

    # --- bytes ---------------------------------------------------------------------------------------
    def _take(self, piece: memoryview) -> None:
        if self._chain is not None:
            self._chain.update(piece)
        count = len(piece)
        self.size += count
        self._left -= count
        if self._left == 0:
            self._end_chunk()
            self._state = _DATA_END

    def _end_chunk(self) -> None:
        if self._chain is not None:
            self._chain.end()

    # --- trailers ------------------------------------------------------------------------------------
    def _trailer_line(self, line: bytes) -> None:
        self._trailer_bytes += len(line)
        if self._trailer_bytes > TRAILER_LIMIT:
            raise _malformed_trailer(f"it is longer than {TRAILER_LIMIT} bytes")
        line = line.strip(_BLANK)
        if line:
            self._add_trailer(line)
            return
        if self._waits_for_signature():
            self._gap = True
            return
        self._check_trailers()
        self._state = _DONE

    def _waits_for_signature(self) -> bool:
        """AWS's own example ends a signed body's trailers with a line feed *and* an empty line, and puts the
        trailers' signature behind that; minio-go sends it so. One empty line may come before it."""
        expected = self._chain is not None and bool(self._announced)
        return expected and _TRAILER_SIGNATURE not in self.trailers and not self._gap

    def _check_trailers(self) -> None:
        signature = self.trailers.pop(_TRAILER_SIGNATURE, None)
        if self._chain is not None and (self.trailers or self._announced or signature is not None):
            self._chain.check_trailers(self.trailers, signature)

    def _add_trailer(self, line: bytes) -> None:
        name_bytes, colon, value = line.partition(b":")
        try:
            name = name_bytes.decode("ascii").strip(" \t").lower()
            text = value.decode("ascii").strip(" \t")
        except UnicodeDecodeError:
            raise _malformed_trailer("it is not ASCII") from None
        if not colon or not name or name in self.trailers:
            raise _malformed_trailer(f"{line[:80]!r} is no header, or comes twice")
        signature = self._chain is not None and name == _TRAILER_SIGNATURE
        if name not in self._announced and not signature:
            raise _malformed_trailer(f"{name!r} was not announced in x-amz-trailer")
        self.trailers[name] = text

    def _check_length(self) -> None:
        if self._length is None or self.size == self._length:
            return
        if self.size < self._length:
            raise _incomplete(self._length, self.size)
        raise IncompleteBody(
            f"The aws-chunked body holds {self.size} bytes, but x-amz-decoded-content-length announces "
            f"{self._length}."
        )


_BLANK = b" \t\r\n"
_TRAILER_SIGNATURE = "x-amz-trailer-signature"


def _signature(extension: bytes) -> str:
    name, _, value = extension.partition(b"=")
    if name.strip() != b"chunk-signature" or not value.isalnum():
        raise IncompleteBody("A chunk of the signed aws-chunked body has no chunk-signature.")
    return value.decode("ascii")


def _is_hexadecimal(text: bytes) -> bool:
    return not text.strip(b"0123456789abcdefABCDEF")


def _malformed_trailer(why: str) -> MalformedTrailer:
    return MalformedTrailer(
        "The request contained trailing data that was not well-formed or did not conform to our published "
        f"schema: {why}."
    )


def _incomplete(expected: int | None, provided: int) -> IncompleteBody:
    return IncompleteBody(
        "The request body terminated unexpectedly",
        NumberBytesExpected="unknown" if expected is None else str(expected),
        NumberBytesProvided=str(provided),
    )


# --- from a request's headers --------------------------------------------------------------------------
def is_chunked(signed: Signed, headers: Mapping[str, str]) -> bool:
    """Whether the body is framed: by its payload form; or, when unsigned, by a content-encoding of
    aws-chunked with a decoded length."""
    if signed.payload == UNSIGNED_PAYLOAD:
        encoding = headers.get("content-encoding", "")
        return "aws-chunked" in encoding and "x-amz-decoded-content-length" in headers
    return signed.streaming


def decoder_for(signed: Signed, headers: Mapping[str, str]) -> ChunkedDecoder:
    """The decoder of a request's body.

    Raises MissingContentLength without x-amz-decoded-content-length, InvalidArgument when it is not a
    number, InvalidRequest for trailers that the payload form does not allow.
    """
    text = headers.get("x-amz-decoded-content-length")
    if text is None:
        raise MissingContentLength("You must provide the x-amz-decoded-content-length HTTP header.")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise InvalidArgument(
            "x-amz-decoded-content-length must be a number of bytes.",
            ArgumentName="x-amz-decoded-content-length",
            ArgumentValue=text,
        )
    announced = headers.get("x-amz-trailer", "")
    trailers = tuple(n for n in (part.strip().lower() for part in announced.split(",")) if n)
    if trailers and signed.streaming and not signed.payload.endswith("-TRAILER"):
        raise InvalidRequest(f"x-amz-trailer needs a payload form with a trailer, not {signed.payload}.")
    unsigned = signed.payload in (UNSIGNED_PAYLOAD, STREAMING_UNSIGNED_TRAILER)
    if not unsigned and signed.key is None:
        raise InvalidRequest(f"{signed.payload} needs a signed request.")
    return ChunkedDecoder(int(text), trailers, None if unsigned else signed)


def stored_content_encoding(value: str) -> str:
    """Content-Encoding as kept with the object: without aws-chunked, which is only the transfer's."""
    if "aws-chunked" not in value:
        return value
    return ",".join(part.strip() for part in value.split(",") if part.strip() not in ("aws-chunked", ""))
