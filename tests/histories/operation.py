"""One request about one key, as the client that sent it knows it."""

from dataclasses import dataclass
from enum import Enum

NEVER = float("inf")  # the end of a request whose outcome the client was not told


class Kind(Enum):
    """What was asked of a key."""

    PUT = "put"
    CREATE = "put if there is nothing"  # If-None-Match: *
    REPLACE = "put if it is"  # If-Match: expected
    DELETE = "delete"
    READ = "read"  # GET or HEAD
    LIST = "list"  # whether a listing shows the key, and with which ETag


class Answer(Enum):
    """What the client was told."""

    DONE = "done"
    FAILED = "precondition failed"  # 412
    MISSING = "no such key"  # 404
    UNKNOWN = "unknown"  # 503, or no answer: it may take effect at any later time, or never


@dataclass(frozen=True)
class Operation:
    """A request and its answer. Times are of one clock, in seconds.

    value     ETag of what a write brings, or of what a read or listing showed; None: there was nothing
    expected  ETag that a REPLACE was to find
    ended     when the answer had arrived; NEVER for one that did not come
    """

    client: str
    key: str
    kind: Kind
    begun: float
    ended: float
    answer: Answer
    value: str | None = None
    expected: str | None = None

    def __str__(self) -> str:
        value = "nothing" if self.value is None else self.value[:8]
        expected = f" over {self.expected[:8]}" if self.expected else ""
        ended = "…" if self.ended == NEVER else f"{self.ended:.4f}"
        return (
            f"{self.begun:.4f} to {ended}  {self.client:12} {self.kind.value} {value}{expected}: "
            f"{self.answer.value}"
        )
