"""Token buckets: never more than the rate and what a bucket holds, whoever shares them."""

import multiprocessing
import os
import time
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gateway.token_buckets import BURST, MEMORY_BYTES, PROBES, SECOND, SLOT_BYTES, TokenBuckets, rate
from strandline.services import SharedTokens


class Clock:
    def __init__(self) -> None:
        self.now = 5 * SECOND

    def __call__(self) -> int:
        return self.now


def buckets(clock: Clock, slots: int = 64) -> TokenBuckets:
    return TokenBuckets(bytearray(slots * SLOT_BYTES), None, clock)


@given(st.integers(1, 1000), st.lists(st.integers(0, 3 * SECOND), min_size=1, max_size=200))
def test_in_any_span_no_more_are_taken_than_are_made_in_it_and_one_second(
    per_second: int, pauses: list[int]
) -> None:
    clock = Clock()
    held = buckets(clock)
    one = rate("a", per_second)
    taken: list[int] = []
    for pause in pauses:
        clock.now += pause
        missing = held.take([one])
        if missing is None:
            taken.append(clock.now)
        else:
            assert 0 < missing.wait <= SECOND
            clock.now += missing.wait
            assert held.take([one]) is None  # as was told
            taken.append(clock.now)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            span = taken[last] - taken[first]
            assert last - first + 1 <= (span + BURST) / SECOND * per_second + 1e-3


def test_all_or_none_are_taken() -> None:
    clock = Clock()
    held = buckets(clock)
    many, few = rate("many", 3), rate("few", 1)
    assert held.take([many, few]) is None
    missing = held.take([many, few])
    assert missing is not None
    assert (missing.which, missing.wait) == (1, SECOND)
    assert held.take([many]) is None
    assert held.take([many]) is None
    missing = held.take([many])
    assert missing is not None
    assert missing.which == 0


def test_debts_are_paid_off_at_the_rate() -> None:
    clock = Clock()
    held = buckets(clock)
    one = rate("bytes", 1000)
    assert held.spend([one], 1000) == 0
    assert held.spend([one], 500) == SECOND // 2
    clock.now += SECOND // 4
    assert held.owed([one]) == SECOND // 4
    clock.now += SECOND
    assert held.owed([one]) <= 0


def test_more_buckets_than_places_forget_those_that_are_nearly_full() -> None:
    clock = Clock()
    held = buckets(clock, PROBES)
    kept = rate("kept", 1)
    assert held.spend([kept], 100) > 0
    for number in range(1000):
        held.take([rate(f"other {number}", 1000)])
    missing = held.take([kept])
    assert missing is not None
    assert missing.wait == 100 * SECOND


def _take(path: Path, seconds: float, found: "multiprocessing.SimpleQueue[int]") -> None:
    shared = SharedTokens(path)
    one, count = rate("shared", 200), 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        count += shared.buckets.take([one]) is None
    shared.close()
    found.put(count)


def test_processes_share_a_rate(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    found = context.SimpleQueue()
    SharedTokens(tmp_path / "tokens").close()
    began = time.monotonic()
    processes = [context.Process(target=_take, args=(tmp_path / "tokens", 1.0, found)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    spent = time.monotonic() - began
    counts = [found.get() for _ in processes]
    assert all(counts)
    assert 200 <= sum(counts) <= 200 * (spent + 1)
    assert os.path.getsize(tmp_path / "tokens") == MEMORY_BYTES
