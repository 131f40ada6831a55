"""Waits that take too long end with TimeoutError; others, and other cancellations, are left alone."""

import asyncio

import pytest

from bus.flusher import Flusher
from gateway.patience import Patience


def test_a_wait_that_is_answered_returns() -> None:
    async def scenario() -> str:
        return await Patience(5).wait(asyncio.sleep(0, "done"))

    assert asyncio.run(scenario()) == "done"


def test_a_wait_that_takes_too_long_times_out_and_the_task_goes_on() -> None:
    async def scenario() -> str:
        patience = Patience(0.01)
        with pytest.raises(TimeoutError):
            await patience.wait(asyncio.get_running_loop().create_future())
        return await patience.wait(asyncio.sleep(0, "later"))

    assert asyncio.run(scenario()) == "later"


def test_a_cancellation_from_elsewhere_stays_one() -> None:
    async def scenario() -> None:
        patience = Patience(60)
        task = asyncio.create_task(patience.wait(asyncio.get_running_loop().create_future()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())


def test_a_flusher_runs_calls_in_order_and_passes_errors_on() -> None:
    async def scenario() -> None:
        flusher = Flusher("test")
        seen: list[int] = []

        def call(number: int) -> int:
            seen.append(number)
            if number == 3:
                raise ValueError("three")
            return number * 2

        results = await asyncio.gather(*(flusher.run(call, n) for n in range(6)), return_exceptions=True)
        assert seen == list(range(6))
        assert [r for r in results if not isinstance(r, ValueError)] == [0, 2, 4, 8, 10]
        assert isinstance(results[3], ValueError)
        await flusher.stop()

    asyncio.run(scenario())
