"""Documents of configurations: JSON with S3's names, deflated (zlib) where that saves space.

JSON, since a log is read by people too and by programs that know a field more or less.
"""

import zlib

import msgspec

from schemas.configurations.kinds import T

DEFLATE_BYTES = 1024  # documents of more bytes are deflated
DOCUMENT_LIMIT = 200 * 1024  # bytes as stored, so that the event stays below its own limit
INFLATED_LIMIT = 16 * 1024**2


def encode_document(configuration: msgspec.Struct) -> bytes:
    """The document of a configuration."""
    document = msgspec.json.encode(configuration)
    return zlib.compress(document, 6) if len(document) > DEFLATE_BYTES else document


def decode_document(document: bytes, kind: type[T]) -> T:
    """The configuration of a document. Raises msgspec.MsgspecError when it is not one."""
    if document[:1] != b"{":
        inflate = zlib.decompressobj()
        document = inflate.decompress(document, INFLATED_LIMIT)
    return msgspec.json.decode(document, type=kind)
