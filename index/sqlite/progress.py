"""How far each partition has been applied, and the facts that the facts log may not hold yet."""

import sqlite3

import msgspec

from index.contract import PendingFacts
from index.crc import crc32c
from index.records import FACTS, name_seed, open_row, seal
from schemas.errors import IndexCorrupt

_POSITION = "SELECT next_offset, crc FROM positions WHERE topic = ? AND partition = ?"
_LAST_TIME = "SELECT last_time FROM positions WHERE topic = ? AND partition = ?"
_SET_POSITION = "INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?, ?)"
_PUT_FACTS = "INSERT OR REPLACE INTO pending_facts VALUES (?, ?, ?, ?)"
_FACTS = "SELECT last, record FROM pending_facts WHERE topic = ? AND partition = ? AND last > ? ORDER BY last"
_TRIM_FACTS = "DELETE FROM pending_facts WHERE topic = ? AND partition = ? AND last <= ?"

_encode = msgspec.msgpack.Encoder().encode


def position_crc(topic: str, partition: int, next_offset: int) -> int:
    return crc32c(b"%d" % next_offset, name_seed(topic, partition))


def read_position(connection: sqlite3.Connection, topic: str, partition: int) -> int:
    """The offset of the first event not applied yet. Raises IndexCorrupt."""
    found = connection.execute(_POSITION, (topic, partition)).fetchone()
    if found is None:
        return 0
    offset, crc = found
    if type(offset) is not int or position_crc(topic, partition, offset) != crc:
        raise IndexCorrupt(
            f"the row of table positions, topic {topic}, partition {partition} does not match its checksum"
        )
    return offset


class Progress:
    """Positions and pending facts of every partition that one writer serves."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        # Trims wait here for the next commit, so that trimming costs no transaction of its own.
        self._trims: dict[tuple[str, int], int] = {}

    def position(self, topic: str, partition: int) -> int:
        return read_position(self._connection, topic, partition)

    def last_time(self, topic: str, partition: int) -> int:
        """The commit time of the last event applied; 0 where none is known."""
        found = self._connection.execute(_LAST_TIME, (topic, partition)).fetchone()
        return 0 if found is None else int(found[0])

    def advance(self, topic: str, partition: int, next_offset: int, facts: PendingFacts | None) -> None:
        """Set the position and keep the facts, inside the open transaction."""
        self.apply_trims()
        crc = position_crc(topic, partition, next_offset)
        time = 0 if facts is None else facts.time
        self._connection.execute(_SET_POSITION, (topic, partition, next_offset, crc, time))
        if facts is not None:
            record = seal(_encode(facts), name_seed(topic, partition))
            self._connection.execute(_PUT_FACTS, (topic, partition, facts.last, record))

    def apply_trims(self) -> None:
        for (topic, partition), through in self._trims.items():
            self._connection.execute(_TRIM_FACTS, (topic, partition, through))

    def committed(self) -> None:
        """The transaction that applied the trims is committed."""
        self._trims.clear()

    def trim(self, topic: str, partition: int, through: int) -> None:
        place = (topic, partition)
        self._trims[place] = max(through, self._trims.get(place, -1))

    def pending(self, topic: str, partition: int) -> list[PendingFacts]:
        trimmed = self._trims.get((topic, partition), -1)
        rows = self._connection.execute(_FACTS, (topic, partition, trimmed)).fetchall()
        pending = []
        for last, record in rows:
            where = f"of table pending_facts, topic {topic}, partition {partition}, last {last}"
            facts = open_row(record, name_seed(topic, partition), FACTS, where)
            if facts.last != last:
                raise IndexCorrupt(f"the index row {where} does not match its checksum")
            pending.append(facts)
        return pending
