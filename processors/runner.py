"""Runners: what feeds a processor. One contract, whatever the records come through.

A processor is made for each partition. It is opened, handed the partition's records in order, a run at a
time, and closed when the partition goes to somebody else. `Runner` keeps to that for a `bus.contract.Feed`;
`processors.faust_runner` does for faust.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Protocol

from bus.contract import Feed, Record
from processors.rounds import Rounds
from schemas.errors import (
    LogUnavailable,
    PartitionLost,
    ServiceUnavailable,
    StorageFull,
    StrandlineError,
    SubmitTimeout,
)

log = logging.getLogger(__name__)

RUN = 512  # records handed over at once, at most
RETRY_SECONDS = 0.1  # before the first retry; doubles up to RETRY_LIMIT_SECONDS
RETRY_LIMIT_SECONDS = 5.0

# What passes by itself: the backend is slow or away, the device is full.
PASSING = (StorageFull, ServiceUnavailable, LogUnavailable, SubmitTimeout)


class PartitionProcessor(Protocol):
    """A processor at work on one partition.

    It raises one of PASSING for what passes by itself (it is then closed and a new one opened, after a
    while), PartitionLost when somebody else has the partition, anything else for what it cannot deal with:
    the partition then stops, since nothing may be skipped.
    """

    async def open(self) -> int:
        """Take over the partition; returns the offset to read from."""

    async def handle(self, records: Sequence[Record]) -> None:
        """Deal with the next records. Its effect is durable when this returns."""

    async def close(self) -> None:
        """Let go of the partition; also after an error."""


MakeProcessor = Callable[[str, int], PartitionProcessor]


class Runner:
    """Feeds processors, one for each partition; `serve` is one partition's life with this worker.

    rounds    what partitions take part in with each run; None: each works by itself
    failures  partitions that stopped, and why; they stay stopped until the worker starts anew
    """

    def __init__(self, make: MakeProcessor, rounds: Rounds | None = None) -> None:
        self._make = make
        self._rounds = rounds
        self.failures: dict[tuple[str, int], StrandlineError] = {}

    async def serve(self, feed: Feed) -> None:
        """Work on the partition until it is taken away."""
        where = f"{feed.topic}/{feed.partition}"
        retries = Retries(where)
        while not feed.ended:
            try:
                await self._work(feed, retries)
            except PASSING as error:
                await retries.wait(error)
            except PartitionLost as error:
                # Should the group think otherwise for long, then we are the newer one and take it back.
                await retries.wait(error)
            except StrandlineError as error:
                self._stop_loudly(feed, error)
                await feed.wait_ended()
            except Exception as error:
                log.exception("the processor of %s failed", where)
                self._stop_loudly(feed, StrandlineError(f"unexpected failure: {error!r}"))
                await feed.wait_ended()

    async def _work(self, feed: Feed, retries: "Retries") -> None:
        processor = self._make(feed.topic, feed.partition)
        try:
            feed.begin(await processor.open())
            while True:
                await feed.ready()
                async with self._rounds.join() if self._rounds is not None else nullcontext():
                    records = await feed.next(RUN)
                    if not records:
                        return
                    await processor.handle(records)
                feed.commit(records[-1].offset + 1)
                retries.worked()
        finally:
            await processor.close()

    def _stop_loudly(self, feed: Feed, error: StrandlineError) -> None:
        self.failures[feed.topic, feed.partition] = error
        log.critical("%s/%d has stopped: %s", feed.topic, feed.partition, error.message)


class Retries:
    """How long to wait before a partition is tried again, and what the log says meanwhile."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._failures = 0

    async def wait(self, error: StrandlineError) -> None:
        """It failed once more."""
        if not self._failures:
            log.error("%s waits and is tried again: %s", self._where, error.message)
        seconds = min(RETRY_LIMIT_SECONDS, RETRY_SECONDS * 2**self._failures)
        self._failures = min(self._failures + 1, 16)
        await asyncio.sleep(seconds * (0.5 + random.random() / 2))

    def worked(self) -> None:
        """Records were dealt with."""
        if self._failures:
            log.warning("%s goes on", self._where)
            self._failures = 0
