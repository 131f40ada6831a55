"""What the producer API answers."""

from typing import NamedTuple

from schemas.rows import Checksum, Encryption


class PutResult(NamedTuple):
    """A version that is durable and visible. `version` is "null" outside versioned buckets;
    `created_at` its commit time in Unix milliseconds; `encryption` that of a completed upload."""

    version: str
    etag: str
    size: int
    created_at: int
    checksum: Checksum | None
    encryption: Encryption | None = None


class DeleteResult(NamedTuple):
    """What a delete did. `version` of the version removed or of the marker made ("" when neither)."""

    version: str
    delete_marker: bool


class PartResult(NamedTuple):
    etag: str
    modified_at: int
    checksum: Checksum | None


class CompletedPart(NamedTuple):
    """A part as named by the client in Complete. `checksum` base64 with its algorithm, when it sent one."""

    number: int
    etag: str
    checksum_algorithm: str | None = None
    checksum: str | None = None
