"""What the log says in the end: one fact for each event, never two that differ, and an index equal to it."""

from concurrent.futures import ThreadPoolExecutor

from bus.contract import follow
from bus.kafka import KafkaConnection, KafkaLogReader
from compose.native.process import stop_all
from schemas.events import FACTS, OBJECT_VERSIONS, POLICIES
from schemas.facts import decode_fact
from schemas.seq import decode_seq
from strandline.cluster.settings import KafkaSettings
from tests.cluster.hurt_store import PREFIX, HurtStore
from tests.server import strandline

VERIFY_SECONDS = 600
AT_ONCE = 8


def check_outcomes(store: HurtStore) -> str:
    """Stops gateways and workers first. Raises AssertionError; returns how much was compared."""
    store.until_it_serves()
    stop_all([*store.gateways, *store.workers, store.spare_worker])
    connection = KafkaConnection(store.kafka.bootstrap_servers, PREFIX)
    plan = KafkaSettings()
    sources = [(OBJECT_VERSIONS, n) for n in range(plan.object_partitions)]
    sources += [(POLICIES, n) for n in range(plan.policy_partitions)]
    events = again = 0
    with ThreadPoolExecutor(AT_ONCE) as threads:  # what costs is that each consumer finds its broker
        ends = threads.map(lambda source: _end(connection, *source), sources)
        found = threads.map(lambda place: _facts(connection, place), range(len(sources)))
    for (topic, partition), count, facts in zip(sources, ends, found, strict=True):
        first: dict[int, bytes] = {}
        for offset, fact in facts:
            if offset in first:
                again += 1
                assert first[offset] == fact, f"{topic}/{partition}: two outcomes of the event at {offset}"
            else:
                assert offset == len(first), f"{topic}/{partition}: fact of {offset} after {len(first) - 1}"
                first[offset] = fact
        assert len(first) == count, f"{topic}/{partition}: {count} events and {len(first)} facts"
        events += count
    done = strandline("index", "verify", STRANDLINE_CONFIG=str(store.config), timeout=VERIFY_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("equal\n"), done.stdout
    return f"{events} events, each with one outcome; {again} facts came twice, alike; the index is equal"


def _end(connection: KafkaConnection, topic: str, partition: int) -> int:
    log = KafkaLogReader(connection, topic, partition)
    try:
        assert log.start_offset == 0
        return log.end_offset
    finally:
        log.close()


def _facts(connection: KafkaConnection, place: int) -> list[tuple[int, bytes]]:
    """The facts of a source as they lie in the topic: offset of the event, and the fact's bytes."""
    log = KafkaLogReader(connection, FACTS, place)
    try:
        return [
            (decode_seq(decode_fact(record.payload).seq)[2], record.payload)
            for record in follow(log, log.start_offset)
        ]
    finally:
        log.close()
