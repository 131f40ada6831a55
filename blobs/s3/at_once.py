"""Many things to do, a bounded number of them at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

A = TypeVar("A")
R = TypeVar("R")


async def at_once(items: Iterable[A], work: Callable[[A], Awaitable[R]], limit: int) -> list[R]:
    """What `work` gives for each item, in the order in which it ends, `limit` of them at the same time.

    The first failure is raised, once the others were cancelled."""
    results: list[R] = []
    iterator = iter(items)

    async def worker() -> None:
        for item in iterator:
            results.append(await work(item))

    workers = [asyncio.create_task(worker()) for _ in range(limit)]
    try:
        await asyncio.gather(*workers)
    finally:
        for one in workers:
            one.cancel()
        await asyncio.wait(workers)
    return results
