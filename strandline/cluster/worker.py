"""`strandline worker`: a process of a cluster that applies events, and does what no gateway does.

materializer  applies events to the index; run several
housekeeper   finishes, splits, repairs; of several one is at work
auditor       writes the audit trail into its data folder; run one
collector     frees bytes that nothing refers to, and keeps its place in its data folder; run one
access-logger delivers access logs, and keeps its place in its data folder; run one
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial

from access.keyring import KeyRing
from bus.kafka import KafkaFacts, KafkaGroup, ReceiptSender, check_topics
from index.cassandra.index import CassandraIndex
from processors.access_logger import ACCESS_LOGGER
from processors.audit_search import search
from processors.auditor import AUDITOR
from processors.collecting import COLLECTOR
from processors.materializing import MaterializerPartition
from processors.rounds import Rounds
from processors.runner import Runner
from schemas.errors import ConfigurationError
from schemas.events import DEAD_LETTERS, OBJECT_VERSIONS, POLICIES
from strandline import __version__
from strandline.cluster.audit_questions import AuditorAnswers
from strandline.cluster.connections import cassandra_connection, cluster_of, kafka_connection, topic_plan
from strandline.cluster.housekeeping import HOUSEKEEPERS, Housekeeper
from strandline.cluster.keys import open_keys
from strandline.cluster.settings import ClusterSettings
from strandline.data_dir import DataDir
from strandline.exposition import SWEEP_COUNTERS, SWEPT
from strandline.listening import check_free
from strandline.metrics import Metrics
from strandline.settings import Settings
from strandline.stopping import stop_on_signals

MATERIALIZERS = "materializers"
MATERIALIZER, HOUSEKEEPER = "materializer", "housekeeper"
PROCESSORS = (MATERIALIZER, HOUSEKEEPER, AUDITOR, COLLECTOR, ACCESS_LOGGER)
LOOK_SECONDS = 1.0


async def work_in_cluster(settings: Settings, processors: frozenset[str]) -> None:
    """Run those processors until SIGTERM or SIGINT, then hand their partitions over.

    Raises ConfigurationError for a cluster that is not prepared for this program, ServiceUnavailable when it
    does not answer, LogError when Kafka's consumer has stopped for good.
    """
    cluster = cluster_of(settings)
    if settings.worker_listen is not None:
        check_free(settings.worker_listen)
    stopping = stop_on_signals()
    keys, _ = open_keys(settings, cluster)
    connection = kafka_connection(cluster.kafka)
    await asyncio.to_thread(check_topics, connection, topic_plan(cluster.kafka))
    metrics = Metrics((), SWEEP_COUNTERS, (SWEPT,))
    async with AsyncExitStack() as stack:
        index = await CassandraIndex.open(cassandra_connection(cluster.cassandra))
        stack.push_async_callback(index.close)
        groups = []
        if MATERIALIZER in processors:
            groups.append(_start_materializers(cluster, index, stack))
        if HOUSEKEEPER in processors:
            housekeepers = KafkaGroup(connection, HOUSEKEEPERS, [DEAD_LETTERS])
            housekeepers.start(Housekeeper(settings, cluster, index, keys, metrics).keep_house)
            stack.push_async_callback(housekeepers.close)
            groups.append(housekeepers)
        if consumers := processors & {AUDITOR, COLLECTOR, ACCESS_LOGGER}:
            # Only who needs them loads faust and what comes with it: half a second of a start, and 16 MB.
            from strandline.cluster.consumers import start_consumers

            await start_consumers(consumers, settings, cluster, keys, stack)
        answer = _answers(settings, keys) if AUDITOR in processors else None
        if settings.worker_listen is not None:
            from strandline.cluster.worker_port import worker_port

            await stack.enter_async_context(worker_port(settings, settings.worker_listen, metrics, answer))
        print(f"Strandline {__version__}: {', '.join(sorted(processors))}, in a cluster", flush=True)
        await _until_stopped(stopping, groups)


def _answers(settings: Settings, keys: KeyRing) -> Callable[[bytes], bytes]:
    """Of the trail in this worker's data folder."""
    return AuditorAnswers(keys, partial(search, DataDir(settings.data_dir).audit)).answer


def parse_processors(text: str) -> frozenset[str]:
    """From names with commas between. Raises ConfigurationError for anything else."""
    names = frozenset(name.strip() for name in text.split(","))
    for name in sorted(names.difference(PROCESSORS)):
        raise ConfigurationError(f"{name!r} is not a processor: there are {', '.join(PROCESSORS)}")
    return names


def _start_materializers(
    cluster: ClusterSettings, index: CassandraIndex, stack: AsyncExitStack
) -> KafkaGroup:
    connection = kafka_connection(cluster.kafka)
    facts = KafkaFacts(connection, cluster.kafka.object_partitions)
    stack.push_async_callback(facts.close)
    receipts = ReceiptSender(connection)
    stack.push_async_callback(receipts.close)
    runner = Runner(
        lambda topic, partition: MaterializerPartition(
            topic, partition, index.open_writer, facts, receipts.answer
        ),
        Rounds(),
    )
    group = KafkaGroup(connection, MATERIALIZERS, [OBJECT_VERSIONS, POLICIES])
    group.start(runner.serve)
    stack.push_async_callback(group.close)
    return group


async def _until_stopped(stopping: asyncio.Event, groups: list[KafkaGroup]) -> None:
    """Until a signal. A consumer that has stopped for good ends the process, so that its supervisor starts
    another one and the group gives the partitions to others meanwhile."""
    while not stopping.is_set():
        for group in groups:
            if group.failure is not None:
                raise group.failure
        try:
            await asyncio.wait_for(stopping.wait(), LOOK_SECONDS)
        except TimeoutError:
            continue
