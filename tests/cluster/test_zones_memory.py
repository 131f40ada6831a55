"""Memory of one stream through the zones: a few blocks, however large the object is."""

import asyncio
import os
import tracemalloc
from pathlib import Path

import pytest

from blobs.s3.endpoint import ZoneEndpoint
from blobs.s3.store import S3Blobs
from schemas.manifest import Manifest
from tests.cluster.services import Zones
from tests.cluster.zone_blobs import CHUNK, in_zones

pytestmark = pytest.mark.cluster

MIB = 1024 * 1024
SIZE = 100 * MIB


def test_a_stream_holds_a_few_blocks(zones: Zones, tmp_path: Path) -> None:
    async def scenario(blobs: S3Blobs, key: str, endpoints: list[ZoneEndpoint]) -> None:
        chunk = os.urandom(CHUNK)
        tracemalloc.start()
        try:
            writer = blobs.writer(key)
            for _ in range(SIZE // CHUNK):
                await writer.write(chunk)
            manifest = Manifest("file", (await writer.finish(),))
            written = tracemalloc.get_traced_memory()[1]
            tracemalloc.reset_peak()
            length = manifest.extents[0].length
            read = 0
            async for piece in blobs.stream(manifest, 0, length):
                read += len(piece)
                if read % (8 * MIB) < len(piece):
                    await asyncio.sleep(0.01)  # a slow client: what is fetched ahead stays one run of frames
            assert read == length
            streamed = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert written < 20 * MIB
        # A zone that is slow for a moment holds its answer while another one is asked, too.
        assert streamed < 20 * MIB

    # One thread: each has a workspace of its own, which it keeps for all streams.
    in_zones(tmp_path, zones, scenario, workers=1)
