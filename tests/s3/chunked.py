"""Bodies in aws-chunked framing: unsigned or signed chunk by chunk, with or without a trailer."""

import base64
import hashlib
import hmac
import zlib
from collections.abc import Callable
from typing import NamedTuple

from tests.s3.raw import REGION, Answer, Raw

SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
FORMS = [SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER]
CHECKSUM = "x-amz-checksum-crc32"
LONGEST = 1 << 16  # bytes of a chunk

Frames = list[bytes]
Change = Callable[[Frames], Frames]


def crc32(data: bytes) -> str:
    """The checksum that the trailers here carry."""
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


class Signer(NamedTuple):
    """Signs the chunks of one request, each on top of the one before."""

    key: bytes
    scope: str  # date and scope, as each text to sign names them

    def chunk(self, previous: str, piece: bytes) -> str:
        empty, digest = hashlib.sha256(b"").hexdigest(), hashlib.sha256(piece).hexdigest()
        return self._sign(f"AWS4-HMAC-SHA256-PAYLOAD\n{self.scope}\n{previous}\n{empty}\n{digest}")

    def trailer(self, previous: str, lines: str) -> str:
        digest = hashlib.sha256(lines.encode()).hexdigest()
        return self._sign(f"AWS4-HMAC-SHA256-TRAILER\n{self.scope}\n{previous}\n{digest}")

    def _sign(self, text: str) -> str:
        return hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()


def frames(signer: Signer | None, seed: str, data: bytes, trailer: str | None) -> Frames:
    """The body in pieces: its chunks, the last chunk, and what ends it (trailers and their signature)."""
    found: Frames = []
    previous = seed
    for start in [*range(0, len(data), LONGEST), len(data)]:
        piece = data[start : start + LONGEST]
        extension = b""
        if signer is not None:
            previous = signer.chunk(previous, piece)
            extension = b";chunk-signature=" + previous.encode()
        found.append(b"%x%b\r\n%b" % (len(piece), extension, piece + b"\r\n" if piece else b""))
    end = b""
    if trailer is not None:
        end = f"{CHECKSUM}:{trailer}\r\n".encode()
        if signer is not None:
            signature = signer.trailer(previous, f"{CHECKSUM}:{trailer}\n")
            end += f"x-amz-trailer-signature:{signature}\r\n".encode()
    return [*found, end + b"\r\n"]


def send_chunked(
    raw: Raw,
    target: str,
    form: str,
    data: bytes,
    *,
    trailer: str | None = None,
    length: int | None = None,
    change: Change | None = None,
    unknown_length: bool = False,
    **more: str,
) -> Answer:
    """A PUT in that form.

    trailer         the checksum's text, the right one unless given
    length          what x-amz-decoded-content-length says, the truth unless given
    change          does something to the frames after they were signed
    unknown_length  sends no Content-Length but HTTP's own chunks
    """
    trailing = form.endswith("-TRAILER")
    sent = {
        "x-amz-content-sha256": form,
        "x-amz-decoded-content-length": str(len(data) if length is None else length),
        "Content-Encoding": "aws-chunked",
        **({"x-amz-trailer": CHECKSUM} if trailing else {}),
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    signed = raw.sign("PUT", target, b"", sent)
    date, seed = signed["X-Amz-Date"], signed["Authorization"].rpartition("=")[2]
    scope = f"{date}\n{date[:8]}/{REGION}/s3/aws4_request"
    signer = None if form == UNSIGNED_TRAILER else Signer(raw.signing_key(date[:8]), scope)
    value = (trailer if trailer is not None else crc32(data)) if trailing else None
    pieces = frames(signer, seed, data, value)
    body = b"".join(change(pieces) if change is not None else pieces)
    if unknown_length:
        signed["Transfer-Encoding"] = "chunked"
        body = b"".join(b"%x\r\n%b\r\n" % (len(body[at : at + 50_000]), body[at : at + 50_000])
                        for at in range(0, len(body), 50_000)) + b"0\r\n\r\n"  # fmt: skip
    return raw.send("PUT", target, signed, body, signed=False)
