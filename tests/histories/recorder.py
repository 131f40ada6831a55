"""A history as it is made: every request goes in when its answer has come, or when none will."""

import time
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from tests.histories.operation import NEVER, Answer, Kind, Operation

WRITES = frozenset({Kind.PUT, Kind.CREATE, Kind.REPLACE, Kind.DELETE})


class Recorder:
    """What all clients of a test saw, by one clock. Threads may share it."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.last_seen: dict[str, str] = {}  # some recent ETag of each key, for conditions that may hold
        self.unanswered = 0  # requests given up because nothing came in time

    @staticmethod
    def now() -> float:
        """Seconds, on the clock of all histories."""
        return time.monotonic()

    def add(self, operation: Operation) -> None:
        """A request that is over."""
        self.operations.append(operation)
        if operation.answer is Answer.DONE and operation.value is not None:
            self.last_seen[operation.key] = operation.value

    def acknowledged(self) -> int:
        """How many writes were answered with success so far."""
        return sum(one.kind in WRITES and one.answer is Answer.DONE for one in self.operations)

    def summary(self) -> str:
        """How many requests, by answer, and the longest that an acknowledged write took."""
        answers = Counter(one.answer.value for one in self.operations)
        counts = ", ".join(f"{count} {name}" for name, count in sorted(answers.items()))
        longest = max((one.ended - one.begun for one in self._written()), default=0.0)
        pause = longest_pause(one.ended for one in self._written())
        return (
            f"{len(self.operations)} requests ({counts}); longest acknowledged write {longest:.1f} s, "
            f"longest time without one {pause:.1f} s"
        )

    def _written(self) -> list[Operation]:
        return [
            one
            for one in self.operations
            if one.kind in WRITES and one.answer is Answer.DONE and one.ended != NEVER
        ]


def longest_pause(times: Iterable[float]) -> float:
    """The longest time between two of them that follow each other, 0 for fewer than two."""
    ordered = sorted(times)
    return max((after - before for before, after in pairwise(ordered)), default=0.0)
