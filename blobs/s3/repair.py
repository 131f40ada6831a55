"""The repairer: makes missing and damaged copies again from those that are well, without any key.

It follows the notes that writers, readers and the collector leave (blobs/s3/notes.py), and now and then
compares all zones. It may run beside everything else; one at a time is enough.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from blobs.s3 import names
from blobs.s3.blob_state import BlobState
from blobs.s3.blocks import is_undamaged
from blobs.s3.comparing import compare
from blobs.s3.failures import NotInZone, ZoneFailed
from blobs.s3.references import References, is_being_freed
from blobs.s3.zone import PAGE, Zone
from blobs.s3.zones import Zones
from schemas.errors import ServiceUnavailable, StorageFull
from schemas.ids import uuid7_milliseconds

SETTLED_SECONDS = 3600.0  # younger blobs may still be on their way, and are not compared

_Work = Callable[[Zone, bytes, "Repaired"], Awaitable[bool]]


@dataclass
class Repaired:
    """What a pass did.

    blobs   shares of blobs looked at
    blocks  blocks copied, and their `bytes`
    moved   blobs taken out of zones where they do not belong any more
    lost    blocks without any undamaged copy
    later   shares left for later: a zone is away, or it is being decided whether to free the blob
    """

    blobs: int = 0
    blocks: int = 0
    bytes: int = 0
    moved: int = 0
    lost: int = 0
    later: int = 0


class Repairer:
    """Repairs zone by zone and blob by blob; holds one block in memory.

    report  is told of each block that no zone has undamaged
    """

    def __init__(
        self,
        zones: Zones,
        references: References,
        new_id: Callable[[], bytes],
        report: Callable[[str], None],
    ) -> None:
        self._zones, self._references = zones, references
        self._new_id, self._report = new_id, report

    async def repair_noted(self) -> Repaired:
        """Everything that is noted now. What cannot be done now stays noted."""
        done = Repaired()
        for zone in list(self._zones.by_name.values()):
            after = ""
            while True:
                try:
                    page = await zone.list_page(names.REPAIR, after)
                except ZoneFailed:
                    break  # its notes lie in another zone too, or wait for it
                for one in page:
                    if (noted := names.noted(one.name)) is not None:
                        await self._follow(*noted, done)
                if len(page) < PAGE:
                    break
                after = page[-1].name
        return done

    async def compare_zones(self) -> Repaired:
        """Every blob of every zone that is older than SETTLED_SECONDS: whether each zone has the blocks
        that it should have, and none that it should not. So after a change of the map this moves what has
        to move. Reads listings, and only those blocks that differ. Raises ServiceUnavailable when a zone
        is away."""
        done = Repaired()
        limit = self._now() - int(SETTLED_SECONDS * 1000)
        async for blob, state in compare(list(self._zones.by_name.values())):
            if uuid7_milliseconds(blob) >= limit:
                continue
            targets = self._zones.placement.targets(blob)
            for name in targets:
                if not state.is_whole_in(name) or _is_unneeded(state):
                    await self._attempt(self._mend, name, blob, done)
            for name, objects in state.names.items():
                if objects and name not in targets:
                    await self._attempt(self._move_out, name, blob, done)
        return done

    async def _follow(self, zone: str, blob: bytes, done: Repaired) -> None:
        if not await self._attempt(self._mend, zone, blob, done):
            return
        note = names.note(zone, blob)
        await self._zones.remove(blob, {one.name: [note] for one in self._zones.candidates(blob)})

    async def _attempt(self, work: _Work, name: str, blob: bytes, done: Repaired) -> bool:
        """Do it for a zone's share of a blob; False when that has to wait or cannot be done."""
        zone = self._zones.by_name.get(name)
        done.blobs += 1
        try:
            if zone is None or await work(zone, blob, done):
                return True
        except (ZoneFailed, ServiceUnavailable, StorageFull):
            pass  # the note stays, or the next comparison finds it again
        done.later += 1
        return False

    async def _mend(self, zone: Zone, blob: bytes, done: Repaired) -> bool:
        state = await self._zones.state(blob)
        if zone.name not in state.names:
            return False
        if _is_unneeded(state):
            await self._references.settle(blob)
            return not (await self._zones.state(blob)).names.get(zone.name)
        if self._is_being_freed(blob, state):
            return False
        if zone.name not in self._zones.placement.targets(blob):
            return True
        copied: list[str] = []
        whole = True
        for number, size in sorted(state.sizes.items()):
            block = names.block(blob, number)
            if await _undamaged(zone, block, size) is not None:
                continue
            good = await self._good_copy(zone, block, size, state, number)
            if good is None:
                whole = False
                done.lost += 1
                self._report(f"{block} has no undamaged copy outside zone {zone.name}")
                continue
            await zone.put(block, good)
            copied.append(block)
            done.blocks += 1
            done.bytes += len(good)
        for mark in sorted(state.marks - set(state.names[zone.name])):
            # It may have been removed where this zone was away: better kept too long than forgotten.
            await zone.put(mark)
            copied.append(mark)
        return whole and await self._still_needed(zone, blob, copied)

    async def _good_copy(
        self, zone: Zone, block: str, size: int, state: BlobState, number: int
    ) -> bytes | None:
        """The block from another zone. Raises ZoneFailed when one that may have it cannot be asked."""
        failed: ZoneFailed | None = None
        for other in self._zones.by_name.values():
            if other is zone or (other.name in state.blocks and number not in state.blocks[other.name]):
                continue
            try:
                if (good := await _undamaged(other, block, size)) is not None:
                    return good
            except ZoneFailed as failure:
                failed = failure
        if failed is not None:
            raise failed
        return None

    async def _still_needed(self, zone: Zone, blob: bytes, copied: list[str]) -> bool:
        """After copying: had somebody begun to free the blob meanwhile, it may have looked at this zone
        before the copies were there. Then they go again, and a later pass looks anew."""
        if not copied:
            return True
        state = await self._zones.state(blob)
        elsewhere = any(blocks for name, blocks in state.blocks.items() if name != zone.name)
        if elsewhere and not self._is_being_freed(blob, state) and not _is_unneeded(state):
            return True
        await zone.remove(copied)
        return False

    async def _move_out(self, zone: Zone, blob: bytes, done: Repaired) -> bool:
        """Take a blob out of a zone where it does not belong, once all of it is where it does."""
        everyone = self._zones.by_name.values()
        state = BlobState.of(blob, {one.name: await one.list_all(names.folder(blob)) for one in everyone})
        if self._is_being_freed(blob, state) or _is_unneeded(state):
            return False
        if not all(state.is_whole_in(name) for name in self._zones.placement.targets(blob)):
            return False
        await zone.remove(state.names[zone.name])
        done.moved += 1
        return True

    def _is_being_freed(self, blob: bytes, state: BlobState) -> bool:
        return is_being_freed(self._zones, blob, state, self._now())

    def _now(self) -> int:
        return uuid7_milliseconds(self._new_id())


def _is_unneeded(state: BlobState) -> bool:
    return state.gone and not state.holders


async def _undamaged(zone: Zone, block: str, size: int) -> bytes | None:
    """A zone's copy of a block of `size` bytes; None when it is missing or damaged."""
    try:
        data = await zone.get(block, 0, size, bytes)
    except NotInZone:
        return None
    return data if len(data) == size and is_undamaged(data) else None
