"""What the clients were told, kept outside the server: the judge of whether a crash lost anything.

Every key has one writer, so what may be found under it after a crash is known: what was last acknowledged,
or the effect of the one request that was under way.
"""

import threading
from dataclasses import dataclass, field
from typing import NamedTuple


class Write(NamedTuple):
    """An object's content, told by where and in which step of the test it was made, and its size in bytes."""

    key: str
    step: int
    size: int

    def content(self) -> bytes:
        """Bytes that no other write has, in any part."""
        mark = f"{self.key}#{self.step};".encode()
        return (mark * (self.size // len(mark) + 1))[: self.size]


class Joined(NamedTuple):
    """The content of a completed multipart upload."""

    key: str
    parts: tuple[Write, ...]

    def content(self) -> bytes:
        """The parts' bytes, one after the other."""
        return b"".join(part.content() for part in self.parts)


# What may stand under a key; None where there is nothing.
State = Write | Joined | None


class Lost(AssertionError):
    """The server broke its word."""


@dataclass
class Ledger:
    """A bucket without versioning. Absent is None. `begun` counts intents, `acknowledged` answers."""

    possible: dict[str, set[State]] = field(default_factory=dict)
    begun: int = 0
    acknowledged: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def intend(self, key: str, state: State) -> None:
        """A request that would bring the key into this state is about to be sent."""
        with self._lock:
            self.possible.setdefault(key, {None}).add(state)
            self.begun += 1

    def acknowledge(self, key: str, state: State) -> None:
        """The server said that it is done."""
        with self._lock:
            self.possible[key] = {state}
            self.acknowledged += 1

    def settle(self, key: str, found: bytes | None, final: bool = True) -> None:
        """What was read must be one of the possible states. After a restart it is the state from now on;
        while the server runs (`final` False), a request whose outcome it left open may still take effect.

        Raises Lost."""
        for state in self.possible[key]:
            if (None if state is None else state.content()) == found:
                if final:
                    self.possible[key] = {state}
                return
        shown = "nothing" if found is None else f"{len(found)} bytes {found[:60]!r}"
        raise Lost(f"{key}: found {shown}; possible was {self.possible[key]}")


class Version(NamedTuple):
    """A version, or a delete marker (`write` None)."""

    version_id: str
    write: Write | None


@dataclass
class History:
    """One key of a versioned bucket: its versions, newest first, and the request under way.

    adding    True while a write or delete is under way; `added` is what it would add
    removing  version id of a permanent removal under way
    """

    versions: list[Version] = field(default_factory=list)
    adding: bool = False
    added: Write | None = None
    removing: str | None = None

    def intend(self, write: Write | None) -> None:
        """A write, or a delete (None), is about to be sent."""
        self.adding, self.added = True, write

    def acknowledge(self, version_id: str) -> None:
        """It was done under this version id."""
        self.versions.insert(0, Version(version_id, self.added))
        self.adding, self.added = False, None

    def remove(self, version_id: str) -> None:
        """A permanent removal of a version is about to be sent."""
        self.removing = version_id

    def removed(self) -> None:
        """The removal was done."""
        self.versions = [one for one in self.versions if one.version_id != self.removing]
        self.removing = None

    def settle(self, key: str, found: list[tuple[str, bool]]) -> list[Version]:
        """Compare with the listing: (version id, is a marker), newest first. Returns what must be read back.

        All that was acknowledged must be there in order, plus at most what was under way. Raises Lost."""
        kept = list(self.versions)
        if self.removing is not None and self.removing not in [version_id for version_id, _ in found]:
            self.removed()
            kept = list(self.versions)
        if self.adding and len(found) == len(kept) + 1:
            version_id, marker = found[0]
            if marker != (self.added is None):
                raise Lost(f"{key}: version {version_id} is not of the kind that was sent")
            self.acknowledge(version_id)
            kept = list(self.versions)
        self.adding, self.added, self.removing = False, None, None
        expected = [(one.version_id, one.write is None) for one in kept]
        if found != expected:
            raise Lost(f"{key}: versions {found}; acknowledged were {expected}")
        return kept
