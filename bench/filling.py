"""Fills buckets by the million without HTTP: `python -m bench.filling FOLDER BUCKET=KEYS …`.

Every object goes through the producer API, the log and the materializer, as one that came over HTTP does; the
server is started on the folder afterwards.
"""

import asyncio
import sys
import time

from bench.keys import BODY, key_of
from ingest.payload import Payload
from schemas.events import Origin
from schemas.ids import uuid7
from schemas.rows import Attributes
from strandline import runtime
from strandline.embedded import Store, open_store
from strandline.settings import Settings

WRITERS = 256  # at once: many writes share one fdatasync and one transaction


async def _fill(store: Store, name: str, keys: int) -> None:
    origin = Origin(uuid7(), store.owner_id, "", "Fill")
    bucket = await store.producer.create_bucket(name, store.owner_id, origin)
    numbers = iter(range(keys))
    attributes = Attributes()

    async def write() -> None:
        for number in numbers:
            payload = Payload(BODY, len(BODY))
            await store.producer.put_object(bucket, key_of(number), payload, attributes, origin)

    began = time.monotonic()
    async with asyncio.TaskGroup() as writers:
        for _ in range(WRITERS):
            writers.create_task(write())
    seconds = time.monotonic() - began
    print(f"  {name}: {keys:,} keys stored in {seconds:,.0f} s ({keys / seconds:,.0f}/s)", flush=True)


async def _main(folder: str, buckets: list[str]) -> None:
    async with open_store(Settings(data_dir=folder)) as store:
        for bucket in buckets:
            name, _, keys = bucket.partition("=")
            await _fill(store, name, int(keys))


if __name__ == "__main__":
    runtime.run(_main(sys.argv[1], sys.argv[2:]))
