"""Placement: golden vectors, balance by weight, and what a change of the map moves."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blobs.placement import COPIES, Placement, ZoneMap, majority
from schemas.errors import ConfigurationError

THREE = ZoneMap(1, {"a": 1.0, "b": 1.0, "c": 1.0})
FIVE = ZoneMap(2, {"north": 1.0, "south": 2.0, "east": 1.0, "west": 0.5, "far": 4.0})

names = st.text("abcdefghij-", min_size=1, max_size=8)
weights = st.floats(0.01, 100.0)
maps = st.dictionaries(names, weights, min_size=1, max_size=7).map(lambda zones: ZoneMap(1, zones))
blobs = st.binary(min_size=16, max_size=16)


def sample(count: int) -> list[bytes]:
    return [number.to_bytes(16, "big") for number in range(count)]


# Never change these: stored copies lie where they say.
GOLDEN = [
    ("00000000000000000000000000000000", "b c a", "far east south"),
    ("0192e4a1b2c37d4e8f0123456789abcd", "a b c", "far south north"),
    ("ffffffffffffffffffffffffffffffff", "a b c", "west far north"),
    ("0192e4a1b2c37d4e8f0123456789abce", "c b a", "far north east"),
]


@pytest.mark.parametrize(("blob", "three", "five"), GOLDEN)
def test_golden_vectors(blob: str, three: str, five: str) -> None:
    assert " ".join(THREE.places(bytes.fromhex(blob))) == three
    assert " ".join(FIVE.places(bytes.fromhex(blob))) == five


@given(maps, blobs)
def test_places_are_different_zones_of_the_map_in_any_order_of_writing(zones: ZoneMap, blob: bytes) -> None:
    places = zones.places(blob)
    assert len(places) == len(set(places)) == min(COPIES, len(zones.weights))
    assert set(places) <= set(zones.weights)
    assert ZoneMap(9, dict(reversed(zones.weights.items()))).places(blob) == places


def test_first_places_are_held_in_proportion_to_the_weights() -> None:
    count = 20_000
    first = Counter(FIVE.places(blob)[0] for blob in sample(count))
    total = sum(FIVE.weights.values())
    for zone, weight in FIVE.weights.items():
        share = weight / total
        spread = (count * share * (1 - share)) ** 0.5  # of the binomial distribution
        assert abs(first[zone] - count * share) < 5 * spread, (zone, first)


def test_equal_zones_hold_equally_many_copies() -> None:
    count = 10_000
    zones = ZoneMap(1, dict.fromkeys("abcde", 1.0))
    held = Counter(zone for blob in sample(count) for zone in zones.places(blob))
    for zone in "abcde":
        assert abs(held[zone] - count * 3 / 5) < 5 * (count * 0.6 * 0.4) ** 0.5


@given(maps, names, weights, blobs)
def test_a_new_zone_only_takes_what_it_wins(zones: ZoneMap, new: str, weight: float, blob: bytes) -> None:
    before = ZoneMap(1, {zone: held for zone, held in zones.weights.items() if zone != new} or {"x": 1.0})
    after = ZoneMap(2, {**before.weights, new: weight})
    old, now = before.places(blob), after.places(blob)
    assert [zone for zone in now if zone != new] == [zone for zone in old if zone in now]
    assert len(set(old) - set(now)) <= 1


@given(maps, blobs)
def test_a_removed_zone_moves_only_its_own_copies(zones: ZoneMap, blob: bytes) -> None:
    for gone in zones.weights if len(zones.weights) > 1 else ():
        after = ZoneMap(2, {zone: weight for zone, weight in zones.weights.items() if zone != gone})
        kept = [zone for zone in zones.places(blob) if zone != gone]
        assert list(after.places(blob))[: len(kept)] == kept


@given(maps, names, st.floats(1.0, 10.0), blobs)
def test_a_heavier_zone_loses_nothing(zones: ZoneMap, heavy: str, factor: float, blob: bytes) -> None:
    before = ZoneMap(1, {**zones.weights, heavy: 1.0})
    after = ZoneMap(2, {**before.weights, heavy: factor})
    if heavy in before.places(blob):
        assert heavy in after.places(blob)


def test_a_fifth_zone_moves_the_fewest_copies() -> None:
    before = ZoneMap(1, dict.fromkeys("abcd", 1.0))
    after = ZoneMap(2, dict.fromkeys("abcde", 1.0))
    count = 5_000
    moved = sum(len(set(after.places(blob)) - set(before.places(blob))) for blob in sample(count))
    assert abs(moved - count * 3 / 5) < 5 * (count * 0.6 * 0.4) ** 0.5


@given(maps, maps, blobs, st.data())
def test_any_two_quorums_share_a_zone(new: ZoneMap, old: ZoneMap, blob: bytes, data: st.DataObject) -> None:
    changing = Placement((ZoneMap(2, new.weights), old))
    everywhere = changing.candidates(blob)
    one = set(data.draw(st.lists(st.sampled_from(everywhere))))
    if changing.is_quorum(blob, one):
        rest = set(everywhere) - one
        for alone in (changing, Placement((ZoneMap(2, new.weights),)), Placement((old,))):
            assert not alone.is_quorum(blob, rest)


def test_reads_try_the_new_places_first() -> None:
    old, new = ZoneMap(1, dict.fromkeys("abc", 1.0)), ZoneMap(2, dict.fromkeys("def", 1.0))
    placement = Placement((new, old))
    blob = bytes(16)
    assert placement.candidates(blob) == new.places(blob) + old.places(blob)
    assert placement.targets(blob) == new.places(blob)
    assert placement.zones == set("abcdef")


def test_two_of_three_are_enough_and_one_is_not() -> None:
    placement, blob = Placement((THREE,)), bytes(16)
    assert [majority(count) for count in (1, 2, 3, 5)] == [1, 2, 2, 3]
    assert placement.enough_copies(blob, {"a", "c"})
    assert not placement.enough_copies(blob, {"b"})
    assert not placement.enough_copies(blob, {"b", "elsewhere"})


@pytest.mark.parametrize("weights", [{}, {"a": 0.0}, {"a": -1.0}, {"a": float("nan")}, {"a": float("inf")}])
def test_a_map_that_cannot_place_is_refused(weights: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        ZoneMap(1, weights)


def test_maps_are_listed_newest_first() -> None:
    for wrong in ((), (THREE, THREE), (THREE, FIVE)):
        with pytest.raises(ConfigurationError):
            Placement(wrong)
