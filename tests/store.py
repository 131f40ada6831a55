"""An embedded store inside the test process: the real engines, no HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from access.kms_envelope import KmsEnvelope
from ingest.producer import Producer
from query.reader import Reader
from schemas.events import Origin
from strandline.data_dir import DataDir
from strandline.embedded import open_parts
from strandline.engine import Engine
from strandline.services import EmbeddedServices
from strandline.settings import Settings

ORIGIN = Origin(bytes(16), "owner", "127.0.0.1", "Test")


class Store:
    """Engine, producer and reader over one folder."""

    def __init__(self, engine: Engine, services: EmbeddedServices) -> None:
        self.engine = engine
        self.ports = services.ports
        self.producer: Producer = services.services.producer
        self.reader: Reader = services.services.reader
        self.identities = services.services.identities
        self.kms: KmsEnvelope = services.services.kms


@asynccontextmanager
async def embedded_store(folder: Path, **settings: object) -> AsyncIterator[Store]:
    """Open (or open again) the store in `folder`; closed in order at the end."""
    chosen = Settings(data_dir=folder, segment_bytes=1024 * 1024, **settings)  # type: ignore[arg-type]
    data = DataDir(folder)
    data.create()
    async with open_parts(chosen, data) as (engine, services):
        yield Store(engine, services)
