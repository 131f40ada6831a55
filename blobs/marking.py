"""Marking what live manifests name, for sweeps."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

from schemas.manifest import Extent, Manifest


async def mark_live(
    mark: Callable[[Iterable[Extent]], None],
    live: AsyncIterator[list[Manifest]],
    expand: Callable[[Manifest], Awaitable[Manifest]],
) -> None:
    """Mark every extent of every live manifest; a spilled one counts with its whole."""
    async for manifests in live:
        for manifest in manifests:
            if manifest.spill is not None:
                mark((manifest.spill,))
                manifest = await expand(manifest)
            mark(manifest.extents)
