"""The whole embedded store on a machine that loses power: what was acknowledged is there, and nothing by
halves.

Each round is several lives of one data folder. Every call to the disk may be the one at which the power
goes, also during recovery. Afterwards: every acknowledged write is there with its bytes, the one under way
whole or absent; the index is equal to a replay of the log from its beginning; the audit trail has exactly
one line for every event ever applied, with the outcome that the replay decides; no bytes are left that
nothing names. STRANDLINE_TEST_ROUNDS asks for more rounds, STRANDLINE_TEST_SEED for a given one.
"""

import asyncio
import contextlib
import faulthandler
import json
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import ingest.multipart
import processors.facts_publisher
import strandline.processors_role
from blobs.places import DRAFT
from index.sqlite.digest import digest_index
from index.sqlite.reader import SqliteReader
from index.sqlite.writer import SqliteWriter
from processors.audit_trail import trail_files, verify_trail
from processors.collecting import COLLECTOR
from processors.materializer import Materializer
from processors.request_log import RequestLog
from schemas.errors import IndexCorrupt
from schemas.events import FACTS, OBJECT_VERSIONS, POLICIES
from schemas.facts import Fact, decode_fact
from schemas.rows import Bucket
from strandline.consumers import only_consumer
from strandline.data_dir import DataDir
from strandline.engine import Engine
from strandline.processors_role import Processors
from strandline.services import EmbeddedServices, index_file, open_blobs
from strandline.settings import Settings
from strandline.snapshots import read_snapshots
from strandline.verification import open_log, rebuild, take_snapshot, verify
from tests.faults.machine import IndexStates, Machine
from tests.faults.power_clients import Client, History, Version
from tests.store import ORIGIN, Store

ROUNDS = int(os.environ.get("STRANDLINE_TEST_ROUNDS", "30"))
FIRST_SEED = int(os.environ.get("STRANDLINE_TEST_SEED", "1"))
LIVES = 4
CLIENTS = 4
CALLS = (1, 4, 16, 64, 256, 512)  # up to so many calls to the disk until the power is cut
PATIENCE = 30.0  # seconds until something that must come about has not


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strandline.processors_role, "AUDIT_SECONDS", 0.01)
    monkeypatch.setattr(strandline.processors_role, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(processors.facts_publisher, "SYNC_SECONDS", 0.03)
    monkeypatch.setattr(ingest.multipart, "MIN_PART_BYTES", 0)


@pytest.mark.timeout(120 * max(1, ROUNDS // 10))
@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + ROUNDS))
def test_power_cuts(tmp_path: Path, seed: int) -> None:
    asyncio.run(Round(tmp_path, seed).run())


class Shadow:
    """An index of its own, applied from the log alone since its beginning, and every fact decided for it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.facts: dict[int, Fact] = {}

    async def follow(self, data: DataDir) -> None:
        index = SqliteWriter(self.path)
        for topic in (POLICIES, OBJECT_VERSIONS):
            materializer = Materializer(index, topic)
            source = open_log(data, topic)
            position = await materializer.position()
            assert source.start_offset <= position <= source.end_offset
            while records := source.read(position):
                times, payloads = [r.time for r in records], [r.payload for r in records]
                applied = await materializer.apply(position, times, payloads)
                self.facts.update((fact.seq, fact) for fact in map(decode_fact, applied.facts))
                position += len(records)
        await index.close()


class Round:
    """Several lives of one data folder."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.choose = random.Random(seed)
        self.data = DataDir(folder / "data")
        self.data.create()
        self.shadow = Shadow(folder / "shadow.sqlite")
        self.states = folder / "states"
        self.settings = Settings(
            data_dir=self.data.root, inline_limit=512, pack_limit=32 * 1024, gc_grace_seconds=0
        ).model_copy(update={"segment_bytes": 48 * 1024})  # small, so that the log is cut too
        self.clients: list[Client] = []

    async def run(self) -> None:
        for life in range(LIVES):
            last = life == LIVES - 1
            machine = Machine(self.data.root, self.choose.getrandbits(32))
            if not last and life and self.choose.random() < 0.3:
                machine.cut_after(self.choose.randint(1, 400))  # while it recovers, or soon after
            states = IndexStates(index_file(self.data), self.states)
            if index_file(self.data).exists():
                states.remember()
            await self._live(machine, states, last)
            if machine.off:
                states.lose_power(self.choose)

    async def _live(self, machine: Machine, states: IndexStates, last: bool) -> None:
        try:
            async with Life(self.settings, self.data, machine).opened() as life:
                await self._open_buckets(life.store)
                await self._check(life)
                if last:
                    return
                await self._work(life, machine, states)
        except AssertionError:
            raise
        except Exception:
            if not machine.off:
                raise

    async def _open_buckets(self, store: Store) -> None:
        names = {bucket.name for bucket in await store.reader.buckets()}
        for name in ("plain", "versioned"):
            if name not in names:
                await store.producer.create_bucket(name, "owner", ORIGIN)
        buckets = [await store.reader.bucket(name) for name in ("plain", "versioned")]
        if buckets[1].versioning != "enabled":
            buckets[1] = await store.producer.set_versioning(buckets[1], "enabled", ORIGIN)
        if not self.clients:
            seeds = [self.choose.getrandbits(32) for _ in range(CLIENTS)]
            self.clients = [
                Client(f"client{i}", store, buckets, random.Random(s)) for i, s in enumerate(seeds)
            ]
        for client in self.clients:
            client.store, client.buckets = store, buckets

    async def _work(self, life: "Life", machine: Machine, states: IndexStates) -> None:
        tasks = [asyncio.create_task(client.work(lambda: machine.off)) for client in self.clients]
        tasks += [asyncio.create_task(self._maintain(life, states)), asyncio.create_task(life.browse())]
        try:
            await asyncio.sleep(self.choose.uniform(0.02, 0.3))
            machine.cut_after(self.choose.randint(1, self.choose.choice(CALLS)))
            await until(lambda: machine.off)
        finally:
            machine.cut()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            states.remember()
            assert not [failure for client in self.clients for failure in client.failures]

    async def _maintain(self, life: "Life", states: IndexStates) -> None:
        """What the background does from time to time: checkpoints, snapshots, cuts of the logs."""
        while True:
            await asyncio.sleep(self.choose.uniform(0.005, 0.05))
            if self.choose.random() < 0.5:
                states.remember()
            if self.choose.random() < 0.3:
                began = states.remember()
                await life.engine._index.checkpoint()
                states.checkpointed(began)
            if self.choose.random() < 0.1:
                await take_snapshot(self.data)
            snapshots, problems = read_snapshots(self.data)
            assert not problems
            if len(snapshots) > 1:
                began = states.remember()
                for topic in (POLICIES, OBJECT_VERSIONS):
                    # The shadow has to see every event, so nothing is cut before it was there.
                    kept = SqliteReader(self.shadow.path)
                    limit = await kept.applied(topic, 0)
                    kept.close()
                    await life.engine.drop_log(topic, min(limit, snapshots[-2].positions[topic]))
                states.checkpointed(began)
            life.cut_facts()

    # --- what must hold after a restart ------------------------------------------------------------------
    async def _check(self, life: "Life") -> None:
        found = await self._everything(life.store)
        for client in self.clients:
            own = {place: history for place, history in found.items() if place[1].startswith(client.name)}
            client.settle(own)
            await client.settle_upload()
        await self.shadow.follow(self.data)
        live = digest_index(index_file(self.data), integrity=True)
        assert not live.damage
        assert live.digest == digest_index(self.shadow.path).digest
        assert (await verify(self.data)).equal
        await life.until(life.drained)
        await life.until(life.processors.swept.is_set)
        self._check_trail()
        await life.until(lambda: life.leftovers() == (set(), set()), life.leftovers)
        assert (await life.processors._blobs.sweep(life.live_manifests(), int(time.time() * 1000))).freed == 0

    async def _everything(self, store: Store) -> dict[tuple[str, str], History]:
        found: dict[tuple[str, str], History] = {}
        for bucket in await store.reader.buckets():
            page = await store.reader.list_versions(bucket, "", "", "", "", 100_000)
            for row in page.versions:
                data = None
                if not row.delete_marker:
                    whole = await store.reader.find(bucket, row.key, row.version)
                    data = b"".join([chunk async for chunk in store.reader.stream(whole, 0, row.size)])
                    assert len(data) == row.size
                found.setdefault((bucket.name, row.key), []).append(Version(row.version, data))
            await self._check_listing(store, bucket, found)
        return found

    async def _check_listing(
        self, store: Store, bucket: Bucket, found: dict[tuple[str, str], History]
    ) -> None:
        heads = {key: h[0].data for (name, key), h in found.items() if name == bucket.name}
        page = await store.reader.list_objects(bucket, "", "", "", 100_000)
        listed = {entry.key: entry.size for entry in page.entries}
        assert listed == {key: len(data) for key, data in heads.items() if data is not None}

    def _check_trail(self) -> None:
        verify_trail(self.data.audit)
        files = trail_files(self.data.audit)
        lines = [json.loads(line) for path in files for line in path.read_bytes().splitlines()]
        told = {line["seq"]: line for line in lines if "seq" in line}
        assert sum("seq" in line for line in lines) == len(told)
        assert told.keys() == self.shadow.facts.keys()
        for seq, fact in self.shadow.facts.items():
            line = told[seq]
            for name in ("type", "key", "version", "size", "etag", "outcome"):
                assert line[name] == getattr(fact, name)
        requests = Counter(line["requestID"] for line in lines if "eventName" in line)
        assert not requests or max(requests.values()) == 1


class Life:
    """The store from power on to power off."""

    def __init__(self, settings: Settings, data: DataDir, machine: Machine) -> None:
        self.settings, self.data, self.machine = settings, data, machine

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator["Life"]:
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._close)
            self._closers: list[Any] = []
            self.engine = await self._start_engine()
            self._closers.append(self.engine.stop)
            blobs = open_blobs(self.settings, self.data, self.engine.keys, self.machine)
            await blobs.start()
            self._closers.append(blobs.close)
            services = EmbeddedServices(
                self.settings, self.data, self.engine.submitter, blobs, self.engine.keys
            )
            stack.callback(services.close)
            self.store = Store(self.engine, services)
            stack.enter_context(only_consumer(self.data))
            self.processors = Processors(self.settings, self.data, self.engine.started_at, self.machine)
            stopping = asyncio.Event()
            running = asyncio.create_task(self.processors.run(stopping))

            async def stop_processors() -> None:
                stopping.set()
                await running

            self._closers.append(stop_processors)
            yield self

    async def _start_engine(self) -> Engine:
        for _ in range(2):
            engine = Engine(self.settings, self.data, self.machine)
            try:
                await engine.start()
            except IndexCorrupt as error:
                # The index is gone, and so are the events from which it could be made by itself.
                await engine.abandon()
                if "index rebuild" not in error.message:
                    raise
                await rebuild(self.data, self.machine)
                continue
            except BaseException:
                await engine.abandon()
                raise
            return engine
        raise AssertionError("the rebuilt index does not open")

    async def _close(self) -> None:
        for close in reversed(self._closers):
            closing = asyncio.ensure_future(close())
            await asyncio.wait({closing}, timeout=PATIENCE)
            if not closing.done():
                faulthandler.dump_traceback()
                for task in asyncio.all_tasks():
                    task.print_stack()
                raise AssertionError(f"{close} hangs")
            if closing.exception() is not None and not self.machine.off:
                closing.result()

    async def browse(self) -> None:
        """Requests that only the audit topic hears of."""
        requests = RequestLog(self.engine.record_audit)
        while True:
            await asyncio.sleep(0.01)
            requests.observe("GetObject", "b", "k", 200, 0, 1, 0.1, "p", "::1", os.urandom(8).hex(), "")
            requests.flush()

    def cut_facts(self) -> None:
        self.engine.logs[FACTS].drop_before(min(self._consumed()))

    def _consumed(self) -> tuple[int, int]:
        auditor = self.processors._auditor
        assert auditor is not None
        return auditor.position(FACTS), self.processors._positions.get(COLLECTOR, FACTS, 0)

    def drained(self) -> bool:
        """Both consumers have seen every fact."""
        return min(self._consumed()) == self.engine.logs[FACTS].end_offset

    async def live_manifests(self) -> AsyncIterator[list[Any]]:
        index = SqliteReader(index_file(self.data))
        async for versions in index.all_versions():
            yield [row.manifest for _, row in versions if row.manifest is not None]
        async for parts in index.all_parts():
            yield [part.manifest for part in parts]
        index.close()

    async def until(self, condition: Any, tell: Any = lambda: "") -> None:
        """Wait for something that must come about as long as there is power."""
        await until(lambda: self.machine.off or condition(), tell)
        if self.machine.off:
            raise OSError("the machine is off")

    def leftovers(self) -> tuple[set[str], set[str]]:
        """Blob files that nothing names, and those named that are not there."""
        stored, named = self.stored_files(), self.named_files()
        return stored - named, named - stored

    def stored_files(self) -> set[str]:
        """Names of the blob files, drafts too."""
        folder = self.data.blobs / "zones" / "a" / "blobs"
        return {path.name.removesuffix(DRAFT) for path in folder.glob("*/*")}

    def named_files(self) -> set[str]:
        """Names of the blob files that the index needs."""
        index = SqliteReader(index_file(self.data))
        found: set[str] = set()

        async def collect() -> None:
            async for versions in index.all_versions():
                found.update(_files(row.manifest for _, row in versions))
            async for parts in index.all_parts():
                found.update(_files(part.manifest for part in parts))

        with contextlib.closing(index):
            drive(collect())
        return found


def _files(manifests: Any) -> set[str]:
    return {
        extent.blob.hex()
        for manifest in manifests
        if manifest is not None and manifest.layout == "file"
        for extent in manifest.extents
    }


def drive(coroutine: Any) -> None:
    """Run a coroutine that never waits."""
    with pytest.raises(StopIteration):
        coroutine.send(None)


async def until(condition: Any, tell: Any = lambda: "") -> None:
    """Wait for something that must come about; `tell` says what is there instead."""
    limit = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > limit:
            raise AssertionError(f"never true: {condition} {tell()}")
        await asyncio.sleep(0.005)
