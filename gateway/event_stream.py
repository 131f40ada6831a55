"""Messages of AWS's event streams: headers and a payload, each message with checksums of its own.

Source: Amazon S3 API Reference, "Appendix: SelectObjectContent Response".
"""

from collections.abc import Mapping
from zlib import crc32

_STRING = 7  # the type of a header's value
_AROUND = 16  # bytes of lengths and checksums


def message(headers: Mapping[str, str], payload: bytes = b"") -> bytes:
    """A message as it goes over the wire."""
    written = b"".join(_header(name, value) for name, value in headers.items())
    size = _AROUND + len(written) + len(payload)
    prelude = size.to_bytes(4, "big") + len(written).to_bytes(4, "big")
    begun = prelude + crc32(prelude).to_bytes(4, "big") + written + payload
    return begun + crc32(begun).to_bytes(4, "big")


def event(kind: str, payload: bytes = b"", content_type: str = "") -> bytes:
    """A message that something happened."""
    typed = {":content-type": content_type} if content_type else {}
    return message({":message-type": "event", ":event-type": kind, **typed}, payload)


def error(code: str, text: str) -> bytes:
    """The last message of a stream that cannot go on."""
    return message({":message-type": "error", ":error-code": code, ":error-message": text[:1000]})


def _header(name: str, value: str) -> bytes:
    encoded, data = name.encode(), value.encode("utf-8", "replace")
    return bytes([len(encoded)]) + encoded + bytes([_STRING]) + len(data).to_bytes(2, "big") + data
