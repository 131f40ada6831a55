"""The durable places of the consumers of facts and audit records: who may move them, and what a power cut
does to them."""

import contextlib
import os
import time
from collections.abc import Iterator, Mapping

from bus.positions import Positions
from disk.files import Files
from disk.locks import try_lock
from processors.audit_trail import AuditTrail, read_head
from schemas.errors import ConfigurationError
from strandline.data_dir import DataDir

LOCK_SECONDS = 30.0
LOOK_SECONDS = 0.02


@contextlib.contextmanager
def only_consumer(data: DataDir) -> Iterator[None]:
    """Hold the consumers' places: the processors of a server that was killed may still be ending.

    Raises ConfigurationError when they do not within LOCK_SECONDS."""
    descriptor = os.open(data.consumers / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    limit = time.monotonic() + LOCK_SECONDS
    try:
        while not try_lock(descriptor):
            if time.monotonic() > limit:
                raise ConfigurationError(f"the processors of another server still work in {data.root}")
            time.sleep(LOOK_SECONDS)
        yield
    finally:
        os.close(descriptor)


def rewind_consumers(data: DataDir, ends: Mapping[str, int], files: Files | None = None) -> list[str]:
    """Move every place that lies beyond the end of its log back to it; returns what was done, a line each.

    Consumers are ahead of what the log has durably. What a power cut takes from the log they have dealt
    with; but its offsets go to other records, which they have not seen. `ends` maps topics to the end
    offsets of the logs as recovered, before anything is appended.
    """
    done = []
    positions = Positions(str(data.consumers), files)
    for place in positions.places():
        end = ends.get(place.topic)
        if end is not None and place.offset > end:
            positions.commit(place.consumer, place.topic, place.partition, end)
            done.append(f"{place.consumer}: back from offset {place.offset} of {place.topic} to {end}")
    sources = read_head(data.audit).sources
    beyond = {topic: end for topic, end in ends.items() if sources.get(topic, 0) > end}
    if beyond:
        trail = AuditTrail(data.audit, files)
        trail.append([], beyond)
        trail.close()
        done += [f"auditor: back from offset {sources[t]} of {t} to {end}" for t, end in beyond.items()]
    return done
