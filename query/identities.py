"""Keeps a process's directory of identities up to date with the index: whenever the generation has changed.

So a key that was revoked, or a policy that was detached, stops counting before the change is acknowledged
(where the generation is a counter), or within index.directory.AGE_SECONDS (in a cluster).
"""

import asyncio
import logging

from access.directory import Directory
from index.contract import FIRST_PLACE, IdentityPlace, IndexReader
from index.directory import Generation
from schemas.errors import ServiceUnavailable
from schemas.events import POLICIES
from schemas.rows import Identity
from schemas.seq import decode_seq

PAGE = 1000
REFRESH_SECONDS = 1.0  # a request waits so long for what has changed, and then gets 503

log = logging.getLogger(__name__)


class FreshIdentities:
    """The directory of one process. Before it is asked, `stale` must be False or `refresh` awaited."""

    def __init__(
        self, directory: Directory, reader: IndexReader, generation: Generation, partition: int = 0
    ) -> None:
        """`partition`: the one of `policies` that identities fall in."""
        self.directory = directory
        self._reader = reader
        self._read_generation = generation.read
        self._partition = partition
        self._generation = -1
        self._place = FIRST_PLACE
        self._refreshing: asyncio.Task[None] | None = None

    @property
    def stale(self) -> bool:
        """Whether something may have changed since the directory was made."""
        return self._read_generation() != self._generation

    async def reload(self) -> None:
        """Take in what has changed, whatever the generation says. Raises ServiceUnavailable."""
        self._generation = -1
        await self.refresh()

    async def refresh(self) -> None:
        """Take in what has changed. Raises ServiceUnavailable when it cannot be had in time."""
        while self.stale:
            if self._refreshing is None:
                self._refreshing = asyncio.create_task(self._refresh(), name="identities")
                self._refreshing.add_done_callback(self._refreshed)
            try:
                # The refresh goes on when a request that waits for it is given up: others wait too.
                await asyncio.wait_for(asyncio.shield(self._refreshing), REFRESH_SECONDS)
            except TimeoutError:
                raise ServiceUnavailable("who may do what cannot be read in time") from None

    def _refreshed(self, task: "asyncio.Task[None]") -> None:
        self._refreshing = None
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("identities cannot be read: %s", error)

    async def _refresh(self) -> None:
        generation = self._read_generation()
        applied = await self._reader.applied(POLICIES, self._partition)
        place = self._place
        while rows := await self._reader.identities(place, PAGE):
            self.directory.update(rows)
            place = _place(rows[-1])
            # Of a batch that is being written, a later row may be seen before an earlier one. So we go on
            # from what is known to be written whole; what comes again does no harm.
            self._place = max([self._place, *(_place(row) for row in rows if _offset(row) < applied)])
            if len(rows) < PAGE:
                break
        self._generation = generation


def _place(row: Identity) -> IdentityPlace:
    return IdentityPlace(row.seq, row.account, row.kind, row.name)


def _offset(row: Identity) -> int:
    return decode_seq(row.seq)[2]
