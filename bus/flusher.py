"""A thread that runs one blocking call after another for an event loop, with little ceremony.

A ThreadPoolExecutor does the same with two locks, a condition and three callbacks per call, all of which
compete for the interpreter with the event loop: a third of the price of a small write.
"""

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

_Call = tuple[Callable[..., Any], Any, "asyncio.Future[Any]"]


class Flusher:
    """Calls run in the order in which they were given."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def run(self, call: Callable[[Any], T], argument: Any) -> "asyncio.Future[T]":
        """Run call(argument) on the thread; the future gets what it returns or raises."""
        done: asyncio.Future[T] = self._loop.create_future()
        self._calls.put((call, argument, done))
        return done

    async def stop(self) -> None:
        """Let the calls given so far end, then end the thread."""
        self._calls.put(None)
        await self._loop.run_in_executor(None, self._thread.join)

    def _run(self) -> None:
        while (item := self._calls.get()) is not None:
            call, argument, done = item
            try:
                result = call(argument)
            except BaseException as error:
                self._loop.call_soon_threadsafe(_fail, done, error)
            else:
                self._loop.call_soon_threadsafe(_finish, done, result)


def _finish(done: "asyncio.Future[Any]", result: Any) -> None:
    if not done.done():
        done.set_result(result)


def _fail(done: "asyncio.Future[Any]", error: BaseException) -> None:
    if not done.done():
        done.set_exception(error)
