"""Events of other processes on their way into the log: the bytes that small objects carry are packed here.

So the bytes of all workers go to the device in one step with the events that name them (`schemas.pending`),
and a worker neither syncs nor waits for a thread.
"""

import asyncio
from collections.abc import Mapping

import msgspec

from blobs.contract import PackStore, Placed
from processors.sequencer import Sequencer
from schemas.events import ObjectPut, decode_event, encode_event
from schemas.manifest import Extent, Manifest
from schemas.receipts import Receipt

_CARRIED = b"carried"  # looking for it takes a tenth of the time of decoding an event


class Packing:
    """Appends events for other processes. `packs`: where the bytes that they carry go."""

    def __init__(self, sequencers: Mapping[str, Sequencer], packs: PackStore) -> None:
        self._sequencers = sequencers
        self._packs = packs

    def append(self, topic: str, payload: bytes) -> "asyncio.Future[Receipt]":
        """Queue an event. Raises LogUnavailable and StorageFull; the receipt may fail as of
        `Submitter.submit`."""
        sequencer = self._sequencers[topic]
        if _CARRIED not in payload:
            return sequencer.submit(payload)
        event = decode_event(payload)
        if not isinstance(event, ObjectPut) or event.manifest.layout != "carried":
            return sequencer.submit(payload)
        placed = self._packs.pack_now(event.manifest.inline)
        if placed is None:
            return asyncio.ensure_future(self._append_later(sequencer, event))
        return sequencer.submit(_packed(event, placed), placed)

    async def _append_later(self, sequencer: Sequencer, event: ObjectPut) -> Receipt:
        placed = await self._packs.pack(event.manifest.inline)
        return await sequencer.submit(_packed(event, placed), placed)


def _packed(event: ObjectPut, placed: Placed) -> bytes:
    """The event, its frames being where they were placed."""
    (extent,) = event.manifest.extents
    moved = Extent(placed.blob, placed.offset, extent.stored, extent.length, extent.key_id, extent.data_key)
    return encode_event(msgspec.structs.replace(event, manifest=Manifest("packed", (moved,))))
