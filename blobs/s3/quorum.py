"""The same request to several zones at once, done when enough of them have done it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from blobs.s3.failures import ZoneFailed, unavailable
from blobs.s3.zone import Zone

T = TypeVar("T")


class Answers(NamedTuple, Generic[T]):
    """By the zone's name: what those gave that did it, and how the others failed."""

    good: dict[str, T]
    failed: dict[str, ZoneFailed]


async def ask(
    what: str,
    zones: Sequence[Zone],
    request: Callable[[Zone], Awaitable[T]],
    enough: Callable[[Collection[str]], bool],
    patience: float,
) -> Answers[T]:
    """Send the request to every zone. Returns when all have ended, or `patience` seconds after those that
    did it are enough: whoever is then still busy counts as failed.

    Raises ServiceUnavailable (StorageFull, when a zone is full) with `what` when too few did it."""
    answers: Answers[T] = Answers({}, {})
    running = {asyncio.ensure_future(request(zone)): zone for zone in zones}
    for task in running:
        task.add_done_callback(retrieved)
    limit: float | None = None
    loop = asyncio.get_running_loop()
    try:
        while running:
            wait = None if limit is None else max(0.0, limit - loop.time())
            done, _ = await asyncio.wait(running, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                break
            for task in done:
                zone = running.pop(task)
                try:
                    answers.good[zone.name] = task.result()
                except ZoneFailed as failure:
                    answers.failed[zone.name] = failure
            if limit is None and enough(answers.good):
                limit = loop.time() + patience
        for zone in running.values():
            zone.lagged(patience)
            answers.failed[zone.name] = ZoneFailed(zone.name, f"is {patience:.1f} s behind the others")
    finally:
        for task in running:
            task.cancel()
    if not enough(answers.good):
        raise unavailable(what, list(answers.failed.values()))
    return answers


def retrieved(task: "asyncio.Future[Any]") -> None:
    """Look at a task's failure: whoever waited for it may have been cancelled, or have what it needs."""
    if not task.cancelled():
        task.exception()
