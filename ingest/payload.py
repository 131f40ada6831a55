"""What a client sends as a body: its chunks, its announced length and the digests it promises."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Payload:
    """A body to be stored.

    chunks             the whole body, or its pieces as they arrive
    size               announced length in bytes (decoded, without chunk framing); None when unknown
    md5, sha256        digests the client announced (raw bytes): a mismatch raises BadDigest or
                       ContentSHA256Mismatch and nothing is stored
    checksum_algorithm which checksum is kept with the object (botocore's names); None: CRC64NVME
    checksum           its announced value in base64, when it came in a header
    trailing_checksum  called when the body has ended: the value that came in the trailer, or None
    object_key         what wraps the data keys before the key of the bucket does; b"": nothing. It never
                       shows in a representation
    """

    chunks: bytes | AsyncIterator[bytes]
    size: int | None
    md5: bytes | None = None
    sha256: bytes | None = None
    checksum_algorithm: str | None = None
    checksum: str | None = None
    trailing_checksum: Callable[[], str | None] | None = None
    object_key: bytes = field(default=b"", repr=False)
