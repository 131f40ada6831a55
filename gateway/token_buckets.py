"""Token buckets: how many tokens of each are left, in memory that all processes of a server share.

A bucket is one number: the moment at which it will be full again (the *theoretical arrival time* of the
generic cell rate algorithm, ITU-T I.371). Taking a token moves that moment by the time that making one takes;
where it would lie more than BURST after now, there is none left. So nothing has to be filled, and a bucket
whose moment has passed needs no place at all.

    slot    first and second half of the digest that names the bucket, the moment (each u64, the machine's
            byte order; nanoseconds of the monotonic clock, which all processes of a machine share), unused
"""

import fcntl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from hashlib import blake2b
from typing import NamedTuple

SLOT_BYTES = 32
SLOTS = 16 * 1024
MEMORY_BYTES = SLOTS * SLOT_BYTES
PROBES = 16  # places that a bucket may have; where all are taken, the one that is full soonest goes
SECOND = 1_000_000_000
BURST = SECOND  # what a bucket holds: as many tokens as are made in that time


class Rate(NamedTuple):
    """A bucket and how fast it fills.

    halves  of the digest that names it
    each    nanoseconds that making one token takes
    """

    halves: tuple[int, int]
    each: float


def rate(name: str, per_second: int) -> Rate:
    """The bucket of that name; `per_second` is at least 1, so that it holds one token or more."""
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    halves = int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")
    return Rate(halves, SECOND / per_second)


class Missing(NamedTuple):
    """Which of several buckets has no token, and in how many nanoseconds it will have one."""

    which: int
    wait: int


class TokenBuckets:
    """The buckets of one server.

    memory  MEMORY_BYTES or less, zeros at first, mapped by every process that shares them
    lock    descriptor of a file that those processes lock; None: there is but one
    clock   nanoseconds that never fall, the same for all of them
    """

    def __init__(
        self,
        memory: bytearray | memoryview,
        lock: int | None = None,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._cells = memoryview(memory).cast("B").cast("Q")
        self._slots = len(self._cells) * 8 // SLOT_BYTES
        self._clock = clock
        self._locked: Callable[[], AbstractContextManager[None]]
        self._locked = nullcontext if lock is None else lambda: _lock(lock)

    def take(self, rates: Sequence[Rate]) -> Missing | None:
        """Take one token of each, or none of any where one is missing."""
        now = self._clock()
        with self._locked():
            found = []
            for index, one in enumerate(rates):
                place = self._find(one.halves, now)
                full = max(now, self._full_at(place, one.halves)) + round(one.each)
                if full - now > BURST:
                    return Missing(index, full - now - BURST)
                found.append((place, one.halves, full))
            for place, halves, full in found:
                self._set(place, halves, full)
        return None

    def spend(self, rates: Sequence[Rate], count: int) -> int:
        """Take so many tokens of each, even where there are not as many; returns the nanoseconds until none
        of the buckets owes any."""
        now = self._clock()
        wait = 0
        with self._locked():
            for one in rates:
                place = self._find(one.halves, now)
                full = max(now, self._full_at(place, one.halves)) + round(one.each * count)
                self._set(place, one.halves, full)
                wait = max(wait, full - now - BURST)
        return wait

    def owed(self, rates: Sequence[Rate]) -> int:
        """The nanoseconds until none of the buckets owes any."""
        return self.spend(rates, 0)

    def close(self) -> None:
        """Let go of the memory."""
        self._cells.release()

    # --- slots, under the lock -----------------------------------------------------------------------
    def _find(self, halves: tuple[int, int], now: int) -> int:
        """The slot of the bucket, or the one that it shall have."""
        cells, best, least = self._cells, 0, 1 << 64
        for probe in range(PROBES):
            place = (halves[0] + probe) % self._slots * 4
            if (cells[place], cells[place + 1]) == halves:
                return place
            if cells[place + 2] < least:
                best, least = place, cells[place + 2]
        return best

    def _full_at(self, place: int, halves: tuple[int, int]) -> int:
        cells = self._cells
        return cells[place + 2] if (cells[place], cells[place + 1]) == halves else 0

    def _set(self, place: int, halves: tuple[int, int], full: int) -> None:
        self._cells[place], self._cells[place + 1] = halves
        self._cells[place + 2] = full


@contextmanager
def _lock(descriptor: int) -> Iterator[None]:
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
