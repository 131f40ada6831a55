"""Writers, readers, copies and frees at the same time, while one zone after the other is killed or paused."""

import asyncio
import contextlib
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from access.keyring import KeyRing
from blobs.s3.endpoint import ZoneEndpoint
from blobs.s3.store import S3Blobs
from compose.native.process import Process
from schemas.errors import ServiceUnavailable
from schemas.ids import uuid7
from schemas.manifest import Manifest
from tests.cluster.services import Zones
from tests.cluster.zone_blobs import back, blocks, endpoints_of, notes, open_blobs, run, stored, write

pytestmark = pytest.mark.cluster

CLIENTS = 6
STEPS = 25  # of each client
FAR = 1 << 47  # Unix milliseconds, far in the future


class Client:
    """Does things at random, and remembers what was acknowledged."""

    def __init__(self, blobs: S3Blobs, collector: S3Blobs, key: str, rolls: random.Random) -> None:
        self._blobs, self._collector, self._key, self._random = blobs, collector, key, rolls
        self.held: list[tuple[Manifest, bytes]] = []
        self.let_go: list[Manifest] = []
        self.acknowledged = 0
        self.refused = 0

    async def work(self) -> None:
        for _ in range(STEPS):
            step = self._random.choice([self._write, self._write, self._copy, self._read, self._free])
            try:
                await step()
                self.acknowledged += 1
            except ServiceUnavailable:
                self.refused += 1

    async def _write(self) -> None:
        data = os.urandom(self._random.choice([600, 70_000, 300_000, 4_500_000]))
        self.held.append((await write(self._blobs, self._key, data), data))

    async def _copy(self) -> None:
        if self.held:
            manifest, data = self._random.choice(self.held)
            self.held.append((await self._blobs.share(self._key, manifest, uuid7()), data))

    async def _read(self) -> None:
        if self.held:
            manifest, data = self._random.choice(self.held)
            start = self._random.randrange(len(data))
            assert await self._blobs.read(manifest, start, 400_000) == data[start : start + 400_000]

    async def _free(self) -> None:
        if self.held:
            manifest, _ = self.held.pop(self._random.randrange(len(self.held)))
            self.let_go.append(manifest)  # until it is acknowledged it may be freed or not
            await self._collector.free(manifest)
            self.let_go.remove(manifest)


async def hurt_one_after_the_other(processes: tuple[Process, ...], rolls: random.Random) -> None:
    while True:
        process = rolls.choice(processes)
        rolls.choice([Process.kill, Process.pause])(process)
        try:
            await asyncio.sleep(rolls.uniform(0.2, 2.0))
        finally:
            process.resume()
            process.start()
        await asyncio.to_thread(process.wait)
        await asyncio.sleep(rolls.uniform(0.0, 1.0))


async def live(manifests: list[Manifest]) -> AsyncIterator[list[Manifest]]:
    yield manifests


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_nothing_acknowledged_is_lost_and_nothing_is_left(
    hurt_zones: Zones, tmp_path: Path, seed: int
) -> None:
    async def body(keys: KeyRing, key: str) -> None:
        endpoints = endpoints_of(hurt_zones.zones)
        rolls = random.Random(seed)
        async with open_blobs(endpoints, keys) as blobs, open_blobs(endpoints, keys) as collector:
            clients = [Client(blobs, collector, key, random.Random(rolls.random())) for _ in range(CLIENTS)]
            chaos = asyncio.create_task(hurt_one_after_the_other(hurt_zones.processes, rolls))
            await asyncio.gather(*(client.work() for client in clients))
            chaos.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await chaos
            await back(blobs, *hurt_zones.processes)
            await back(collector, *hurt_zones.processes)
            # One zone at a time was hurt: the others are enough.
            acknowledged = sum(client.acknowledged for client in clients)
            assert acknowledged > 10 * sum(client.refused for client in clients)

            held = [one for client in clients for one in client.held]
            for manifest, data in held:
                assert await blobs.read(manifest, 0, len(data)) == data
            await all_copies_are_there(blobs, endpoints, [manifest for manifest, _ in held])
            for client in clients:
                await collector.free_many(client.let_go)
            await collector.sweep(live([manifest for manifest, _ in held]), FAR)
            for manifest, data in held:
                assert await blobs.read(manifest, 0, len(data)) == data
            await collector.free_many([manifest for manifest, _ in held])
            await collector.sweep(live([]), FAR)
            assert (await collector.repairer.repair_noted()).later == 0
            assert [await asyncio.to_thread(stored, endpoint) for endpoint in endpoints] == [{}, {}, {}]

    run(tmp_path, body)


async def all_copies_are_there(
    blobs: S3Blobs, endpoints: list[ZoneEndpoint], manifests: list[Manifest]
) -> None:
    """Once the repairer has followed the notes, every zone has every block of what was acknowledged. Other
    blobs may stay noted: those of which a zone that was away still has a reference that was dropped."""
    assert (await blobs.repairer.repair_noted()).lost == 0
    noted = set[str]().union(*[await asyncio.to_thread(notes, endpoint) for endpoint in endpoints])
    for manifest in manifests:
        assert not any(manifest.extents[0].blob.hex() in name for name in noted)
        here = [await asyncio.to_thread(blocks, endpoint, manifest) for endpoint in endpoints]
        assert here[0]
        assert here == [here[0]] * 3
