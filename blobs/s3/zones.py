"""All zones of the store, and what is asked of those that hold a blob."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import TypeVar

from blobs.placement import Placement
from blobs.s3 import names
from blobs.s3.blob_state import BlobState
from blobs.s3.endpoint import Timing
from blobs.s3.quorum import Answers, ask
from blobs.s3.zone import Zone
from schemas.errors import ConfigurationError

T = TypeVar("T")


class Zones:
    """The zones by name, and where copies belong. Raises ConfigurationError when the placement names a
    zone that has no endpoint."""

    def __init__(self, zones: Iterable[Zone], placement: Placement, timing: Timing) -> None:
        self.by_name = {zone.name: zone for zone in zones}
        self.placement, self.timing = placement, timing
        if unknown := sorted(placement.zones - set(self.by_name)):
            raise ConfigurationError(f"the zone map names {', '.join(unknown)}, which has no endpoint")

    def targets(self, blob: bytes) -> list[Zone]:
        """Where copies of the blob belong, best first."""
        return [self.by_name[name] for name in self.placement.targets(blob)]

    def candidates(self, blob: bytes) -> list[Zone]:
        """Where copies of the blob may be, best first; zones that are away last."""
        zones = [self.by_name[name] for name in self.placement.candidates(blob)]
        return sorted(zones, key=lambda zone: not zone.breaker.closed)

    async def quorum(self, what: str, blob: bytes, request: Callable[[Zone], Awaitable[T]]) -> Answers[T]:
        """Have a quorum of the zones that may hold the blob do something about it. Raises
        ServiceUnavailable or StorageFull."""

        def enough(done: Collection[str]) -> bool:
            return self.placement.is_quorum(blob, done)

        zones = self.candidates(blob)
        return await ask(f"{what} blob {blob.hex()}", zones, request, enough, self.timing.patience)

    async def state(self, blob: bytes) -> BlobState:
        """What a quorum has of the blob: it shows every change that a quorum made. Raises
        ServiceUnavailable."""
        answers = await self.quorum("looking at", blob, lambda zone: zone.list_all(names.folder(blob)))
        return BlobState.of(blob, answers.good)

    async def remove(self, blob: bytes, found: Mapping[str, list[str]]) -> set[str]:
        """Remove objects about the blob, by zone; returns the zones that did."""
        zones = [self.by_name[name] for name, objects in found.items() if objects]

        async def send(zone: Zone) -> None:
            await zone.remove(found[zone.name])

        answers = await ask("removing", zones, send, lambda _: True, self.timing.patience)
        return set(answers.good)
