"""The slowest client that is served."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.pace import Pace, Pacing


def test_a_trickle_is_found_out_at_the_end_of_a_window() -> None:
    pacing = Pacing(Pace(60, 1024))
    assert all(pacing.keeps(1, 1) for _ in range(59))
    assert not pacing.keeps(1, 1)


def test_what_came_in_one_window_does_not_count_in_the_next() -> None:
    pacing = Pacing(Pace(10, 100))
    assert pacing.keeps(10, 1_000_000)
    assert not pacing.keeps(10, 999)
    assert pacing.keeps(10, 1000)


def test_without_a_rate_any_byte_will_do() -> None:
    pacing = Pacing(Pace(10, 0))
    assert pacing.keeps(10, 1)
    assert not pacing.keeps(10, 0)


def test_bytes_that_nobody_waited_for_take_no_time() -> None:
    pacing = Pacing(Pace(10, 100))
    assert all(pacing.keeps(0, 0) for _ in range(1000))


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(0, 10_000))))
def test_who_keeps_twice_the_rate_is_never_given_up(waits: list[tuple[float, int]]) -> None:
    pacing = Pacing(Pace(10, 100))
    assert all(pacing.keeps(seconds, count + int(seconds * 200) + 1) for seconds, count in waits)
