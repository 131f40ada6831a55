"""The journal of a partition of the log: one writer at a time, and no batch by halves.

    journal   the last batch that was decided: its rows and the position after it, in one mutation; several
              partitions of the log share a partition of it, so that batches of one moment are one mutation
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
from typing import Any, NamedTuple, TypeVar

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
SLICE = 4  # partitions of the log in a partition of the journal: more share a request, fewer share a node
TOGETHER_BYTES = 4 * 1024 * 1024  # of records in one mutation, about; Cassandra takes 16 MiB
# Rows of a log partition: pending facts by the offset of their last event, and before them
DECIDED, APPLIED = -2, -1

T = TypeVar("T")

_Write = tuple["Place", Sequence[Any]]  # statements on the rows of one log partition


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

    @property
    def in_journal(self) -> tuple[str, int, int]:
        """The columns of the journal's key that say whose rows they are."""
        return self.topic, self.partition // SLICE, self.partition


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
        rows = "topic = ? AND slice = ? AND log_partition = ?"
        self.row = prepare(f"SELECT record FROM journal WHERE {rows} AND last = ?")
        self.rows = prepare(f"SELECT last, record FROM journal WHERE {rows} AND last > ?")
        self.put = prepare(
            "INSERT INTO journal (topic, slice, log_partition, last, record) VALUES (?, ?, ?, ?, ?) "
            "USING TIMESTAMP ?"
        )
        self.trim = prepare(
            f"DELETE FROM journal USING TIMESTAMP ? WHERE {rows} AND last > {APPLIED} AND last <= ?"
        )
        self.cut = prepare(f"DELETE FROM journal USING TIMESTAMP ? WHERE {rows} AND last >= ?")
        self.lease = Together(self._read_leases)
        self._writes = Together(self._write_all)

    async def write(self, place: Place, statements: Sequence[Any]) -> None:
        """Change rows of a log partition, all or none. Raises ServiceUnavailable: then nobody knows which."""
        await self._writes.ask((place, statements))

    async def _write_all(self, asked: Sequence[_Write]) -> list[BaseException | None]:
        """One mutation for each partition of the journal, or several where it would be too large."""
        mutations = _mutations(asked)
        sent = await asyncio.gather(
            *(
                self.client.write_together([one for number in numbers for one in asked[number][1]])
                for numbers in mutations
            ),
            return_exceptions=True,
        )
        outcomes: list[BaseException | None] = [None] * len(asked)
        for numbers, outcome in zip(mutations, sent, strict=True):
            for number in numbers:
                outcomes[number] = outcome
        return outcomes

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


def _mutations(asked: Sequence[_Write]) -> list[list[int]]:
    """Which writes go together, by their numbers: those of one partition of the journal, up to TOGETHER_BYTES
    of them or one that is larger."""
    mutations: list[list[int]] = []
    latest: dict[tuple[str, int], tuple[list[int], int]] = {}
    for number, (place, statements) in enumerate(asked):
        own = sum(len(value) for bound in statements for value in bound.values if value)
        together, size = latest.get(place.in_journal[:2], ([], TOGETHER_BYTES))
        # A record that is too large must fail alone.
        if size + own > TOGETHER_BYTES:
            together, size = [], 0
            mutations.append(together)
        together.append(number)
        latest[place.in_journal[:2]] = together, size + own
    return mutations


class Journal:
    """One partition's journal, held under a lease from `take_over` on."""

    def __init__(self, table: JournalTable, place: Place) -> None:
        self._table = table
        self._client = table.client
        self._place = place
        self._lease = 0
        self._trimmed = APPLIED  # through which offset facts are to be forgotten
        self.last = NOTHING

    async def take_over(self) -> None:
        """Raise the lease and read what the writer before has left (steps a and b). Raises
        ServiceUnavailable."""
        await self._raise_lease()
        # Facts too, though they are asked for later: a batch that only some replicas have is repaired as far
        # as it is read, and after `make_own` nobody could tell that facts are missing.
        rows = await self._client.execute(self._table.rows, (*self._place.in_journal, DECIDED - 1))
        decided = next((record for last, record in rows if last == DECIDED), None)
        self.last = NOTHING if decided is None else _open(self._place, decided, _BATCH)

    async def make_own(self) -> None:
        """Write the journal again under the new lease, and void whatever the old one has under way (d).
        The rows of the last batch are durable by now."""
        offset = self.last.next_offset
        timestamp = self._timestamp(offset)
        cut = self._table.cut.bind((timestamp, *self._place.in_journal, offset))
        statements = [self._put(DECIDED, self.last, timestamp), self._put(APPLIED, offset, timestamp), cut]
        await self._table.write(self._place, statements)

    async def record(self, batch: JournalBatch, facts: PendingFacts | None, applied: int) -> None:
        """Write the batch and its facts as one mutation (step 2), and with it that the rows of every event
        below `applied` are durable. May be repeated.

        Raises ServiceUnavailable: then it is not known whether it was written.
        """
        timestamp = self._timestamp(batch.next_offset)
        statements = [
            self._put(DECIDED, batch, timestamp),
            self._put(APPLIED, applied, self._timestamp(applied)),
        ]
        if facts is not None:
            statements.append(self._put(facts.last, facts, timestamp))
        if self._trimmed > APPLIED:
            statements.append(self._table.trim.bind(self._trim(timestamp)))
        await self._table.write(self._place, statements)
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
        await self._table.write(self._place, [self._put(APPLIED, offset, self._timestamp(offset))])

    async def pending_facts(self) -> list[PendingFacts]:
        """Facts not yet trimmed, in order. Raises IndexCorrupt."""
        found = await self._client.execute(self._table.rows, (*self._place.in_journal, self._trimmed))
        return [
            open_row(record, self._place.seed, FACTS, f"of table journal, {self._place}, last {last}")
            for last, record in found
        ]

    def trim(self, through: int) -> None:
        """Takes effect here at once, and in Cassandra with the next batch."""
        self._trimmed = max(self._trimmed, through)

    async def flush_trims(self) -> None:
        if self._trimmed > APPLIED:
            timestamp = self._timestamp(self.last.next_offset)
            await self._client.execute(self._table.trim, self._trim(timestamp))

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

    def _put(self, last: int, row: Any, timestamp: int) -> Any:
        record = seal_row(row, self._place.seed)
        return self._table.put.bind((*self._place.in_journal, last, record, timestamp))

    def _trim(self, timestamp: int) -> tuple[int, str, int, int, int]:
        return timestamp, *self._place.in_journal, self._trimmed

    def _timestamp(self, offset: int) -> int:
        return self._lease << OFFSET_BITS | offset


async def read_applied(table: JournalTable, topic: str, partition: int) -> int:
    """The offset below which every event's rows are durable. Raises IndexCorrupt."""
    found = await _read(table, Place(topic, partition), APPLIED, _OFFSET)
    return found or 0


async def read_positions(client: Client) -> dict[tuple[str, int], int]:
    """Of every partition that ever had a lease, the offset of the first event that is not decided yet.
    Raises IndexCorrupt."""
    table = JournalTable(client)
    leased = client.prepare("SELECT topic, log_partition FROM leases")
    positions: dict[tuple[str, int], int] = {}
    async for rows in client.pages(leased, (), 500):
        for place in map(Place._make, rows):
            batch = await _read(table, place, DECIDED, _BATCH)
            if batch is not None:
                positions[place] = batch.next_offset
    return positions


async def _read(
    table: JournalTable, place: Place, last: int, decoder: msgspec.msgpack.Decoder[T]
) -> T | None:
    found = await table.client.execute(table.row, (*place.in_journal, last))
    return _open(place, found[0][0], decoder) if found else None


def _open(place: Place, record: bytes, decoder: msgspec.msgpack.Decoder[T]) -> T:
    return open_row(record, place.seed, decoder, f"of table journal, {place}")
