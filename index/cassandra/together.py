"""Requests of several writers as one: what is asked while a request is under way goes together after it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

PATIENCE = 0.05  # seconds that a request may hold the next one back: one that hangs must not stop all writers


class Together(Generic[Item, Outcome]):
    """Groups items. `send` gives an outcome for each, in order, or an exception to be raised for it; what it
    raises itself is raised for all of them.

    An item is sent after it was asked for, never before: what its asker did until then has happened.
    """

    def __init__(
        self, send: Callable[[Sequence[Item]], Awaitable[Sequence[Outcome | BaseException]]]
    ) -> None:
        self._send = send
        self._waiting: list[tuple[Item, asyncio.Future[Outcome]]] = []
        self._working: asyncio.Task[None] | None = None
        self._groups: set[asyncio.Task[None]] = set()

    async def ask(self, item: Item) -> Outcome:
        """The outcome for one item."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._working is None:
            self._working = asyncio.create_task(self._work(), name="together")
        return await future

    async def _work(self) -> None:
        try:
            while self._waiting:
                asked, self._waiting = self._waiting, []
                group = asyncio.create_task(self._answer(asked), name="together-group")
                self._groups.add(group)
                group.add_done_callback(self._groups.discard)
                await asyncio.wait((group,), timeout=PATIENCE)
        finally:
            self._working = None

    async def _answer(self, asked: Sequence[tuple[Item, "asyncio.Future[Outcome]"]]) -> None:
        outcomes: Sequence[Outcome | BaseException]
        try:
            outcomes = await self._send([item for item, _ in asked])
        except Exception as error:
            outcomes = [error] * len(asked)
        for (_, future), outcome in zip(asked, outcomes, strict=True):
            if future.done():  # nobody waits any more
                continue
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
