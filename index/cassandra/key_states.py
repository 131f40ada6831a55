"""Loading what apply decides on: states of keys as Cassandra has them, with the open batch on top."""

import asyncio
from collections.abc import Sequence
from typing import Any

from index.cassandra.batch import Batch, KeyChanges
from index.cassandra.client import Client
from index.cassandra.rows import NULL_SLOT, open_slot, open_version
from index.cassandra.sharding import ShardMaps
from index.cassandra.together import Together
from index.contract import KeyState, KeyWant
from index.records import open_part, open_upload
from schemas.ids import NULL_VERSION, version_rank
from schemas.rows import ObjectVersion, Part, Upload

MAX_RANK = (1 << 63) - 1  # what a bigint holds
KEYS_AT_ONCE = 100  # in one query of one partition

_Ends = tuple[ObjectVersion | None, ObjectVersion | None]  # the head, the null version under it
_Key = tuple[bytes, str]
_ByShard = dict[tuple[bytes, int], list[str]]
_EndRows = list[tuple[str, bytes | None, bytes | None]]


class KeyStates:
    """Reads for one writer. Every method raises ServiceUnavailable and IndexCorrupt."""

    def __init__(self, client: Client, maps: ShardMaps) -> None:
        self._client = client
        self._maps = maps
        shard = "bucket_id = ? AND shard = ?"
        prepare = client.prepare
        self._states = prepare(f"SELECT key, head, null_below FROM key_state WHERE {shard} AND key IN ?")
        self._version = prepare(f"SELECT record FROM objects WHERE {shard} AND key = ? AND slot = ?")
        self._below = prepare(
            f"SELECT slot, record FROM objects WHERE {shard} AND key = ? AND slot < ? AND slot > 0 LIMIT ?"
        )
        self._upload = prepare(f"SELECT record FROM uploads WHERE {shard} AND key = ? AND upload_id = ?")
        self._part = prepare("SELECT record FROM parts WHERE upload_id = ? AND number = ?")
        self._of_all = Together(self._read_ends)

    async def load(self, wants: Sequence[KeyWant], batch: Batch) -> list[KeyState]:
        """The state of each key, in order, as the batch leaves it."""
        ends = await self._all_ends({(want.bucket_id, want.key) for want in wants}, batch)
        states: list[KeyState] = []
        for want in wants:
            place = want.bucket_id, want.key
            head, below = ends[place]
            null = head if head is not None and head.version == NULL_VERSION else below
            if want.version is None and want.upload_id is None:
                states.append(KeyState(head, null))
            else:
                states.append(await self._more(want, head, null, batch))
        return states

    async def _all_ends(self, keys: set[_Key], batch: Batch) -> dict[_Key, _Ends]:
        """The newest and the null version of every key."""
        unknown: dict[bytes, list[str]] = {}
        ends: dict[_Key, _Ends] = {}
        for place in keys:
            changed = batch.keys.get(place)
            if changed is not None and changed.head_known and changed.below_known:
                ends[place] = changed.head, changed.below
            else:
                ends[place] = None, None
                unknown.setdefault(place[0], []).append(place[1])
        found = await asyncio.gather(
            *(self._bucket_ends(bucket_id, wanted) for bucket_id, wanted in unknown.items())
        )
        for bucket_id, rows in zip(unknown, found, strict=True):
            for key, head, below in rows:
                ends[bucket_id, key] = head, below
        for place in keys:
            changed = batch.keys.get(place)
            if changed is not None:
                head, below = ends[place]
                ends[place] = (
                    changed.head if changed.head_known else head,
                    changed.below if changed.below_known else below,
                )
        return ends

    async def _bucket_ends(
        self, bucket_id: bytes, keys: list[str]
    ) -> list[tuple[str, ObjectVersion | None, ObjectVersion | None]]:
        async def reading(shard_map: Any) -> _EndRows:
            by_shard: dict[int, list[str]] = {}
            for key in keys:
                by_shard.setdefault(shard_map.read_from(key), []).append(key)
            return await self._of_all.ask(
                {(bucket_id, number): wanted for number, wanted in by_shard.items()}
            )

        return [
            (
                key,
                open_version("key_state", bucket_id, key, head) if head else None,
                open_version("key_state", bucket_id, key, below) if below else None,
            )
            for key, head, below in await self._maps.read(bucket_id, reading)
        ]

    async def _read_ends(self, asked: Sequence[_ByShard]) -> list[_EndRows]:
        """What each of the writers asked for: keys of shards. No two of them ask for the same key."""
        keys: _ByShard = {}
        for one in asked:
            for shard, wanted in one.items():
                keys.setdefault(shard, []).extend(wanted)
        places = [
            (*shard, wanted[i : i + KEYS_AT_ONCE])
            for shard, wanted in keys.items()
            for i in range(0, len(wanted), KEYS_AT_ONCE)
        ]
        pages = await asyncio.gather(*(self._client.execute(self._states, place) for place in places))
        found = {
            (bucket_id, number, row[0]): row
            for (bucket_id, number, _), page in zip(places, pages, strict=True)
            for row in page
        }
        return [
            [found[*shard, key] for shard, wanted in one.items() for key in wanted if (*shard, key) in found]
            for one in asked
        ]

    async def _more(
        self, want: KeyWant, head: ObjectVersion | None, null: ObjectVersion | None, batch: Batch
    ) -> KeyState:
        """The state for an event that names a version, an upload or a part."""
        changed = batch.keys.get((want.bucket_id, want.key)) or KeyChanges()
        target = successor = None
        if want.version is not None and head is not None:
            if want.version == NULL_VERSION:
                target = null
            else:
                target = await self._named(want.bucket_id, want.key, want.version, changed)
            if target is not None:
                successor = await self._under(want.bucket_id, want.key, target.rank, null, changed)
        upload: Upload | None = None
        part: Part | None = None
        if want.upload_id is not None:
            upload = await self._find_upload(want.bucket_id, want.key, want.upload_id, changed)
            if want.part_number is not None:
                part = await self._find_part(want.upload_id, want.part_number, batch)
        return KeyState(head, null, target, successor, upload, part)

    async def _named(
        self, bucket_id: bytes, key: str, version: str, changed: KeyChanges
    ) -> ObjectVersion | None:
        rank = version_rank(version)
        if rank is None or not NULL_SLOT < rank <= MAX_RANK:
            return None
        if rank in changed.versions:
            row = changed.versions[rank]
        else:
            found = await self._at(self._version, bucket_id, key, rank)
            row = open_slot(bucket_id, key, rank, found[0][0]) if found else None
        return row if row is not None and row.version == version else None

    async def _under(
        self, bucket_id: bytes, key: str, rank: int, null: ObjectVersion | None, changed: KeyChanges
    ) -> ObjectVersion | None:
        """The newest version of a lower rank than that."""
        # Of those in Cassandra, as many may be gone as the batch has changed.
        found = await self._at(self._below, bucket_id, key, rank, 1 + len(changed.versions))
        rows = [
            open_slot(bucket_id, key, slot, record) for slot, record in found if slot not in changed.versions
        ]
        rows += [row for slot, row in changed.versions.items() if row is not None and slot != NULL_SLOT]
        if null is not None:
            rows.append(null)
        return max((row for row in rows if row.rank < rank), key=lambda row: row.rank, default=None)

    async def _find_upload(
        self, bucket_id: bytes, key: str, upload_id: str, changed: KeyChanges
    ) -> Upload | None:
        if upload_id in changed.uploads:
            return changed.uploads[upload_id]
        found = await self._at(self._upload, bucket_id, key, upload_id)
        return open_upload(bucket_id, key, upload_id, found[0][0]) if found else None

    async def _find_part(self, upload_id: str, number: int, batch: Batch) -> Part | None:
        changed = batch.parts.get(upload_id, {})
        if number in changed:
            return changed[number]
        if upload_id in batch.cleared_uploads:
            return None
        found = await self._client.execute(self._part, (upload_id, number))
        return open_part(upload_id, number, found[0][0]) if found else None

    async def _at(self, statement: Any, bucket_id: bytes, key: str, *more: Any) -> list[Any]:
        async def reading(shard_map: Any) -> list[Any]:
            values = (bucket_id, shard_map.read_from(key), key, *more)
            return await self._client.execute(statement, values)

        return await self._maps.read(bucket_id, reading)
