"""The judge of histories: what it must reject and what it must take; it agrees with trying every order."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.histories.key_model import State, step
from tests.histories.linearizable import NotLinearizable, Undecided, check, check_key
from tests.histories.operation import NEVER, Answer, Kind, Operation

DONE, FAILED, MISSING, UNKNOWN = Answer.DONE, Answer.FAILED, Answer.MISSING, Answer.UNKNOWN


def put(value: str, begun: float, ended: float, answer: Answer = DONE) -> Operation:
    return Operation("w", "k", Kind.PUT, begun, ended, answer, value)


def create(value: str, begun: float, ended: float, answer: Answer = DONE) -> Operation:
    return Operation("w", "k", Kind.CREATE, begun, ended, answer, value)


def swap(expected: str, value: str, begun: float, ended: float, answer: Answer = DONE) -> Operation:
    return Operation("w", "k", Kind.REPLACE, begun, ended, answer, value, expected)


def delete(begun: float, ended: float, answer: Answer = DONE) -> Operation:
    return Operation("w", "k", Kind.DELETE, begun, ended, answer)


def read(value: str | None, begun: float, ended: float, kind: Kind = Kind.READ) -> Operation:
    return Operation("r", "k", kind, begun, ended, DONE, value)


WRONG = {
    "a write that was acknowledged is lost": [put("a", 0, 1), read(None, 2, 3)],
    "a read is stale": [put("a", 0, 1), put("b", 2, 3), read("a", 4, 5)],
    "a listing is stale": [put("a", 0, 1), read(None, 2, 3, Kind.LIST)],
    "a listing shows what was deleted": [put("a", 0, 1), delete(2, 3), read("a", 4, 5, Kind.LIST)],
    "a listing has another ETag than the object": [put("a", 0, 1), read("b", 2, 3, Kind.LIST)],
    "reads go back in time while the write is under way": [
        put("a", 0, 1), put("b", 2, 10), read("b", 3, 4), read("a", 5, 6),
    ],
    "what was read is gone again": [put("a", 0, 10), read("a", 1, 2), read(None, 3, 4)],
    "nobody wrote what was read": [put("a", 0, 1), read("z", 2, 3)],
    "a read sees what is written only later": [read("a", 0, 1), put("a", 2, 3)],
    "two create the same key": [create("a", 0, 5), create("b", 1, 6)],
    "a key is created over another": [put("a", 0, 1), create("b", 2, 3)],
    "a key that was not there was refused to be created": [create("a", 0, 1, FAILED)],
    "two replace the same object": [put("a", 0, 1), swap("a", "b", 2, 6), swap("a", "c", 3, 7)],
    "what is replaced is not there": [put("a", 0, 1), swap("b", "c", 2, 3)],
    "a replacement is refused though it fits": [put("a", 0, 1), swap("a", "b", 2, 3, FAILED)],
    "a replacement finds nothing where there is something": [put("a", 0, 1), swap("x", "b", 2, 3, MISSING)],
    "a refused write is read": [put("a", 0, 1), create("b", 2, 3, FAILED), read("b", 4, 5)],
    "a write of unknown outcome comes twice": [
        put("u", 0, NEVER, UNKNOWN), read("u", 1, 2), put("a", 3, 4), read("a", 5, 6), read("u", 7, 8),
    ],
    "a write of unknown outcome comes before it was sent": [read("u", 0, 1), put("u", 2, NEVER, UNKNOWN)],
    "a condition of unknown outcome comes true over another object": [
        put("a", 0, 1), create("u", 2, NEVER, UNKNOWN), read("u", 3, 4),
    ],
    "what a lost deletion took is back": [
        put("a", 0, 1), delete(2, NEVER, UNKNOWN), read(None, 3, 4), read("a", 5, 6),
    ],
}  # fmt: skip

RIGHT = {
    "nothing happened": [],
    "one after the other": [put("a", 0, 1), read("a", 2, 3), delete(4, 5), read(None, 6, 7)],
    "a read beside a write sees either": [put("a", 0, 5), read(None, 1, 2), read("a", 3, 4)],
    "writes side by side end in either order": [put("a", 0, 5), put("b", 1, 6), read("a", 7, 8)],
    "reads side by side may differ": [put("a", 0, 9), read("a", 1, 5), read(None, 2, 6)],
    "one of two creates the key": [create("a", 0, 5), create("b", 1, 6, FAILED), read("a", 7, 8)],
    "created anew after a deletion beside it": [
        put("a", 0, 1), delete(2, 6), create("b", 3, 7), read("b", 8, 9),
    ],
    "a chain of replacements": [put("a", 0, 1), swap("a", "b", 2, 3), swap("b", "c", 4, 5), read("c", 6, 7)],
    "nothing to replace": [swap("a", "b", 0, 1, MISSING)],
    "a write of unknown outcome never comes": [put("u", 0, NEVER, UNKNOWN), read(None, 1, 2)],
    "a write of unknown outcome comes late": [
        put("u", 0, NEVER, UNKNOWN), put("a", 1, 2), read("a", 3, 4), read("u", 5, 6),
    ],
    "a refusal is explained by a write of unknown outcome that nobody saw": [
        put("u", 0, NEVER, UNKNOWN), create("b", 1, 2, FAILED), delete(3, 4), read(None, 5, 6),
    ],
    "a read of unknown outcome says nothing": [
        put("a", 0, 1), Operation("r", "k", Kind.READ, 2, NEVER, UNKNOWN, None), read("a", 3, 4),
    ],
    "two unknown deletions, both came": [
        put("a", 0, 1), delete(2, NEVER, UNKNOWN), delete(3, NEVER, UNKNOWN), read(None, 4, 5),
        put("b", 6, 7), read("b", 8, 9), read(None, 10, 11),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_rejects(name: str) -> None:
    with pytest.raises(NotLinearizable, match="no order of"):
        check_key(WRONG[name])


@pytest.mark.parametrize("name", RIGHT)
def test_takes(name: str) -> None:
    check_key(RIGHT[name])


def test_keys_are_judged_one_by_one_and_the_message_names_the_one() -> None:
    good = [Operation("w", "good", Kind.PUT, 0, 1, DONE, "a")]
    with pytest.raises(NotLinearizable) as told:
        check([*good, *WRONG["a read is stale"]])
    assert str(told.value).startswith("k: no order of 3 requests")
    assert "left  4.0000 to 5.0000" in str(told.value)


def test_a_key_may_begin_with_something() -> None:
    check_key([read("a", 0, 1), delete(2, 3)], "a")
    with pytest.raises(NotLinearizable):
        check_key([read("a", 0, 1)], "b")


def explained(operations: list[Operation], state: State, taken: frozenset[int] = frozenset()) -> bool:
    """By trying every order there is."""
    left = [i for i in range(len(operations)) if i not in taken]
    if all(operations[i].ended == NEVER for i in left):
        return True
    for i in left:
        if any(operations[j].ended < operations[i].begun for j in left):
            continue
        done = step(state, operations[i])
        if done is not None and explained(operations, done.state, taken | {i}):
            return True
    return False


@st.composite
def any_history(draw: st.DrawFn) -> list[Operation]:
    """Few values, so that answers are often right and often nearly so."""
    operations = []
    values = st.sampled_from(["a", "b", "c"])
    for number in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(Kind))
        begun = draw(st.integers(0, 9))
        unknown = draw(st.booleans()) and draw(st.booleans())
        ended = NEVER if unknown else begun + draw(st.integers(1, 5)) + 0.5
        answer, value, expected = DONE, None, None
        if kind in (Kind.READ, Kind.LIST):
            value = draw(st.none() | values)
        elif kind is not Kind.DELETE:
            value = draw(values)
            if kind is not Kind.PUT:
                answer = draw(st.sampled_from([DONE, FAILED]))
            if kind is Kind.REPLACE:
                expected = draw(values)
                answer = draw(st.sampled_from([DONE, FAILED, MISSING]))
        if unknown:
            answer = UNKNOWN
        operations.append(Operation(f"c{number}", "k", kind, begun, ended, answer, value, expected))
    return operations


@settings(max_examples=600, deadline=None)
@given(any_history(), st.none() | st.just("a"))
def test_agrees_with_trying_every_order(history: list[Operation], initial: State) -> None:
    known = [one for one in history if one.answer is not UNKNOWN or one.kind not in (Kind.READ, Kind.LIST)]
    try:
        check_key(history, initial)
        found = True
    except NotLinearizable:
        found = False
    assert found == explained(known, initial)


def simulated(
    chosen: random.Random, requests: int, clients: int, unknown: float, outage: range = range(0)
) -> list[Operation]:
    """What a true store answers clients at work side by side: each takes effect at some moment between its
    beginning and its end, and some clients never hear of it; in the outage none does."""
    plans = []
    clock = [0.0] * clients
    for number in range(requests):
        client = chosen.randrange(clients)
        begun = clock[client] + chosen.random()
        effect = begun + chosen.random() * 3
        lost = number in outage or chosen.random() < unknown
        clock[client] = effect + chosen.random()
        if lost:  # it may come long after its client went on
            clock[client] = begun + 0.5
            effect = begun + chosen.random() * 40 if chosen.random() < 0.5 else NEVER
        plans.append((effect, begun, NEVER if lost else clock[client], number, client))
    state: State = None
    operations = []
    for effect, begun, ended, number, client in sorted(plans):
        kind = chosen.choice(list(Kind))
        value: State = None if kind is Kind.DELETE else f"v{number}"
        expected = (state or "x") if kind is Kind.REPLACE and chosen.random() < 0.7 else None
        if kind is Kind.REPLACE and expected is None:
            expected = "x"
        answer = DONE
        if kind in (Kind.READ, Kind.LIST):
            value = state
        elif kind is Kind.CREATE and state is not None:
            answer = FAILED
        elif kind is Kind.REPLACE and state != expected:
            answer = MISSING if state is None else FAILED
        elif effect != NEVER:
            state = value
        if ended == NEVER:
            answer = UNKNOWN
        operations.append(Operation(f"c{client}", "k", kind, begun, ended, answer, value, expected))
    return operations


@pytest.mark.parametrize("seed", range(10))
def test_long_histories_of_a_true_store_are_taken_in_few_steps(seed: int) -> None:
    history = simulated(random.Random(seed), requests=300, clients=6, unknown=0.1)
    check_key(history, steps=100_000)


@pytest.mark.parametrize("seed", range(10))
def test_an_outage_of_which_nobody_is_told_anything_is_judged_in_few_steps(seed: int) -> None:
    history = simulated(random.Random(seed), 400, clients=6, unknown=0.05, outage=range(100, 250))
    check_key(history, steps=20_000)


@pytest.mark.parametrize("seed", range(10))
def test_a_read_of_what_was_overwritten_long_ago_is_found_in_a_long_history(seed: int) -> None:
    history = simulated(random.Random(seed), requests=200, clients=4, unknown=0.05)
    last = max(one.ended for one in history if one.ended != NEVER)
    written = [one for one in history if one.kind is Kind.PUT and one.answer is DONE]
    old = min(written, key=lambda one: one.ended)
    new = [put("new", last + 1, last + 2), read("new", last + 3, last + 4)]
    with pytest.raises(NotLinearizable):
        check_key([*history, *new, read(old.value, last + 5, last + 6)])


def test_a_search_that_takes_too_long_says_so() -> None:
    writes = [put(f"v{i}", 0, 100) for i in range(14)]
    seen = [Operation("r", "k", Kind.READ, 0, 101, DONE, f"v{i}") for i in range(14)]
    with pytest.raises(Undecided, match="in 1000 steps over 29 requests"):
        check_key([*writes, *seen, read("z", 200, 201)], steps=1000)


def test_histories_of_many_requests_side_by_side_are_not_tried_order_by_order() -> None:
    writes = [put(f"v{i}", i / 100, 10) for i in range(12)]
    for order in itertools.islice(itertools.permutations(range(12)), 3):
        reads = [read(f"v{i}", 11 + n, 11.5 + n) for n, i in enumerate(order[-1:])]
        check_key([*writes, *reads])
