"""Outcomes in the facts log: found by the offset of their event, whatever was published twice."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from bus.contract import Record
from bus.kafka.outcomes import find_outcomes
from schemas.events import Origin
from schemas.facts import Fact, encode_fact
from schemas.receipts import Receipt
from schemas.seq import encode_seq

ORIGIN = Origin(bytes(16))


class FactsLog:
    """A partition of the facts log as a list of their events' offsets; counts what is read."""

    def __init__(self, events: Sequence[int], start: int = 0) -> None:
        self._events, self.start_offset = events, start
        self.end_offset = start + len(events)
        self.reads = 0

    def read(self, offset: int, limit: int = 1024) -> list[Record]:
        assert self.start_offset <= offset < self.end_offset
        self.reads += 1
        first = offset - self.start_offset
        events = self._events[first : first + min(limit, 7)]
        return [Record(offset + n, 0, encode_fact(fact(event))) for n, event in enumerate(events)]

    def drop_before(self, offset: int) -> int:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


def fact(event: int) -> Fact:
    refusal = "precondition-failed" if event % 3 == 0 else ""
    kind = "refused" if refusal else "object.created"
    return Fact(encode_seq(0, 2, event), event, kind, ORIGIN, b"b", "k", f"v{event}", outcome=refusal)


def receipt(event: int) -> Receipt:
    refusal = "precondition-failed" if event % 3 == 0 else ""
    return Receipt(encode_seq(0, 2, event), event, refusal, f"v{event}")


@st.composite
def published(draw: st.DrawFn) -> list[int]:
    """Facts in the order of the log; after each takeover some of them again, from an earlier one on."""
    runs = draw(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 60)), min_size=1, max_size=6))
    events: list[int] = []
    for back, count in runs:
        begin = max(0, (events[-1] + 1 if events else 0) - back)
        events += range(begin, max(begin + count, max(events, default=-1) + 1))
    return events


@given(published(), st.integers(0, 1000), st.data())
def test_every_published_outcome_is_found(events: list[int], start: int, data: st.DataObject) -> None:
    last = max(events, default=-1)
    wanted = data.draw(st.sets(st.integers(0, last + 10), max_size=8))
    found = find_outcomes(FactsLog(events, start), wanted)
    assert found == {event: receipt(event) for event in wanted if event <= last}


@given(st.lists(st.integers(0, 50), max_size=60), st.sets(st.integers(0, 60), max_size=5))
def test_in_any_disorder_nothing_wrong_is_found(events: list[int], wanted: set[int]) -> None:
    """A worker that hung may publish late facts between those of its successor."""
    found = find_outcomes(FactsLog(events), wanted)
    assert found.items() <= {event: receipt(event) for event in events}.items()


def test_the_last_of_many_costs_few_reads() -> None:
    facts = FactsLog(range(100_000))
    assert find_outcomes(facts, {99_990, 99_995}) == {n: receipt(n) for n in (99_990, 99_995)}
    assert facts.reads < 10


def test_what_retention_has_removed_is_not_found() -> None:
    assert find_outcomes(FactsLog(range(50, 80), start=60), {10, 60}) == {60: receipt(60)}
    assert find_outcomes(FactsLog([], start=60), {10}) == {}
