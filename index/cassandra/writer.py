"""The materializer's side of the index: one writer for each partition of the log."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from index.cassandra.batch import Batch
from index.cassandra.client import Client
from index.cassandra.journal import Journal, JournalBatch, JournalTable, Place
from index.cassandra.key_states import KeyStates
from index.cassandra.row_writer import IDENTITY_SLICE, RowWriter, bucket_slice, buckets_of
from index.cassandra.rows import Row
from index.cassandra.shard_activity import ShardActivity
from index.cassandra.sharding import TRIES, KeptMap, ShardMaps
from index.contract import Change, KeyState, KeyWant, PendingFacts
from index.records import open_bucket, open_configuration, open_epoch, open_identity, open_usage
from schemas.errors import PartitionLost, ServiceUnavailable
from schemas.events import OBJECT_VERSIONS
from schemas.rows import Bucket, BucketEpoch, Configuration, Identity, Usage
from schemas.seq import POLICY_PARTITIONS, encode_seq

log = logging.getLogger(__name__)

T = TypeVar("T")

COMMIT_SECONDS = 30.0  # how long a commit is tried before the writer gives up
FIRST_PAUSE = 0.05
MARK_SECONDS = 0.05  # how much later than a commit readers may hear of its position
LONGEST_PAUSE = 2.0


class CassandraWriter:
    """`index.contract.IndexWriter` for one partition, which it holds from `take_over` on.

    A batch stays in memory until its commit, which first records it in the journal and then writes its rows.
    A commit that raised ServiceUnavailable may have been recorded or not: then nothing can be done with the
    writer but to close it, and whoever opens the next one learns from `position` what became of it.
    """

    def __init__(
        self,
        client: Client,
        place: Place,
        generation: int,
        maps: ShardMaps,
        tables: "WriterTables",
    ) -> None:
        self._client = client
        self._place = place
        self._generation = generation
        self._maps = maps
        self._tables = tables
        self._journal = Journal(tables.journal, place)
        self._activity = ShardActivity(client, tables.activity, str(place))
        self._batch = Batch()
        self._marked = -1
        self._applied = 0
        self._marking: asyncio.Task[None] | None = None
        self._unusable: str | None = None

    async def take_over(self) -> None:
        """Take the partition from whoever has it, and finish the batch it may have died over. Raises
        ServiceUnavailable."""
        await self._journal.take_over()
        last = self._journal.last
        await self._write_rows(last.rows, last.timestamp)
        await self._journal.make_own()
        self._applied = self._marked = last.next_offset

    async def position(self, topic: str, partition: int) -> int:
        self._check(topic, partition)
        return self._journal.last.next_offset

    async def last_time(self, topic: str, partition: int) -> int:
        self._check(topic, partition)
        return self._journal.last.time

    async def load(self, wants: Sequence[KeyWant]) -> list[KeyState]:
        self._check(*self._place)
        return await self._tables.key_states.load(wants, self._batch)

    async def epoch(self, partition: int, bucket_id: bytes) -> BucketEpoch | None:
        self._check(*self._place)
        known = self._batch.epochs.get((partition, bucket_id))
        if known is not None:
            return known
        found = await self._client.execute(self._tables.epoch, (partition, bucket_id))
        return open_epoch(partition, bucket_id, found[0][0]) if found else None

    async def usage(self, partition: int, bucket_id: bytes) -> Usage:
        self._check(*self._place)
        known = self._batch.usage.get((partition, bucket_id))
        if known is not None:
            return known
        found = await self._client.execute(self._tables.usage, (bucket_id, partition))
        return open_usage(partition, bucket_id, found[0][0]) if found else Usage()

    async def bucket(self, name: str) -> Bucket | None:
        self._check(*self._place)
        changed = {place[1]: row for place, row in self._batch.names.items() if place[0] == name}
        for row in changed.values():
            if row is not None:
                return row
        found = await self._client.execute(self._tables.bucket, (bucket_slice(name), name))
        for bucket_id, record in found:
            if bucket_id not in changed:
                return open_bucket(name, record)
        return None

    async def configuration(self, bucket_id: bytes, kind: str, identifier: str) -> Configuration | None:
        self._check(*self._place)
        changed = self._batch.configurations.get(bucket_id, {})
        if (kind, identifier) in changed:
            return changed[kind, identifier]
        if bucket_id in self._batch.cleared_buckets:
            return None
        found = await self._client.execute(self._tables.configuration, (bucket_id, kind, identifier))
        return open_configuration(bucket_id, kind, identifier, found[0][0]) if found else None

    async def identity(self, account: str, kind: str, name: str) -> Identity | None:
        self._check(*self._place)
        place = account, kind, name
        if place in self._batch.identities:
            return self._batch.identities[place].row
        found = await self._client.execute(self._tables.identity, (IDENTITY_SLICE, *place))
        return open_identity(*place, found[0][0]) if found else None

    async def write(self, partition: int, changes: Sequence[Change]) -> None:
        self._batch.add(partition, changes)

    async def commit(self, topic: str, partition: int, next_offset: int, facts: PendingFacts | None) -> None:
        self._check(topic, partition)
        if next_offset <= self._journal.last.next_offset:
            raise ValueError(f"position {next_offset} of {self._place} does not lie beyond the last one")
        rows = self._batch.rows()
        committed = JournalBatch(
            next_offset,
            self._journal.last.time if facts is None else facts.time,
            self._timestamp(next_offset),
            rows,
        )

        async def deciding() -> None:
            await self._journal.record(committed, facts, self._applied)
            await self._journal.check_lease()

        # Until the end of this, nobody can tell what became of the batch but the next writer.
        self._unusable = "a commit was broken off"
        await self._persist(deciding)
        maps = await self._persist(lambda: self._write_rows(rows, committed.timestamp))
        self._unusable = None
        self._batch = Batch()
        self._applied = next_offset
        self._activity.count(rows, maps)
        if self._marking is None or self._marking.done():
            self._marking = asyncio.create_task(self._mark_applied(), name="index-applied")

    async def rollback(self) -> None:
        self._batch = Batch()

    async def pending_facts(self, topic: str, partition: int) -> list[PendingFacts]:
        self._check(topic, partition)
        return await self._journal.pending_facts()

    async def trim_facts(self, topic: str, partition: int, through: int) -> None:
        """Takes effect at once here, and in Cassandra with the next commit: a crash in between gives the
        facts back, which their consumers deduplicate anyway."""
        self._check(topic, partition)
        self._journal.trim(through)

    async def checkpoint(self) -> None:
        """Nothing to do: Cassandra syncs its commit log before it answers."""

    async def close(self) -> None:
        """Forget an unfinished batch; keep trimmed facts trimmed, as far as Cassandra answers."""
        self._batch = Batch()
        if self._marking is not None:
            await self._marking
        if self._unusable is None:
            self._unusable = "it is closed"
            try:
                await self._journal.flush_trims()
                await self._activity.report()
            except ServiceUnavailable as error:
                log.warning("facts of %s may be published again: %s", self._place, error.message)

    async def _write_rows(self, rows: Sequence[Row], timestamp: int) -> dict[bytes, KeptMap]:
        """Write rows wherever their shards are now; again, when that took longer than a map is valid.
        Returns the maps that counted."""
        for _ in range(TRIES):
            maps = await self._maps.get_all(buckets_of(rows))
            await self._tables.row_writer.write(rows, timestamp, maps)
            if all(map(self._maps.is_valid, maps.values())):
                return maps
        raise ServiceUnavailable("writes to the index take longer than a map of its shards is valid")

    async def _persist(self, step: Callable[[], Awaitable[T]]) -> T:
        """Repeat a step, which does no harm, until Cassandra has taken it."""
        deadline = time.monotonic() + COMMIT_SECONDS
        pause = FIRST_PAUSE
        while True:
            try:
                return await step()
            except ServiceUnavailable as error:
                if time.monotonic() + pause > deadline:
                    self._unusable = error.message
                    raise
                log.warning("a batch of %s cannot be written, trying again: %s", self._place, error.message)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _mark_applied(self) -> None:
        """Tell readers how far the rows are, once no batch follows that does: nobody waits for it."""
        try:
            while self._marked != self._applied:
                offset = self._applied
                await asyncio.sleep(MARK_SECONDS)
                if offset == self._applied:  # else the batch after it has told
                    await self._journal.mark_applied(offset)
                    self._marked = offset
                await self._activity.report_if_due()
        except ServiceUnavailable as error:
            log.warning("the position of %s is not up to date: %s", self._place, error.message)

    def _timestamp(self, next_offset: int) -> int:
        """Of every row of a batch: grows with every batch of the partition, and with the generation."""
        topic, partition = self._place
        numbered = partition if topic == OBJECT_VERSIONS else POLICY_PARTITIONS + partition
        return encode_seq(self._generation, numbered, next_offset)

    def _check(self, topic: str, partition: int) -> None:
        if (topic, partition) != self._place:
            raise ValueError(f"the writer of {self._place} was asked about {topic}/{partition}")
        if self._unusable is not None:
            raise PartitionLost(f"the writer of {self._place} must be opened anew: {self._unusable}")


class WriterTables:
    """What all writers of a process share: statements, prepared once."""

    def __init__(self, client: Client, maps: ShardMaps) -> None:
        self.journal = JournalTable(client)
        self.key_states = KeyStates(client, maps)
        self.row_writer = RowWriter(client)
        self.epoch = client.prepare("SELECT record FROM epochs WHERE log_partition = ? AND bucket_id = ?")
        self.usage = client.prepare("SELECT record FROM usage WHERE bucket_id = ? AND log_partition = ?")
        self.bucket = client.prepare("SELECT bucket_id, record FROM buckets WHERE slice = ? AND name = ?")
        self.configuration = client.prepare(
            "SELECT record FROM configurations WHERE bucket_id = ? AND kind = ? AND identifier = ?"
        )
        self.identity = client.prepare(
            "SELECT record FROM identities WHERE slice = ? AND account = ? AND kind = ? AND name = ?"
        )
        self.activity = client.prepare(
            "UPDATE shard_activity SET writes = ?, removals = ? "
            "WHERE bucket_id = ? AND shard = ? AND source = ?"
        )
