"""Shard maps: whatever step a move is at, every key has one place to be read and that place is written to."""

from hypothesis import given
from hypothesis import strategies as st

from index.cassandra.shard_map import ONE_SHARD, ShardMap, decode_map, encode_map

BUCKET = b"b" * 16
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
STEPS = st.lists(
    st.tuples(st.sampled_from(("split", "join", "fill", "settle", "drop")), st.integers(0), st.lists(KEYS)),
    max_size=12,
)


def take(known: ShardMap, step: str, which: int, cuts: list[str]) -> ShardMap:
    settled = [i for i, shard in enumerate(known.shards) if not shard.into]
    if step in ("fill", "settle", "drop"):
        return {"fill": known.fill, "settle": known.settle, "drop": known.drop}[step]()
    if not settled:
        return known
    i = settled[which % len(settled)]
    shard = known.shards[i]
    if step == "join":
        near = known.shards[i : i + 2]
        return known if any(other.into for other in near) else known.join([other.number for other in near])
    stop = known.shards[i + 1].start if i + 1 < len(known.shards) else None
    starts = sorted({cut for cut in cuts if cut > shard.start and (stop is None or cut < stop)})
    return known.split(shard.number, [shard.start, *starts])


@given(STEPS, st.lists(KEYS, min_size=1))
def test_reads_and_writes_agree_through_every_step(
    steps: list[tuple[str, int, list[str]]], keys: list[str]
) -> None:
    known = ONE_SHARD
    for step in steps:
        before, known = known, take(known, *step)
        assert known is before or known.version == before.version + 1
        starts = [shard.start for shard in known.shards]
        assert starts == sorted(set(starts))
        assert starts[0] == ""
        for key in keys:
            # Those who still go by the map before see what is written by this one, and the other way round.
            assert known.read_from(key) in known.write_to(key)
            assert known.read_from(key) in before.write_to(key)
            assert before.read_from(key) in known.write_to(key)
            covering = next(known.ranges(key, None))
            assert covering.number == known.read_from(key)
            assert covering.stop is None or key < covering.stop
        listed = [found.number for found in known.ranges("", None)]
        assert len(listed) == len(set(listed))
        again = decode_map(BUCKET, encode_map(BUCKET, known))
        assert (again.version, again.next_number, again.shards, again.leftovers) == (
            known.version, known.next_number, known.shards, known.leftovers,
        )  # fmt: skip
