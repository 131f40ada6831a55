"""How slow a client may be: a rate over a generous window, so that none holds its request for ever."""

from typing import NamedTuple


class Pace(NamedTuple):
    """The slowest client that is served. Only time spent waiting for it counts.

    window  seconds; a client that sends or takes nothing for so long is given up
    rate    bytes a second that it must send, or take, on average over every window
    """

    window: float = 60.0
    rate: int = 1024


DEFAULT_PACE = Pace()


class Pacing:
    """Holds one client to a pace."""

    __slots__ = ("_count", "_pace", "_seconds")

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._seconds = 0.0
        self._count = 0

    def keeps(self, seconds: float, count: int) -> bool:
        """After so many more seconds of waiting, and the bytes that came of it: is the client fast enough?"""
        self._seconds += seconds
        self._count += count
        if self._seconds < self._pace.window:
            return True
        enough = self._count >= max(1.0, self._seconds * self._pace.rate)
        self._seconds, self._count = 0.0, 0
        return enough
