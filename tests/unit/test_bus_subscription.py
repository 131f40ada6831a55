"""A consumer in the process that writes the log."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from bus.contract import Subscription
from bus.local import LocalPartitionLog
from bus.positions import Positions
from bus.subscription import LocalSubscription

Body = Callable[[LocalPartitionLog, Positions], Awaitable[None]]


def run(folder: Path, body: Body) -> None:
    log = LocalPartitionLog(str(folder / "log"), segment_size=2000, ahead=0)
    try:
        asyncio.run(asyncio.wait_for(body(log, Positions(str(folder / "positions"))), 60))
    finally:
        log.close()


async def take(subscription: LocalSubscription, count: int) -> list[bytes]:
    """Read and commit until `count` records came."""
    seen: list[bytes] = []
    async for records in subscription:
        seen += [record.payload for record in records]
        await subscription.commit(records[-1].offset + 1)
        if len(seen) >= count:
            break
    return seen


def test_it_delivers_what_is_there_and_what_comes(tmp_path: Path) -> None:
    async def body(log: LocalPartitionLog, positions: Positions) -> None:
        log.append([b"old"])
        subscription = LocalSubscription(log, positions, "auditor", "facts")
        port: Subscription = subscription
        assert port is subscription
        assert subscription.lag == 1
        task = asyncio.create_task(take(subscription, 401))
        for number in range(200):
            await asyncio.to_thread(log.append, [b"%d" % number, b"again"])
        assert (await task)[:3] == [b"old", b"0", b"again"]
        assert subscription.lag == 0
        assert subscription.committed == positions.get("auditor", "facts", 0) == 401
        await subscription.close()

    run(tmp_path, body)


def test_batches_are_bounded_also_far_behind(tmp_path: Path) -> None:
    async def body(log: LocalPartitionLog, positions: Positions) -> None:
        for number in range(3000):
            log.append([b"%d" % number], sync=False)
        subscription = LocalSubscription(log, positions, "auditor", "facts", batch=16)
        offset = 0
        async for records in subscription:
            assert records[0].offset == offset
            assert len(records) <= 16
            offset = records[-1].offset + 1
            if offset == 3000:
                break
        await subscription.close()

    run(tmp_path, body)


def test_it_starts_again_at_the_committed_position(tmp_path: Path) -> None:
    async def body(log: LocalPartitionLog, positions: Positions) -> None:
        for number in range(10):
            log.append([b"%d" % number])
        first = LocalSubscription(log, positions, "auditor", "facts", batch=1)
        async for records in first:
            if records[0].offset == 4:
                break
            await first.commit(records[0].offset + 1)
        await first.close()
        second = LocalSubscription(log, positions, "auditor", "facts")
        assert second.lag == 6
        assert (await take(second, 6))[0] == b"4"
        other = LocalSubscription(log, positions, "notifier", "facts")
        assert other.lag == 10
        await second.close()
        await other.close()

    run(tmp_path, body)


def test_a_commit_is_held_back_until_the_log_is_durable(tmp_path: Path) -> None:
    async def body(log: LocalPartitionLog, positions: Positions) -> None:
        subscription = LocalSubscription(log, positions, "auditor", "facts")
        log.append([b"a"])
        log.append([b"b"], sync=False)
        assert len(await take(subscription, 2)) == 2
        assert positions.get("auditor", "facts", 0) == 1
        waiting = asyncio.create_task(take(subscription, 1))
        log.sync()
        while positions.get("auditor", "facts", 0) != 2:  # noqa: ASYNC110 - positions tell nobody
            await asyncio.sleep(0.001)
        await subscription.close()
        assert await waiting == []

    run(tmp_path, body)


def test_what_retention_dropped_is_skipped_and_told(tmp_path: Path) -> None:
    async def body(log: LocalPartitionLog, positions: Positions) -> None:
        for _ in range(100):
            log.append([bytes(100)])
        start = log.drop_before(50)
        subscription = LocalSubscription(log, positions, "auditor", "facts")
        assert subscription.skipped == start > 0
        assert subscription.lag == 100 - start
        assert len(await take(subscription, 100 - start)) == 100 - start
        await subscription.close()

    run(tmp_path, body)


def test_a_loop_that_is_gone_does_not_disturb_the_writer(tmp_path: Path) -> None:
    log = LocalPartitionLog(str(tmp_path / "log"), ahead=0)

    async def body() -> None:
        LocalSubscription(log, Positions(str(tmp_path)), "auditor", "facts")

    asyncio.run(body())
    log.append([b"a"])
    log.append([b"b"])
    log.close()
