"""Requests of several writers as one (`index.cassandra.together`), and rounds of partitions."""

import asyncio
from collections.abc import Sequence

import pytest

from index.cassandra.together import Together
from processors.rounds import Rounds


class Sent:
    """What was sent, group by group; a group is answered when `gate` is set."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.gate = asyncio.Event()
        self.second = asyncio.Event()

    async def send(self, items: Sequence[int]) -> list[int | BaseException]:
        self.groups.append(list(items))
        if len(self.groups) == 2:
            self.second.set()
        await self.gate.wait()
        if 13 in items:
            raise OSError("thirteen")
        return [KeyError(item) if item < 0 else item * 2 for item in items]


async def asked(together: Together[int, int], *items: int) -> list["asyncio.Task[int]"]:
    tasks = [asyncio.create_task(together.ask(item)) for item in items]
    await asyncio.sleep(0.01)
    return tasks


def test_what_is_asked_meanwhile_goes_together() -> None:
    async def run() -> None:
        sent = Sent()
        together = Together(sent.send)
        tasks = await asked(together, 1) + await asked(together, 2) + await asked(together, 3)
        assert sent.groups == [[1]]
        sent.gate.set()
        assert await asyncio.gather(*tasks) == [2, 4, 6]
        assert sent.groups == [[1], [2, 3]]
        assert await together.ask(4) == 8

    asyncio.run(run())


def test_outcomes_go_to_who_asked() -> None:
    async def run() -> None:
        sent = Sent()
        sent.gate.set()
        together = Together(sent.send)
        first = await asyncio.gather(*await asked(together, 1, -2, 3), return_exceptions=True)
        assert [type(one) for one in first] == [int, KeyError, int]
        second = await asyncio.gather(*await asked(together, 5, 13), return_exceptions=True)
        assert [type(one) for one in second] == [OSError, OSError]
        assert await together.ask(6) == 12

    asyncio.run(run())


def test_a_request_that_hangs_holds_up_the_next_for_a_moment() -> None:
    async def run() -> None:
        sent = Sent()
        together = Together(sent.send)
        await asked(together, 1)
        await asked(together, 2)
        async with asyncio.timeout(10):
            await sent.second.wait()
        sent.gate.set()

    asyncio.run(run())


def test_who_gives_up_leaves_the_others_alone() -> None:
    async def run() -> None:
        sent = Sent()
        together = Together(sent.send)
        tasks = await asked(together, 1, 2)
        tasks[0].cancel()
        sent.gate.set()
        assert await tasks[1] == 4
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]

    asyncio.run(run())


class Partitions:
    """Partitions at work in rounds; `order` says who began and who ended."""

    def __init__(self, patience: float = 10.0) -> None:
        self.rounds = Rounds(patience)
        self.order: list[str] = []
        self.go: dict[str, asyncio.Event] = {}

    async def work(self, name: str) -> None:
        async with self.rounds.join():
            self.order.append(f"+{name}")
            await self.go[name].wait()
            self.order.append(f"-{name}")

    async def come(self, *names: str) -> list["asyncio.Task[None]"]:
        for name in names:
            self.go[name] = asyncio.Event()
        tasks = [asyncio.create_task(self.work(name)) for name in names]
        await asyncio.sleep(0.01)
        return tasks


def test_who_comes_during_a_round_takes_part_in_the_next() -> None:
    async def run() -> list[str]:
        some = Partitions()
        tasks = await some.come("a")
        tasks += await some.come("b", "c")
        assert some.order == ["+a"]
        some.go["a"].set()
        await asyncio.sleep(0.01)
        tasks += await some.come("d")
        for name in ("b", "c", "d"):
            some.go[name].set()
        await asyncio.gather(*tasks)
        return some.order

    assert asyncio.run(run()) == ["+a", "-a", "+b", "+c", "-b", "-c", "+d", "-d"]


def test_a_stuck_partition_does_not_stop_the_others() -> None:
    async def run() -> None:
        some = Partitions(patience=0.05)
        stuck = await some.come("stuck")
        for name in ("a", "b"):
            tasks = await some.come(name)
            some.go[name].set()
            async with asyncio.timeout(10):
                await tasks[0]
        some.go["stuck"].set()
        await stuck[0]

    asyncio.run(run())


def test_a_failure_ends_its_part_of_the_round() -> None:
    async def run() -> None:
        rounds = Rounds(10.0)
        with pytest.raises(OSError, match="broken"):
            async with rounds.join():
                raise OSError("broken")
        async with asyncio.timeout(5), rounds.join():
            pass

    asyncio.run(run())
