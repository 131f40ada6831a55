"""The port of a sweep that goes shard by shard while everything else runs. Engine: `blobs.s3.sweeping`.

What is live, and how old a blob has to be before it may be an orphan, the sweep's user knows
(`processors.orphan_sweeper`).
"""

from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple, Protocol, TypeVar

from schemas.manifest import Manifest

SHARDS = 256  # by the last byte of a blob's id, so that they are about equal


class SweepPlace(NamedTuple):
    """How far a sweep is.

    shard      the one that comes next; SHARDS, when the round is done
    began, at  when the round began, and when it got here; Unix milliseconds
    """

    shard: int = SHARDS
    began: int = 0
    at: int = 0

    @property
    def done(self) -> bool:
        return self.shard >= SHARDS


class Candidates(Protocol):
    """Blobs that may be orphans. `stop`: the shard after the last one that they are of."""

    stop: int

    def __len__(self) -> int: ...

    def leftovers(self) -> Iterator[bytes]:
        """The ids of those that were not marked."""


CandidatesT = TypeVar("CandidatesT", bound=Candidates)


class ShardedSweep(Protocol[CandidatesT]):
    """All raise ServiceUnavailable: then begin again at the place that was kept."""

    async def place(self) -> SweepPlace:
        """The place that was kept last; where no sweep ever ran, one that was done long ago."""

    async def keep_place(self, place: SweepPlace) -> None:
        """Keep a later place durably. Raises StorageFull, too."""

    async def find(self, before: int, first: int = 0, limit: int | None = None) -> CandidatesT:
        """Blobs made before a moment (Unix milliseconds), of the shards from `first` on: of all of them, or
        of so many that there are about `limit` blobs."""

    async def mark(self, candidates: CandidatesT, live: AsyncIterator[list[Manifest]]) -> None:
        """Mark those that live manifests name. Raises BlobMissing and BlobCorrupt for a manifest whose list
        of extents cannot be read: nothing may be freed then."""

    async def free(self, candidates: CandidatesT) -> int:
        """Free what was not marked, unless a copy has referred to it since the moment; returns the bytes
        freed. Harmless when repeated, and when two do it. Raises StorageFull, too."""
