"""How much is written to each shard: what the shard keeper goes by to tell which may have grown too large."""

from collections.abc import Sequence
from uuid import uuid4

from cassandra.query import PreparedStatement

from index.cassandra.client import Client
from index.cassandra.rows import GONE, KeyRows, Row
from index.cassandra.sharding import KeptMap

REPORT_KEYS = 2_000  # keys written to a shard between two reports


class ShardActivity:
    """Counts of one writer, reported under a name of its own. An estimate: it is lost with the process."""

    def __init__(self, client: Client, statement: PreparedStatement, name: str) -> None:
        self._client = client
        self._statement = statement
        self._source = f"{name} {uuid4().hex}"
        self._counts: dict[tuple[bytes, int], list[int]] = {}  # writes, removals, not yet reported

    def count(self, rows: Sequence[Row], maps: dict[bytes, KeptMap]) -> None:
        """Count the keys that a batch writes, and those of which it leaves tombstones."""
        for row in rows:
            if type(row) is KeyRows:
                number = maps[row.bucket_id].shard_map.write_to(row.key)[-1]
                counts = self._counts.setdefault((row.bucket_id, number), [0, 0, 0])
                counts[0] += 1
                counts[2] += 1
                if row.entry == GONE or row.head == -1 or GONE in row.versions.values():
                    counts[1] += 1

    async def report_if_due(self) -> None:
        """Raises ServiceUnavailable."""
        await self._report(REPORT_KEYS)

    async def report(self) -> None:
        """Raises ServiceUnavailable."""
        await self._report(1)

    async def _report(self, at_least: int) -> None:
        due = [place for place, counts in self._counts.items() if counts[2] >= at_least]
        for bucket_id, number in due:
            counts = self._counts[bucket_id, number]
            writes, removals, unreported = counts
            values = (writes, removals, bucket_id, number, self._source)
            await self._client.execute(self._statement, values)
            counts[2] -= unreported
