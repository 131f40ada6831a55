"""Which records of the journal of Cassandra go together, and whose failure is whose."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from index.cassandra.client import Client
from index.cassandra.journal import SLICE, TOGETHER_BYTES, JournalTable, Place
from schemas.errors import ServiceUnavailable
from schemas.events import OBJECT_VERSIONS, POLICIES


class Recorder:
    """A client that keeps what is written together, and refuses mutations that hold `refused`."""

    def __init__(self, refused: bytes = b"never") -> None:
        self.mutations: list[list[bytes]] = []
        self.refused = refused

    def prepare(self, cql: str, idempotent: bool = True) -> Any:
        return SimpleNamespace()

    async def write_together(self, bound: Sequence[Any]) -> None:
        await asyncio.sleep(0)
        self.mutations.append([statement.values[0] for statement in bound])
        if self.refused in self.mutations[-1]:
            raise ServiceUnavailable("refused")


def written(client: Recorder, *writes: tuple[Place, bytes]) -> list[BaseException | None]:
    """Write them at one moment; how each of them ended."""

    async def run() -> list[BaseException | None]:
        table = JournalTable(cast(Client, client))
        return await asyncio.gather(
            *(table.write(place, [SimpleNamespace(values=[value])]) for place, value in writes),
            return_exceptions=True,
        )

    return asyncio.run(run())


def at(partition: int, topic: str = OBJECT_VERSIONS) -> Place:
    return Place(topic, partition)


def test_partitions_of_a_slice_are_one_mutation() -> None:
    client = Recorder()
    outcomes = written(
        client,
        (at(0), b"a"),
        (at(SLICE), b"b"),
        (at(1), b"c"),
        (at(0, POLICIES), b"d"),
        (at(SLICE - 1), b"e"),
    )
    assert outcomes == [None] * 5
    assert sorted(client.mutations) == [[b"a", b"c", b"e"], [b"b"], [b"d"]]


def test_large_records_are_mutations_of_their_own() -> None:
    large = bytes(TOGETHER_BYTES)
    client = Recorder()
    assert written(client, (at(0), b"a"), (at(1), large), (at(2), b"c"), (at(3), b"d")) == [None] * 4
    assert client.mutations == [[b"a"], [large], [b"c", b"d"]]


@pytest.mark.parametrize("refused", [b"a", b"c"])
def test_a_mutation_that_failed_failed_for_those_in_it(refused: bytes) -> None:
    outcomes = written(Recorder(refused), (at(0), b"a"), (at(SLICE), b"b"), (at(1), b"c"))
    assert [type(outcome) for outcome in outcomes] == [ServiceUnavailable, type(None), ServiceUnavailable]
