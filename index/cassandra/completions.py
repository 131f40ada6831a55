"""From the driver's thread to the event loop: answers are handed over in batches, one wakeup for many."""

import asyncio
from collections import deque
from typing import Any

from cassandra.cluster import ResponseFuture

_Answer = tuple["asyncio.Future[Any]", Any, BaseException | None]


class Completions:
    """Turns the driver's futures into futures of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._answers: deque[_Answer] = deque()
        self._woken = False

    def wait_for(self, response: ResponseFuture) -> "asyncio.Future[Any]":
        """A future for the rows of the response, or for what the driver raised."""
        future = self._loop.create_future()
        response.add_callbacks(self._answered, self._failed, callback_args=(future,), errback_args=(future,))
        return future

    def _answered(self, rows: Any, future: "asyncio.Future[Any]") -> None:
        self._answers.append((future, rows, None))
        self._wake()

    def _failed(self, error: BaseException, future: "asyncio.Future[Any]") -> None:
        self._answers.append((future, None, error))
        self._wake()

    def _wake(self) -> None:
        # An answer is in the queue before the flag is read, and the loop lowers the flag before it looks
        # into the queue: so no answer stays behind. Two wakeups for one batch do no harm.
        if not self._woken:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._hand_over)
            except RuntimeError:
                if not self._loop.is_closed():
                    raise
                # The process is ending, and nobody waits for this answer.

    def _hand_over(self) -> None:
        self._woken = False
        answers = self._answers
        while answers:
            future, rows, error = answers.popleft()
            if future.done():  # nobody waits any more
                continue
            if error is None:
                future.set_result(rows)
            else:
                future.set_exception(error)
