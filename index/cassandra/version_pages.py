"""Pages of versions from one shard, newest first: the null version is put where its rank belongs."""

import asyncio
from typing import Any

from index.cassandra.client import Client
from index.cassandra.rows import NULL_SLOT, open_slot
from schemas.rows import ObjectVersion

_SHARD = "bucket_id = ? AND shard = ?"


class VersionPages:
    """Reads `objects`, where the null version of a key lies after all others, whatever its rank."""

    def __init__(self, client: Client) -> None:
        self._client = client
        prepare = client.prepare
        rows = f"SELECT key, slot, record FROM objects WHERE {_SHARD}"
        self._ranges = {
            (inclusive, stopped): prepare(
                f"{rows} AND key {'>=' if inclusive else '>'} ? {'AND key < ?' if stopped else ''} LIMIT ?"
            )
            for inclusive in (False, True)
            for stopped in (False, True)
        }
        self._older = prepare(f"{rows} AND key = ? AND slot < ? AND slot > 0 LIMIT ?")
        self._null = prepare(f"{rows} AND key = ? AND slot = {NULL_SLOT}")

    async def page(
        self, bucket_id: bytes, number: int, start: str, below: int | None, stop: str | None, limit: int
    ) -> list[ObjectVersion]:
        """Versions from the key `start` on; when `below` is given, of that key only those of a lower rank."""
        versions: list[ObjectVersion] = []
        if below:
            versions = await self._rest(bucket_id, number, start, below, limit)
        if len(versions) < limit:
            wanted = limit - len(versions)
            versions += await self._range(bucket_id, number, start, below is None, stop, wanted)
        return versions

    async def _rest(
        self, bucket_id: bytes, number: int, key: str, below: int, limit: int
    ) -> list[ObjectVersion]:
        """The versions of one key below a rank."""
        older, null = await asyncio.gather(
            self._client.execute(self._older, (bucket_id, number, key, below, limit)),
            self._client.execute(self._null, (bucket_id, number, key)),
        )
        versions = self._sorted(bucket_id, older + null)
        return [row for row in versions if row.rank < below][:limit]

    async def _range(
        self, bucket_id: bytes, number: int, start: str, inclusive: bool, stop: str | None, limit: int
    ) -> list[ObjectVersion]:
        statement = self._ranges[inclusive, stop is not None]
        bound = () if stop is None else (stop,)
        rows = await self._client.execute(statement, (bucket_id, number, start, *bound, limit))
        if len(rows) == limit and rows[-1][1] != NULL_SLOT:
            # The page ends inside a key, whose null version may belong before what is on the page.
            rows = rows + await self._client.execute(self._null, (bucket_id, number, rows[-1][0]))
        return self._sorted(bucket_id, rows)[:limit]

    def _sorted(self, bucket_id: bytes, rows: list[tuple[Any, ...]]) -> list[ObjectVersion]:
        versions = [open_slot(bucket_id, *row) for row in rows]
        return sorted(versions, key=lambda row: (row.key, -row.rank))
