"""The auditor as a faust worker: every fact once and in order, whoever dies meanwhile."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest

import processors.faust_runner
import processors.runner
from bus.kafka import KafkaFacts
from disk.files import Files
from processors.audit_trail import AuditTrail, read_head, trail_files, verify_trail
from processors.auditor import Auditor, AuditorPartition, SharedAuditor
from processors.faust_runner import FaustRunner
from schemas.events import FACTS, OBJECT_VERSIONS
from schemas.facts import Fact, encode_fact
from schemas.seq import decode_seq, encode_seq
from tests.cluster.kafka_store import Store, until
from tests.cluster.kafka_worker import PLAN
from tests.cluster.services import Kafka
from tests.faults.full_files import FailingFiles
from tests.unit.applying import BUCKET, ORIGIN

pytestmark = pytest.mark.cluster


@pytest.fixture
def store(kafka: Kafka, tmp_path: Path) -> Store:
    return Store(kafka, tmp_path)


def fact(partition: int, offset: int) -> bytes:
    return encode_fact(Fact(encode_seq(0, partition, offset), 1, "nothing", ORIGIN, BUCKET, f"k{offset}"))


class Published:
    """Facts as workers publish them: each batch perhaps more than once."""

    def __init__(self, store: Store) -> None:
        self._facts = KafkaFacts(store.connection, PLAN.object_partitions)
        self.ends = dict.fromkeys(range(PLAN.object_partitions), 0)

    async def more(self, count: int) -> None:
        for partition, first in self.ends.items():
            payloads = [fact(partition, offset) for offset in range(first, first + count)]
            await self._facts.publish(OBJECT_VERSIONS, partition, payloads)
            await self._facts.publish(OBJECT_VERSIONS, partition, payloads[count // 2 :])
            self.ends[partition] += count

    async def close(self) -> None:
        await self._facts.close()


@asynccontextmanager
async def auditing(store: Store, files: Files | None = None) -> AsyncIterator[FaustRunner]:
    auditor = Auditor(AuditTrail(store.folder / "audit", files))
    shared = SharedAuditor(auditor)
    runner = FaustRunner(
        store.connection.bootstrap_servers,
        store.connection.name("auditor"),
        {store.connection.name(FACTS): FACTS},
        lambda topic, partition: AuditorPartition(shared, topic, partition),
    )
    await runner.start()
    try:
        yield runner
    finally:
        await runner.stop()
        auditor.close()


def audited(store: Store) -> dict[int, list[int]]:
    """Offsets of the facts in the trail, as it has them, by source partition."""
    found: dict[int, list[int]] = {}
    head = read_head(store.folder / "audit").n
    lines = (line for path in trail_files(store.folder / "audit") for line in path.read_bytes().splitlines())
    for line in islice(lines, head):  # what comes behind may be half written
        fields: dict[str, Any] = msgspec.json.decode(line)
        _, partition, offset = decode_seq(fields["seq"])
        found.setdefault(partition, []).append(offset)
    return found


def complete(store: Store, ends: dict[int, int]) -> Callable[[], bool]:
    def check() -> bool:
        return sum(map(len, audited(store).values())) >= sum(ends.values())

    return check


def check_trail(store: Store, ends: dict[int, int]) -> None:
    assert audited(store) == {partition: list(range(end)) for partition, end in ends.items() if end}
    assert verify_trail(store.folder / "audit") == sum(ends.values())


def test_every_fact_is_audited_once_and_in_order(store: Store) -> None:
    async def main() -> None:
        published = Published(store)
        await published.more(30)
        async with auditing(store) as runner:
            await until(complete(store, published.ends))
            await published.more(20)
            await until(complete(store, published.ends))
            assert runner.failures == {}
        await published.more(10)
        async with auditing(store):  # and goes on where it was
            await until(complete(store, published.ends))
        await published.close()
        check_trail(store, published.ends)

    asyncio.run(main())


def test_a_trail_that_cannot_be_written_holds_facts_back(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(processors.runner, "RETRY_SECONDS", 0.01)
    files = FailingFiles()

    async def main() -> None:
        published = Published(store)
        async with auditing(store, files) as runner:
            await published.more(10)
            await until(complete(store, published.ends))
            files.failing = "fdatasync"
            await published.more(10)
            # One partition at least: what reaches the agent later waits behind the run in hand.
            await until(lambda: "waits and is tried again" in caplog.text)
            assert sum(map(len, audited(store).values())) == 40
            files.failing = ""
            await until(complete(store, published.ends))
            assert runner.failures == {}
        await published.close()
        check_trail(store, published.ends)

    asyncio.run(main())


def test_a_worker_ends_though_its_trail_cannot_be_written(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The run in hand waits for the trail, and those of other partitions wait behind it."""
    monkeypatch.setattr(processors.runner, "RETRY_SECONDS", 0.01)
    files = FailingFiles()

    async def main() -> None:
        published = Published(store)
        async with auditing(store, files):
            await published.more(10)
            await until(complete(store, published.ends))
            files.failing = "fdatasync"
            for partition in list(published.ends):
                alone = Published(store)
                alone.ends = {partition: published.ends[partition]}
                await alone.more(10)
                await until(lambda: "waits and is tried again" in caplog.text)
                await alone.close()
            ending = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - ending < processors.faust_runner.STOP_SECONDS
        await published.close()

    asyncio.run(main())


def test_a_trail_put_back_is_written_again_from_there(store: Store) -> None:
    """The group's place is further than the trail's: the trail's counts."""

    async def main() -> None:
        published = Published(store)
        await published.more(20)
        async with auditing(store):
            await until(complete(store, published.ends))
        for path in (store.folder / "audit").iterdir():
            path.unlink()
        await published.more(5)
        async with auditing(store) as runner:
            await until(complete(store, published.ends))
            assert runner.failures == {}
        await published.close()
        check_trail(store, published.ends)

    asyncio.run(main())


class AuditorProcess:
    """The auditor in a process of its own."""

    def __init__(self, store: Store) -> None:
        arguments = [store.connection.bootstrap_servers, store.connection.prefix, str(store.folder)]
        command = [sys.executable, "-m", "tests.cluster.test_faust_auditor", *arguments]
        with (store.folder / "auditor.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def test_a_killed_auditor_loses_and_repeats_nothing(store: Store) -> None:
    async def main() -> None:
        published = Published(store)
        for _ in range(2):
            await published.more(200)
            before = sum(map(len, audited(store).values()))
            worker = AuditorProcess(store)
            try:
                await until(lambda before=before: sum(map(len, audited(store).values())) > before)
            finally:
                worker.kill()
        async with auditing(store):
            await until(complete(store, published.ends))
        await published.close()
        check_trail(store, published.ends)

    asyncio.run(main())


async def audit_for_ever(servers: str, prefix: str, folder: str) -> None:
    async with auditing(Store(Kafka(servers), Path(folder), prefix)):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(audit_for_ever(*sys.argv[1:]))
