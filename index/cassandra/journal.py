"""The journal of a partition of the log: one writer at a time, and no batch by halves.

    journal   the last batch that was decided: its rows and the position after it, in one mutation
    leases    which writer has the partition; each that takes it over raises the number

A batch is decided once: when its journal row is durable. A crash after that is healed by writing its rows
again, never by deciding again. A writer that has lost the partition cannot get that far:

    the writer:    1 loads key states, decides   2 writes the journal row   3 reads the lease: still mine?
                   4 writes the rows
    its successor: a raises the lease            b reads the journal        c writes its rows again
                   d writes the journal at its own, higher timestamps       e goes on from its position

If 3 still sees the old lease, then 2 came before a, so b sees the batch and c completes it. If 3 sees the new
one the writer stops, and nothing of the batch is in the tables unless b saw it: then it was loaded before
any row of the successor, so it is what the successor would have decided. Step d makes what the old writer
has under way worthless: timestamps in the journal are (lease, offset), so all of it is older.
"""

import asyncio
import uuid
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from cassandra import ConsistencyLevel

from index.cassandra.client import Client
from index.cassandra.rows import Row
from index.cassandra.together import Together
from index.contract import PendingFacts
from index.records import FACTS, name_seed, open_row, seal_row
from schemas.errors import PartitionLost, ServiceUnavailable
from schemas.seq import OFFSET_BITS

TAKEOVER_TRIES = 20
LEASE_BITS = 63 - OFFSET_BITS


class JournalBatch(msgspec.Struct, frozen=True, array_like=True):
    """The last batch: where the next one begins, the commit time of its last event, and its rows."""

    next_offset: int
    time: int
    timestamp: int
    rows: list[Row]


NOTHING = JournalBatch(0, 0, 0, [])

_BATCH = msgspec.msgpack.Decoder(JournalBatch)
_OFFSET = msgspec.msgpack.Decoder(int)


class Place(NamedTuple):
    """A partition of the log."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}"

    @property
    def seed(self) -> int:
        return name_seed(self.topic, self.partition)


class JournalTable:
    """Statements on `journal` and `leases`, prepared once for all partitions."""

    def __init__(self, client: Client) -> None:
        self.client = client
        prepare = client.prepare
        place = "topic = ? AND log_partition = ?"
        self._leases = prepare(
            "SELECT log_partition, lease FROM leases WHERE topic = ? AND log_partition IN ?"
        )
        self.holder = prepare(f"SELECT lease, holder FROM leases WHERE {place}")
        self.holder.consistency_level = ConsistencyLevel.LOCAL_SERIAL
        self.take = prepare(
            f"UPDATE leases SET lease = ?, holder = ? WHERE {place} IF lease = ?", idempotent=False
        )
        self.batch = prepare(f"SELECT DISTINCT decided FROM journal WHERE {place}")
        self.applied = prepare(f"SELECT DISTINCT applied FROM journal WHERE {place}")
        self.facts = prepare(f"SELECT last, facts FROM journal WHERE {place} AND last > ?")
        self.put = prepare(
            "INSERT INTO journal (topic, log_partition, decided, last, facts) VALUES (?, ?, ?, ?, ?) "
            "USING TIMESTAMP ?"
        )
        self.put_bare = prepare(f"UPDATE journal USING TIMESTAMP ? SET decided = ? WHERE {place}")
        self.put_applied = prepare(f"UPDATE journal USING TIMESTAMP ? SET applied = ? WHERE {place}")
        self.trim = prepare(f"DELETE FROM journal USING TIMESTAMP ? WHERE {place} AND last <= ?")
        self.cut = prepare(f"DELETE FROM journal USING TIMESTAMP ? WHERE {place} AND last >= ?")
        self.lease = Together(self._read_leases)

    async def _read_leases(self, places: Sequence[Place]) -> list[int | None]:
        by_topic: dict[str, list[int]] = {}
        for topic, partition in places:
            by_topic.setdefault(topic, []).append(partition)
        pages = await asyncio.gather(
            *(self.client.execute(self._leases, (topic, numbers)) for topic, numbers in by_topic.items())
        )
        found = {
            (topic, partition): lease
            for topic, page in zip(by_topic, pages, strict=True)
            for partition, lease in page
        }
        return [found.get(place) for place in places]


class Journal:
    """One partition's journal, held under a lease from `take_over` on."""

    def __init__(self, table: JournalTable, place: Place) -> None:
        self._table = table
        self._client = table.client
        self._place = place
        self._lease = 0
        self._trimmed = -1  # through which offset facts are to be forgotten
        self.last = NOTHING

    async def take_over(self) -> None:
        """Raise the lease and read what the writer before has left (steps a and b). Raises
        ServiceUnavailable."""
        await self._raise_lease()
        found = await self._client.execute(self._table.batch, self._place)
        self.last = NOTHING
        if found and found[0][0] is not None:
            self.last = _open_batch(self._place, found[0][0])

    async def make_own(self) -> None:
        """Write the journal again under the new lease, and void whatever the old one has under way (d).
        The rows of the last batch are durable by now."""
        table, offset = self._table, self.last.next_offset
        timestamp = self._timestamp(offset)
        await self._client.write_together(
            [
                table.put_bare.bind((timestamp, self._seal(self.last), *self._place)),
                table.put_applied.bind((timestamp, self._seal_offset(offset), *self._place)),
                table.cut.bind((timestamp, *self._place, offset)),
            ]
        )

    async def record(self, batch: JournalBatch, facts: PendingFacts | None, applied: int) -> None:
        """Write the batch and its facts as one mutation (step 2), and with it that the rows of every event
        below `applied` are durable. May be repeated.

        Raises ServiceUnavailable: then it is not known whether it was written.
        """
        table, timestamp = self._table, self._timestamp(batch.next_offset)
        if facts is None:
            put = table.put_bare.bind((timestamp, self._seal(batch), *self._place))
        else:
            record = seal_row(facts, self._place.seed)
            put = table.put.bind((*self._place, self._seal(batch), facts.last, record, timestamp))
        statements = [put, table.put_applied.bind(self._applied(applied))]
        if self._trimmed >= 0:
            statements.append(table.trim.bind((timestamp, *self._place, self._trimmed)))
        await self._client.write_together(statements)
        self.last = batch

    async def check_lease(self) -> None:
        """Raise PartitionLost unless the lease is still this writer's (step 3)."""
        lease = await self._table.lease.ask(self._place)
        if lease != self._lease:
            raise PartitionLost(
                f"another worker has taken {self._place} over (lease {lease}, and ours was {self._lease})"
            )

    async def mark_applied(self, offset: int) -> None:
        """The rows of every event below `offset` are durable: readers may know."""
        await self._client.execute(self._table.put_applied, self._applied(offset))

    async def pending_facts(self) -> list[PendingFacts]:
        """Facts not yet trimmed, in order. Raises IndexCorrupt."""
        found = await self._client.execute(self._table.facts, (*self._place, self._trimmed))
        return [
            open_row(record, self._place.seed, FACTS, f"of table journal, {self._place}, last {last}")
            for last, record in found
        ]

    def trim(self, through: int) -> None:
        """Takes effect here at once, and in Cassandra with the next batch."""
        self._trimmed = max(self._trimmed, through)

    async def flush_trims(self) -> None:
        if self._trimmed >= 0:
            values = (self._timestamp(self.last.next_offset), *self._place, self._trimmed)
            await self._client.execute(self._table.trim, values)

    async def _raise_lease(self) -> None:
        holder = uuid.uuid4().hex
        for attempt in range(TAKEOVER_TRIES):
            found = await self._client.execute(self._table.holder, self._place)
            lease, known_holder = found[0] if found else (None, None)
            if known_holder == holder:  # an earlier try whose answer was lost
                self._lease = lease
                return
            taken = (lease or 0) + 1
            if taken >> LEASE_BITS:
                raise ServiceUnavailable(f"the leases of {self._place} are used up: rebuild the index")
            try:
                values = (taken, holder, *self._place, lease)
                answer = await self._client.execute(self._table.take, values)
            except ServiceUnavailable:
                if attempt == TAKEOVER_TRIES - 1:
                    raise
                await asyncio.sleep(0.1)
                continue
            if answer[0][0]:
                self._lease = taken
                return
        raise ServiceUnavailable(f"{self._place} is being taken over by several workers at once")

    def _applied(self, offset: int) -> tuple[int, bytes, str, int]:
        return self._timestamp(offset), self._seal_offset(offset), *self._place

    def _timestamp(self, offset: int) -> int:
        return self._lease << OFFSET_BITS | offset

    def _seal(self, batch: JournalBatch) -> bytes:
        return seal_row(batch, self._place.seed)

    def _seal_offset(self, offset: int) -> bytes:
        return seal_row(offset, self._place.seed)


async def read_applied(table: JournalTable, topic: str, partition: int) -> int:
    """The offset below which every event's rows are durable. Raises IndexCorrupt."""
    place = Place(topic, partition)
    found = await table.client.execute(table.applied, place)
    if not found or found[0][0] is None:
        return 0
    return open_row(found[0][0], place.seed, _OFFSET, f"of table journal, {place}")


async def read_positions(client: Client) -> dict[tuple[str, int], int]:
    """Of every partition, the offset of the first event that is not decided yet. Raises IndexCorrupt.

    The partitions are those that ever had a lease, and each is read by its key. A scan of `journal` that
    stops at a partition's static columns (DISTINCT) fails in Cassandra 5.0 once there are several SSTables
    with tombstones: "The UnfilteredRowIterator returned by the last call to next() was initialized".
    """
    leased = client.prepare("SELECT topic, log_partition FROM leases")
    batch = client.prepare("SELECT DISTINCT decided FROM journal WHERE topic = ? AND log_partition = ?")
    positions: dict[tuple[str, int], int] = {}
    async for rows in client.pages(leased, (), 500):
        for place in map(Place._make, rows):
            found = await client.execute(batch, place)
            if found and found[0][0] is not None:
                positions[place] = _open_batch(place, found[0][0]).next_offset
    return positions


def _open_batch(place: Place, record: bytes) -> JournalBatch:
    return open_row(record, place.seed, _BATCH, f"of table journal, {place}")
