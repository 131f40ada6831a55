"""A store inside another program: producer and reader over a data folder, without HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from ingest.producer import Producer
from query.reader import Reader
from strandline.data_dir import DataDir
from strandline.engine import Engine
from strandline.services import EmbeddedServices, open_blobs, root_of
from strandline.settings import Settings


class Store(NamedTuple):
    """What writes, what reads, and the id of the root identity, which owns buckets made by the server."""

    producer: Producer
    reader: Reader
    owner_id: str


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """Open the data folder of `settings`, made when missing, as its only user: no server may run on it.

    Replays what the index misses; at the end everything taken is finished and durable. The processors (audit
    trail, freeing of bytes, snapshots) do not run here: they catch up when a server runs on the folder.
    Raises ConfigurationError for a folder that cannot be used or is in use.
    """
    data = DataDir(settings.data_dir)
    data.create(master_file=settings.master_file)
    with data.lock():
        root = root_of(settings, data)
        async with open_parts(settings, data) as (_, parts):
            yield Store(parts.services.producer, parts.services.reader, root.credential.principal.id)


@asynccontextmanager
async def open_parts(settings: Settings, data: DataDir) -> AsyncIterator[tuple[Engine, EmbeddedServices]]:
    """The engine of a data folder that is there and ours alone, and what stands on it; closed in order."""
    engine = Engine(settings, data)
    await engine.start()
    blobs = open_blobs(settings, data, engine.keys)
    await blobs.start()
    services = EmbeddedServices(settings, data, engine.submitter, blobs, engine.keys)
    try:
        yield engine, services
    finally:
        await engine.stop()
        services.close()
        await blobs.close()
