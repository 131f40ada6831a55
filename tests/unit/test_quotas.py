"""The ledger of a quota: one process never goes beyond it, however its writes overlap with what it reads."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.quotas import Ledger
from schemas.errors import QuotaExceeded
from schemas.limits import Limits
from schemas.rows import Usage

LIMITS = Limits(size=1000, versions=20)
# Sizes, and how many turns of the loop a write waits before it is stored, after that, and its reading takes.
WRITES = st.lists(
    st.tuples(st.integers(0, 300), st.integers(0, 6), st.integers(0, 6), st.integers(0, 6)), max_size=60
)


@settings(deadline=None, max_examples=200)
@given(WRITES, st.sampled_from([0.0, 1e9]))
def test_a_process_alone_never_exceeds_a_quota(writes: list[tuple[int, int, int, int]], age: float) -> None:
    stored = Usage()
    pauses = [one[3] for one in writes]

    async def turns(count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    async def read() -> Usage:
        found = stored
        await turns(pauses[len(pauses) % 7 % max(1, len(pauses))] if pauses else 0)
        return found

    async def write(size: int, before: int, after: int) -> None:
        nonlocal stored
        wanted = Usage(size, 0, 1)
        try:
            await ledger.reserve(wanted, LIMITS, "it")
        except QuotaExceeded:
            return
        await turns(before)
        stored = stored + Usage(size, 1, 1)
        assert stored.size <= LIMITS.size
        assert stored.versions <= LIMITS.versions
        await turns(after)
        ledger.end(wanted)

    async def main() -> None:
        await asyncio.gather(*(write(size, before, after) for size, before, after, _ in writes))
        assert ledger.idle
        # When nothing is under way, what fits is let through: refusals leave nothing behind.
        room = Usage(LIMITS.size - stored.size, 0, LIMITS.versions - stored.versions)
        if room.size and room.versions:
            await ledger.reserve(room, LIMITS, "it")

    ledger = Ledger(read, age)
    asyncio.run(main())


def test_a_refusal_tells_what_there_would_be() -> None:
    async def read() -> Usage:
        return Usage(900, 3, 20)

    async def main() -> None:
        ledger = Ledger(read, 0.0)
        with pytest.raises(QuotaExceeded, match="the bucket b may hold 1000 bytes, and would hold 1001"):
            await ledger.reserve(Usage(101), LIMITS, "the bucket b")
        with pytest.raises(QuotaExceeded, match="may hold 20 versions of objects, and would hold 21"):
            await ledger.reserve(Usage(0, 0, 1), LIMITS, "the bucket b")
        await ledger.reserve(Usage(100), LIMITS, "the bucket b")  # a part adds no version

    asyncio.run(main())
