"""Loops that nobody waits for."""

import asyncio
import logging

import pytest

from schemas.errors import StorageFull
from strandline.loops import watched

log = logging.getLogger(__name__)


async def failing(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("error", [StorageFull("no room"), ValueError("a fault of ours")])
def test_a_loop_that_fails_is_told(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        await asyncio.wait([watched(failing(error), log, "a loop")])
        await asyncio.sleep(0)

    asyncio.run(run())
    (record,) = caplog.records
    assert record.levelno >= logging.ERROR
    assert "a loop has stopped" in caplog.text
    assert str(error) in caplog.text


def test_a_loop_that_is_ended_before_it_began_is_no_trouble(caplog: pytest.LogCaptureFixture) -> None:
    """Neither a record nor the interpreter's warning about a coroutine that was never awaited."""

    async def run() -> None:
        task = watched(failing(ValueError("never raised")), log, "a loop")
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    asyncio.run(run())
    assert not caplog.records
