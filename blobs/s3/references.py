"""Who needs a blob: second references and freeing, without a lock between processes.

Both sides leave a mark first and look at the other's second, each with a quorum of the blob's zones, and
two quorums share a zone. So of a copy and a free at the same time at least one sees the other: the copier
waits until the free is decided, the one who frees backs off. Why this is safe: docs/design/zones.md.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterator

from blobs.s3 import names
from blobs.s3.blob_state import BlobState
from blobs.s3.notes import Notes
from blobs.s3.zone import Zone
from blobs.s3.zones import Zones
from schemas.errors import BlobMissing, ServiceUnavailable
from schemas.ids import uuid7_milliseconds

FREEING_SECONDS = 30.0  # an attempt to free that took longer up to its decision gives up
STALE_SECONDS = 120.0  # an attempt that began before that is over; the difference is for unequal clocks
WAIT_SECONDS = 5.0  # a copy waits so long for a free to be decided
LOOK_SECONDS = 0.1

_Attempt = tuple[bytes, float]  # to free a blob: its id, and when it began (monotonic seconds)


class References:
    """References and freeing, by blob. Any process may call `add`; what frees is for one process at a time,
    though a second one would do no harm.

    new_id  makes a UUIDv7; its time is the clock
    """

    def __init__(self, zones: Zones, notes: Notes, new_id: Callable[[], bytes]) -> None:
        self._zones, self._notes, self._new_id = zones, notes, new_id

    async def add(self, blob: bytes, holder: bytes) -> None:
        """Record durably that `holder` needs the blob.

        Raises BlobMissing when it was freed, ServiceUnavailable when that cannot be told now."""
        name = names.reference(blob, holder, self._now())

        async def put(zone: Zone) -> None:
            await zone.put(name)

        try:
            answers = await self._zones.quorum("referring to", blob, put)
            if answers.failed:
                await self._notes.write(blob, answers.failed.keys())
            state = await self._decided(blob)
            half_freed = _is_last(state, holder) and any(_in_force(self._zones, blob, state))
            if half_freed or not any(state.blocks.values()):
                raise BlobMissing(f"blob {blob.hex()} was freed")
        except BaseException:
            # Should this fail as well, the reference is swept with the blob one day.
            everywhere = {zone.name: [name] for zone in self._zones.candidates(blob)}
            await self._zones.remove(blob, everywhere)
            raise

    async def _decided(self, blob: bytes) -> BlobState:
        """The blob's state once nobody is deciding whether to free it: whoever backs off takes its mark
        away, and whoever frees leaves it until the blob is gone everywhere."""
        limit = time.monotonic() + WAIT_SECONDS
        while True:
            state = await self._zones.state(blob)
            if not is_being_freed(self._zones, blob, state, self._now()):
                return state
            if time.monotonic() > limit:
                raise ServiceUnavailable(f"blob {blob.hex()} is about to be freed, or not: try again")
            await asyncio.sleep(random.uniform(LOOK_SECONDS / 2, LOOK_SECONDS))

    # --- freeing -----------------------------------------------------------------------------------------
    async def drop(self, blob: bytes, holder: bytes) -> int:
        """Drop a reference (`holder` b"": the primary's); the bytes freed when nobody needs the blob any
        more. Harmless when repeated. Raises ServiceUnavailable or StorageFull: drop it again then."""
        attempt = await self._announce(blob, gone=not holder)
        state = await self._zones.state(blob)
        if holder in state.holders and not _is_last(state, holder):
            # Of two that are dropped at the same time, the one that looks last sees that it was the last.
            await self._zones.remove(blob, {zone: state.references_of(zone, holder) for zone in state.names})
            state = await self._zones.state(blob)
        if _is_last(state, holder):
            return await self._delete(blob, state, attempt)
        await self._withdraw(blob, attempt)
        return 0

    async def remove(self, blob: bytes, before: int) -> int:
        """Free a blob that nothing live names, whatever was recorded about it, unless a reference was since
        `before` (Unix milliseconds): its event may still be on its way. Returns the bytes freed."""
        attempt = await self._announce(blob, gone=True)
        state = await self._zones.state(blob)
        if all(made < before for made in state.holders.values()):
            return await self._delete(blob, state, attempt)
        await self._withdraw(blob, attempt)
        return 0

    async def settle(self, blob: bytes) -> int:
        """Finish what an interrupted free, or one without all zones, left behind: free the blob if nobody
        needs it. Returns the bytes freed."""
        attempt = await self._announce(blob, gone=False)
        state = await self._zones.state(blob)
        if _is_last(state, b""):
            return await self._delete(blob, state, attempt)
        await self._withdraw(blob, attempt)
        return 0

    async def _announce(self, blob: bytes, *, gone: bool) -> _Attempt:
        attempt = self._new_id(), time.monotonic()

        async def put(zone: Zone) -> None:
            await zone.put(names.freeing(blob, attempt[0]))
            if gone:
                await zone.put(names.gone(blob))

        await self._zones.quorum("freeing", blob, put)
        return attempt

    async def _withdraw(self, blob: bytes, attempt: _Attempt) -> None:
        name = names.freeing(blob, attempt[0])
        await self._zones.remove(blob, {zone.name: [name] for zone in self._zones.candidates(blob)})

    async def _delete(self, blob: bytes, state: BlobState, attempt: _Attempt) -> int:
        """Remove everything about the blob; last, once every zone has removed the rest, the marks that say
        so. A zone that has not is noted, and `settle` finishes there."""
        if time.monotonic() - attempt[1] > FREEING_SECONDS:
            raise ServiceUnavailable(f"blob {blob.hex()}: deciding to free it took too long")
        last = [names.gone(blob), names.freeing(blob, attempt[0])]
        found = {
            zone: [name for name in objects if name not in last] for zone, objects in state.names.items()
        }
        removed = await self._zones.remove(blob, found)
        every = {zone.name for zone in self._zones.candidates(blob)}
        cleaned = removed | {zone for zone, objects in found.items() if not objects}
        if left := every - cleaned:
            await self._notes.write(blob, left)
        else:
            await self._zones.remove(blob, dict.fromkeys(every, last))
        return sum(state.sizes.values())

    def _now(self) -> int:
        return uuid7_milliseconds(self._new_id())


def is_being_freed(zones: Zones, blob: bytes, state: BlobState, now: int) -> bool:
    """Whether somebody may be freeing the blob (`now` in Unix milliseconds): an attempt that is not over
    by its age, whose mark may be in a quorum for all that the zones asked say. One that is not, yet, looks
    for references only later; one that is not, any more, has backed off while a zone was away."""
    stale = now - int(STALE_SECONDS * 1000)
    return any(uuid7_milliseconds(attempt) > stale for attempt in _in_force(zones, blob, state))


def _in_force(zones: Zones, blob: bytes, state: BlobState) -> Iterator[bytes]:
    """The attempts to free the blob, of whatever age, whose mark may be in a quorum."""
    placement = zones.placement
    places = set(placement.candidates(blob))
    for attempt in state.freeing:
        if placement.is_quorum(blob, places - state.without(attempt)):
            yield attempt


def _is_last(state: BlobState, holder: bytes) -> bool:
    """Whether nobody but `holder` needs the blob."""
    return state.gone and not set(state.holders) - {holder}
