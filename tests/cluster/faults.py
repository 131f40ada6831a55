"""What may happen to a cluster: each fault lasts as long as its block, and is mended at the end of it."""

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from compose.native.process import Process
from tests.cluster.hurt_store import HurtStore

PARTITIONS = 12
SLOW_MILLISECONDS, JITTER_MILLISECONDS = 150, 100

Fault = Callable[[HurtStore, random.Random], AbstractContextManager[None]]


@contextmanager
def killed(*processes: Process) -> Iterator[None]:
    """SIGKILL; started again at the end."""
    for process in processes:
        process.kill()
    yield
    for process in processes:
        process.start()
    for process in processes:
        process.wait()


@contextmanager
def paused(*processes: Process) -> Iterator[None]:
    """SIGSTOP: connections stay, nothing is answered."""
    for process in processes:
        process.pause()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


@contextmanager
def rebalanced(store: HurtStore) -> Iterator[None]:
    """A third worker joins, then one of the others leaves in good order; at the end the other way round."""
    store.spare_worker.start()
    leaving = store.workers[0]
    leaving.stop()
    yield
    leaving.start()
    store.spare_worker.stop()


@contextmanager
def rolling_restart(store: HurtStore) -> Iterator[None]:
    """Every worker is stopped in good order and started again, one after the other."""
    for worker in store.workers:
        worker.stop()
        worker.start()
    yield


def _links(store: HurtStore, side: str, service: str, chosen: random.Random) -> list[str]:
    links = store.links[side]
    if service == "zone":
        return [chosen.choice(list(links.zones))]
    return list(links.kafka if service == "kafka" else links.cassandra)


def slow(side: str, service: str) -> Fault:
    """The links of that side to that service are slow."""

    def fault(store: HurtStore, chosen: random.Random) -> AbstractContextManager[None]:
        links = _links(store, side, service, chosen)
        return store.proxy.slow(links, SLOW_MILLISECONDS, JITTER_MILLISECONDS)

    return fault


def silent(side: str, service: str) -> Fault:
    """Nothing passes on the links of that side to that service, and nobody is told."""
    return lambda store, chosen: store.proxy.silent(_links(store, side, service, chosen))


def cut(side: str, service: str) -> Fault:
    """The links of that side to that service are broken off."""
    return lambda store, chosen: store.proxy.cut(_links(store, side, service, chosen))


def one_of(processes: Callable[[HurtStore], list[Process]], how: Callable[..., object]) -> Fault:
    """Something happens to one of those, whichever."""
    return lambda store, chosen: how(chosen.choice(processes(store)))  # type: ignore[return-value]


def _brokers(store: HurtStore) -> list[Process]:
    return store.kafka.brokers


def _nodes(store: HurtStore) -> list[Process]:
    return store.cassandra.nodes


def _zones(store: HurtStore) -> list[Process]:
    return store.zones.processes


def _workers(store: HurtStore) -> list[Process]:
    return store.workers


def _gateways(store: HurtStore) -> list[Process]:
    return store.gateways


def _leader(store: HurtStore, chosen: random.Random) -> Process:
    return store.leader(chosen.randrange(PARTITIONS))


# By name: every round of `make test-cluster` meets one of them.
FAULTS: dict[str, Fault] = {
    "a leading broker is killed": lambda store, chosen: killed(_leader(store, chosen)),
    "a leading broker hangs": lambda store, chosen: paused(_leader(store, chosen)),
    "a broker is killed": one_of(_brokers, killed),
    "Cassandra is killed": one_of(_nodes, killed),
    "Cassandra hangs": one_of(_nodes, paused),
    "a zone is killed": one_of(_zones, killed),
    "a zone hangs": one_of(_zones, paused),
    "a worker is killed": one_of(_workers, killed),
    "a worker hangs": one_of(_workers, paused),
    "all workers are killed": lambda store, chosen: killed(*store.workers),
    "a gateway is killed": one_of(_gateways, killed),
    "a gateway hangs": one_of(_gateways, paused),
    "workers join and leave": lambda store, chosen: rebalanced(store),
    "workers are restarted one by one": lambda store, chosen: rolling_restart(store),
    "the gateways' links to Kafka are slow": slow("gateways", "kafka"),
    "the gateways' links to Kafka are silent": silent("gateways", "kafka"),
    "the gateways' link to Cassandra is cut": cut("gateways", "cassandra"),
    "the workers' link to Cassandra is silent": silent("workers", "cassandra"),
    "the workers' links to Kafka are cut": cut("workers", "kafka"),
    "the gateways' link to a zone is silent": silent("gateways", "zone"),
}
# What can hurt a store of several nodes, besides.
LINKLESS = {name: fault for name, fault in FAULTS.items() if "link to Cassandra" not in name}


@contextmanager
def together(store: HurtStore, faults: list[Fault], chosen: random.Random) -> Iterator[None]:
    """Several at once."""
    with ExitStack() as stack:
        for fault in faults:
            stack.enter_context(fault(store, chosen))
        yield
