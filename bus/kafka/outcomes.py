"""Outcomes that no receipt told: read from the facts log, by the offset that the event has in its own.

Every event has a fact, published in the order of the log, and before its receipt is sent; after a takeover
facts come again, but never with one left out in front of them. So, going back from a fact by as many records
as it is events later than the one looked for, one never gets before that one's fact.
"""

from collections.abc import Collection
from contextlib import closing

from bus.contract import LogReader
from bus.kafka.connection import KafkaConnection
from bus.kafka.reader import KafkaLogReader
from bus.kafka.topics import facts_partition
from schemas.events import FACTS
from schemas.facts import decode_fact, receipt_of
from schemas.receipts import Receipt
from schemas.seq import decode_seq

STEPS = 32  # back and forth, to find the first one
FACTS_LIMIT = 16_384  # read on from there


class FactOutcomes:
    """Blocking: `find` is for a thread of its own.

    seconds  for each question to the brokers
    """

    def __init__(self, connection: KafkaConnection, object_partitions: int, seconds: float) -> None:
        self._connection, self._object_partitions, self._seconds = connection, object_partitions, seconds

    def find(self, topic: str, partition: int, offsets: Collection[int]) -> dict[int, Receipt]:
        """The receipts of those events of a partition whose facts are there, by their offsets: so they are
        applied, or refused, for good. Raises ServiceUnavailable."""
        place = facts_partition(self._object_partitions, topic, partition)
        with closing(KafkaLogReader(self._connection, FACTS, place, self._seconds)) as facts:
            return find_outcomes(facts, offsets)


def find_outcomes(facts: LogReader, offsets: Collection[int]) -> dict[int, Receipt]:
    """As `FactOutcomes.find`, in a partition of the facts log."""
    wanted = set(offsets)
    start, end = facts.start_offset, facts.end_offset
    if start == end or not wanted:
        return {}
    place = _locate(facts, start, end, min(wanted))
    return {} if place is None else _collect(facts, place, end, wanted)


def _locate(facts: LogReader, start: int, end: int, offset: int) -> int | None:
    """Where to begin to read for the fact of the event at `offset`; None when it is not there, or not found
    in STEPS."""
    place = end - 1
    for _ in range(STEPS):
        found = _source(facts.read(place, 1)[0].payload)
        if found == offset:
            return place
        place -= found - offset
        if place < start:
            return start  # retention has removed it, perhaps not the others
        if place >= end:
            return None
    return None


def _collect(facts: LogReader, place: int, end: int, wanted: set[int]) -> dict[int, Receipt]:
    """The receipts of those wanted, from `place` on."""
    found: dict[int, Receipt] = {}
    stop = min(end, place + FACTS_LIMIT)
    while wanted and place < stop:
        for record in facts.read(place, stop - place):
            fact = decode_fact(record.payload)
            _, _, offset = decode_seq(fact.seq)
            if offset in wanted:
                wanted.discard(offset)
                receipt = receipt_of(fact)
                if receipt is not None:
                    found[offset] = receipt
            place = record.offset + 1
    return found


def _source(payload: bytes) -> int:
    """The offset of a fact's event."""
    return decode_seq(decode_fact(payload).seq)[2]
