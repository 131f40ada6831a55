"""A bounded map that keeps what was used lately."""

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """At most `limit` entries. Two generations: when the young one holds half, it becomes the old one, and
    the old one is forgotten; an entry that is found in the old one moves to the young.

    So no entry is ever removed by itself. (A dict from which the first entry is removed again and again
    has to search for its first entry ever longer.)
    """

    __slots__ = ("_half", "_old", "_young")

    def __init__(self, limit: int) -> None:
        self._half = max(1, limit // 2)
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        value = self._young.get(key)
        if value is None:
            value = self._old.get(key)
            if value is not None:
                self.put(key, value)
        return value

    def put(self, key: K, value: V) -> None:
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        self._young[key] = value

    def __len__(self) -> int:
        """How many entries there are (one that moved counts twice for a while)."""
        return len(self._young) + len(self._old)
