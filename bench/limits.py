"""What limits cost a request, in microseconds (medians of several rounds): `python -m bench.limits`.

Where nothing is limited there are two looks, which are measured with the loop around them taken off.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from types import SimpleNamespace

from gateway.token_buckets import MEMORY_BYTES, TokenBuckets, rate
from schemas.limits import BUCKET_LIMITS
from schemas.rows import Bucket, Configured

CALLS, ROUNDS = 50_000, 9


def _looks(count: int) -> None:
    """What gateway.app does where neither the caller nor the bucket has limits."""
    accounts = SimpleNamespace(limited=False)
    bucket = Bucket(b"b", "b", "o", "r", 0, 1, configurations={"cors": Configured(1, 1)})
    for _ in range(count):
        if accounts.limited:
            raise AssertionError
        if bucket is not None and BUCKET_LIMITS.name in bucket.configurations:
            raise AssertionError


def _nothing(count: int) -> None:
    for _ in range(count):
        pass


def measure(call: Callable[[int], None]) -> float:
    """Seconds of one of the calls that it makes."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        call(CALLS)
        rounds.append((time.perf_counter() - began) / CALLS)
    return statistics.median(rounds)


def _taking(buckets: TokenBuckets, names: tuple[str, ...]) -> Callable[[int], None]:
    rates = [rate(name, 10**9) for name in names]

    def run(count: int) -> None:
        for _ in range(count):
            if buckets.take(rates) is not None:
                raise AssertionError

    return run


def main() -> int:
    with tempfile.TemporaryFile() as file:
        alone = TokenBuckets(bytearray(MEMORY_BYTES))
        shared = TokenBuckets(bytearray(MEMORY_BYTES), file.fileno())
        print(f"{(measure(_looks) - measure(_nothing)) * 1e6:7.3f} µs  nothing is limited")
        print(f"{measure(_taking(alone, ('a',))) * 1e6:7.2f} µs  a token, one process")
        print(f"{measure(_taking(shared, ('a',))) * 1e6:7.2f} µs  a token, shared by workers")
        print(f"{measure(_taking(shared, ('a', 'b'))) * 1e6:7.2f} µs  two tokens, shared by workers")
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
