"""Faults while clients share keys: what all of them are told is what one copy of each key would have said.

STRANDLINE_TEST_ROUNDS sets how many rounds: by default each fault once, further ones meet two faults at once.
STRANDLINE_TEST_SEED repeats their choices.
"""

import os
import random
from collections.abc import Iterator

import pytest

from compose.native.jars import NotAvailable
from tests.cluster.faults import FAULTS, together
from tests.cluster.hurt_store import HurtStore, hurt_store
from tests.cluster.outcomes import check_outcomes
from tests.cluster.rounds import one_round
from tests.cluster.services import unavailable

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(400)]

ROUNDS = int(os.environ.get("STRANDLINE_TEST_ROUNDS", len(FAULTS)))
SEED = int(os.environ.get("STRANDLINE_TEST_SEED") or random.SystemRandom().randrange(2**32))


def names_of(number: int) -> list[str]:
    """The faults of a round."""
    if number < len(FAULTS):
        return [list(FAULTS)[number]]
    return random.Random(f"{SEED}-{number}-faults").sample(list(FAULTS), 2)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HurtStore]:
    try:
        with hurt_store(tmp_path_factory.mktemp("hurt")) as started:
            yield started
    except NotAvailable as missing:
        unavailable(str(missing))


@pytest.mark.parametrize("number", range(ROUNDS), ids=lambda number: " and ".join(names_of(number)))
def test_clients_are_told_what_one_copy_would_say(store: HurtStore, number: int) -> None:
    chosen = random.Random(f"{SEED}-{number}")
    names = names_of(number)
    fault = together(store, [FAULTS[name] for name in names], chosen)
    try:
        told = one_round(store, fault, chosen, any("gateway" in name and "hangs" in name for name in names))
        print(f"{' and '.join(names)}: {told}")
    except BaseException:
        print(f"STRANDLINE_TEST_SEED={SEED}, round {number}\n{store.log_tails()}")
        raise


def test_after_all_that_every_event_has_one_outcome_and_the_index_is_what_the_log_says(
    store: HurtStore,
) -> None:
    print(check_outcomes(store))
