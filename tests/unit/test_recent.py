"""The bounded map: never more than its limit, never without what was used lately."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.randomness import DRAWN, RandomTokens
from schemas.recent import Recent


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=200), st.integers(2, 20))
def test_bounded_and_true(steps: list[tuple[bool, int]], limit: int) -> None:
    recent: Recent[int, str] = Recent(limit)
    model: dict[int, str] = {}
    for number, (puts, key) in enumerate(steps):
        if puts:
            recent.put(key, f"{key}/{number}")
            model[key] = f"{key}/{number}"
        else:
            assert recent.get(key) in (None, model.get(key))
        assert len(recent) <= limit


def test_what_was_used_within_half_the_limit_is_there() -> None:
    recent: Recent[int, int] = Recent(10)
    for key in range(100):
        recent.put(key, key + 1)
        for used in range(max(0, key - 4), key + 1):
            assert recent.get(used) == used + 1 or key - used >= 4


def test_tokens_differ_and_have_their_size() -> None:
    tokens = RandomTokens(12)
    drawn = [tokens() for _ in range(3 * DRAWN)]
    assert len(set(drawn)) == len(drawn)
    assert {len(token) for token in drawn} == {12}
