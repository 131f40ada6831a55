"""What the write path stands on: the log, the bytes, the index, the buckets, the bucket keys."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from blobs.contract import BlobStore
from bus.contract import Submitter
from index.contract import IndexReader
from index.directory import BucketDirectory
from ingest.md5 import SideBySide
from schemas.randomness import RandomTokens


class BucketKeys(Protocol):
    """Makes and erases the keys that wrap data keys (access.keyring)."""

    def new_bucket_key(self) -> str: ...

    def erase(self, key_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Ports:
    """Made once by the composition root.

    region     what new buckets are created in
    lease_end  until when, Unix milliseconds, a write that begins now may be committed; 0: without a limit.
               Asked before the first byte is stored: what is older than that and unnamed may be swept
    """

    submitter: Submitter
    blobs: BlobStore
    index: IndexReader
    directory: BucketDirectory
    keys: BucketKeys
    region: str = "us-east-1"
    lease_end: Callable[[], int] = lambda: 0
    new_nonce: Callable[[], bytes] = field(default_factory=lambda: RandomTokens(8))
    hashing: SideBySide = field(default_factory=SideBySide)
