"""The port of the index. Engines: `index.sqlite`, `index.cassandra`.

Keys order by the bytes of their UTF-8 (which is the order of their code points).
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol

from schemas.rows import Bucket, BucketEpoch, Configuration, Identity, ObjectVersion, Part, Upload, Usage


class KeyWant(NamedTuple):
    """Which part of a key's state an event needs. A plain put needs only the head and the null version."""

    bucket_id: bytes
    key: str
    version: str | None = None
    upload_id: str | None = None
    part_number: int | None = None


class KeyState(NamedTuple):
    """The bounded state of one key that apply decides on.

    head       the newest version, object or delete marker
    null       the version whose id is "null" (may be the head)
    target     the version that the event names
    successor  the version just older than `target`, which becomes head when a head is removed
    upload     the upload that the event names
    part       the part that the event would replace
    """

    head: ObjectVersion | None = None
    null: ObjectVersion | None = None
    target: ObjectVersion | None = None
    successor: ObjectVersion | None = None
    upload: Upload | None = None
    part: Part | None = None


# --- what apply changes: rows to write, each idempotent ------------------------------------------------
class PutVersion(NamedTuple):
    """Insert or replace the row (bucket, key, rank) of `objects`."""

    bucket_id: bytes
    row: ObjectVersion


class RemoveVersion(NamedTuple):
    """Delete the row (bucket, key, rank) of `objects`; `version` is its version id, since an engine may file
    the null version apart from the others."""

    bucket_id: bytes
    key: str
    rank: int
    version: str


class SetHead(NamedTuple):
    """The row of `current`: what GET, HEAD and LIST see. Never a delete marker."""

    bucket_id: bytes
    row: ObjectVersion


class ClearHead(NamedTuple):
    """No row in `current`: the key has no versions, or its newest is a delete marker."""

    bucket_id: bytes
    key: str


class PutUpload(NamedTuple):
    bucket_id: bytes
    row: Upload


class RemoveUpload(NamedTuple):
    """Delete the upload and all its parts."""

    bucket_id: bytes
    key: str
    upload_id: str


class PutPart(NamedTuple):
    upload_id: str
    row: Part


class PutEpoch(NamedTuple):
    """What this object partition knows of a bucket. Of a deleted one the row stays: it turns away what
    comes late."""

    row: BucketEpoch


class PutUsage(NamedTuple):
    """How much there is of a bucket in this object partition; without anything, no row."""

    bucket_id: bytes
    usage: Usage


class PutBucket(NamedTuple):
    row: Bucket


class RemoveBucket(NamedTuple):
    """Delete the bucket and all its configurations."""

    row: Bucket


class PutConfiguration(NamedTuple):
    """Insert or replace the row (bucket, kind, identifier) of `configurations`."""

    bucket_id: bytes
    row: Configuration


class RemoveConfiguration(NamedTuple):
    bucket_id: bytes
    kind: str
    identifier: str


class PutIdentity(NamedTuple):
    """Insert or replace the row (account, kind, name) of `identities`; of a removed one, without document.

    replaced  the seq of the row that was there (0: none)
    """

    row: Identity
    replaced: int = 0


Change = (
    PutVersion
    | RemoveVersion
    | SetHead
    | ClearHead
    | PutUpload
    | RemoveUpload
    | PutPart
    | PutEpoch
    | PutUsage
    | PutBucket
    | RemoveBucket
    | PutConfiguration
    | RemoveConfiguration
    | PutIdentity
)


class PendingFacts(NamedTuple):
    """Facts of one batch, kept with the rows until the facts log has them durably.

    first, last  the offsets of the batch's first and last event
    facts        their encodings, in order
    time         the commit time of the last event, Unix milliseconds
    receipts     encodings, in order, where a worker that takes over shall give them again; else none
    """

    first: int
    last: int
    facts: tuple[bytes, ...]
    time: int = 0
    receipts: tuple[bytes, ...] = ()


class IndexWriter(Protocol):
    """The materializer's side. One writer per partition; a batch is written between two commits.

    What every engine promises:
    - A batch is decided once. Of a crash before its commit nothing is left; after it all of the batch is
      there, with its position, facts and receipts. So no event is ever decided against a state that contains
      it: what `position` has passed is not applied again, and its outcomes are in `pending_facts`.
    - What one event changes of a key becomes visible at once. Keys of one batch may become visible one after
      the other, while `commit` is under way; all of them are when it returns.
    - Writing the same batch again changes nothing.
    - Where a partition can change hands, whoever opens it fences the writer before: that one's `commit`
      raises PartitionLost and has changed nothing that its successor does not know of.

    A commit that raises ServiceUnavailable may have happened, or may yet happen. Then every call raises
    PartitionLost: close the writer, open another one, and go on from its position.
    """

    async def position(self, topic: str, partition: int) -> int:
        """The offset of the first event not yet applied (0 in a new index)."""

    async def last_time(self, topic: str, partition: int) -> int:
        """The `PendingFacts.time` of the last commit (0 in a new index): commit time never falls below it."""

    async def load(self, wants: Sequence[KeyWant]) -> list[KeyState]:
        """The state of each key, in order, seeing everything written so far (uncommitted too)."""

    async def epoch(self, partition: int, bucket_id: bytes) -> BucketEpoch | None:
        """The bucket's epoch in this object partition."""

    async def usage(self, partition: int, bucket_id: bytes) -> Usage:
        """How much there is of the bucket in this object partition."""

    async def bucket(self, name: str) -> Bucket | None:
        """The bucket of that name, seeing everything written so far."""

    async def configuration(self, bucket_id: bytes, kind: str, identifier: str) -> Configuration | None:
        """That configuration of the bucket, seeing everything written so far."""

    async def identity(self, account: str, kind: str, name: str) -> Identity | None:
        """That row of `identities`, removed ones too, seeing everything written so far."""

    async def write(self, partition: int, changes: Sequence[Change]) -> None:
        """Write rows; nothing of it is visible to readers, or survives a crash, before `commit`."""

    async def commit(self, topic: str, partition: int, next_offset: int, facts: PendingFacts | None) -> None:
        """Make what was written since the last commit visible, together with the new position, which lies
        beyond the last one, and the batch's facts: all of it or none. Durable at the latest with the next
        `checkpoint`."""

    async def rollback(self) -> None:
        """Forget what was written since the last commit."""

    async def pending_facts(self, topic: str, partition: int) -> list[PendingFacts]:
        """Facts not yet trimmed, in order."""

    async def trim_facts(self, topic: str, partition: int, through: int) -> None:
        """Forget pending facts of batches whose last offset is at most `through`."""

    async def checkpoint(self) -> None:
        """Everything committed so far is on stable storage when this returns."""

    async def close(self) -> None:
        """Roll back an unfinished batch, and give up what the writer holds."""


# Takes a partition over: from when it returns, no earlier writer of that topic and partition can commit.
OpenWriter = Callable[[str, int], Awaitable[IndexWriter]]


class ListEntry(NamedTuple):
    """One key of a listing. `created_at` in Unix milliseconds, size in bytes, etag without quotes."""

    key: str
    size: int
    etag: str
    created_at: int
    storage_class: str
    owner_id: str
    checksum_algorithm: str
    checksum_type: str


class IdentityPlace(NamedTuple):
    """Where a row of `identities` stands in the order in which they were set last."""

    seq: int
    account: str = ""
    kind: str = ""
    name: str = ""


FIRST_PLACE = IdentityPlace(-1)


class IndexReader(Protocol):
    """Everybody else's side. Every read sees every commit that ended before it began.

    A row that does not match its checksum raises IndexCorrupt, naming table and key.
    """

    async def bucket(self, name: str) -> Bucket | None: ...

    async def buckets(self, prefix: str, after: str, limit: int) -> list[Bucket]:
        """Buckets by name, those after `after` ("" for all)."""

    async def configuration(self, bucket_id: bytes, kind: str, identifier: str) -> Configuration | None: ...

    async def configurations(
        self, bucket_id: bytes, kind: str, after: str | None, limit: int
    ) -> list[Configuration]:
        """The bucket's configurations of a kind by identifier, those after `after` (None: from the first)."""

    async def identities(self, after: IdentityPlace, limit: int) -> list[Identity]:
        """Rows of `identities`, removed ones too, in the order of their places, those after `after`."""

    async def current(self, bucket_id: bytes, key: str) -> ObjectVersion | None:
        """The head, unless it is a delete marker."""

    async def newest(self, bucket_id: bytes, key: str) -> ObjectVersion | None:
        """The newest version, delete marker or not."""

    async def version(self, bucket_id: bytes, key: str, version: str) -> ObjectVersion | None: ...

    async def list_current(
        self, bucket_id: bytes, start: str, inclusive: bool, stop: str | None, limit: int
    ) -> list[ListEntry]:
        """Up to `limit` keys in order: from `start` (itself too when `inclusive`) up to, without, `stop`."""

    async def list_versions(
        self, bucket_id: bytes, start: str, below_rank: int | None, stop: str | None, limit: int
    ) -> list[ObjectVersion]:
        """Versions by key, newest first. From the key `start` on; when `below_rank` is given, of the key
        `start` only the versions of a lower rank (0: none of them). Their inline bytes may be left out, since
        no listing shows them: what is to be read is looked up by `version`."""

    async def upload(self, bucket_id: bytes, key: str, upload_id: str) -> Upload | None: ...

    async def list_uploads(
        self, bucket_id: bytes, start: str, after_upload: str | None, stop: str | None, limit: int
    ) -> list[Upload]:
        """Uploads by key and upload id. From the key `start` on; when `after_upload` is given, of the key
        `start` only the uploads with a greater id."""

    async def parts(self, upload_id: str, after: int, limit: int) -> list[Part]:
        """Parts by number, those above `after`."""

    async def usage(self, bucket_id: bytes) -> Usage:
        """How much there is of the bucket, in all object partitions together."""

    async def has_versions(self, bucket_id: bytes) -> bool:
        """Whether the bucket holds any version or delete marker."""

    async def applied(self, topic: str, partition: int) -> int:
        """The offset below which every event is applied and visible. It may lag a commit for a moment."""

    def all_versions(self, batch: int = 1000) -> AsyncIterator[list[tuple[bytes, ObjectVersion]]]:
        """Every row of `objects` with its bucket id, for the collector and for verification. What is written
        during the walk may be missing or come twice."""

    def all_parts(self, batch: int = 1000) -> AsyncIterator[list[Part]]:
        """Every part of every upload in progress."""
