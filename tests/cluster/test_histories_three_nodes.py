"""The same with three Cassandra nodes, one of which is down all the time or hangs: quorums go on."""

import os
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from compose.native.jars import NotAvailable
from tests.cluster.faults import LINKLESS, killed, paused
from tests.cluster.hurt_store import HurtStore, hurt_store
from tests.cluster.outcomes import check_outcomes
from tests.cluster.rounds import one_round
from tests.cluster.services import unavailable
from tests.cluster.test_histories import SEED

pytestmark = [pytest.mark.cluster, pytest.mark.torture, pytest.mark.slow]

ROUNDS = max(2, int(os.environ.get("STRANDLINE_TEST_ROUNDS", "20")) // 10)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HurtStore]:
    try:
        with hurt_store(tmp_path_factory.mktemp("hurt"), nodes=3) as started:
            yield started
    except NotAvailable as missing:
        unavailable(str(missing))


def without_cassandra(chosen: random.Random) -> str:
    """A fault of something else, so that two of three nodes stay."""
    return chosen.choice([name for name in LINKLESS if "Cassandra" not in name])


@contextmanager
def one_node_away(store: HurtStore, name: str, number: int, chosen: random.Random) -> Iterator[None]:
    """A node is killed (hangs, every second time), and meanwhile the named fault happens."""
    node = chosen.choice(store.cassandra.nodes)
    with ExitStack() as stack:
        stack.enter_context((paused if number % 2 else killed)(node))
        stack.enter_context(LINKLESS[name](store, chosen))
        yield


@pytest.mark.parametrize("number", range(ROUNDS))
def test_with_one_of_three_nodes_away_clients_are_told_what_one_copy_would_say(
    store: HurtStore, number: int
) -> None:
    chosen = random.Random(f"{SEED}-three-{number}")
    name = without_cassandra(chosen)
    try:
        fault = one_node_away(store, name, number, chosen)
        hangs = "gateway" in name and "hangs" in name
        print(f"one node of three is away, and {name}: {one_round(store, fault, chosen, hangs)}")
    except BaseException:
        print(f"STRANDLINE_TEST_SEED={SEED}, round {number}\n{store.log_tails()}")
        raise


def test_after_all_that_the_outcomes_are_one_each(store: HurtStore) -> None:
    print(check_outcomes(store))
