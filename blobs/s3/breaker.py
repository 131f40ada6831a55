"""A zone's circuit breaker: after some failures in a row nobody waits for it, until a probe found it well."""

from collections.abc import Callable

FAILURES = 3  # in a row


class Breaker:
    """Counts failures; `opened` is called once, with the reason, each time it opens."""

    def __init__(self, opened: Callable[[str], None], failures: int = FAILURES) -> None:
        self.closed = True
        self.reason = ""
        self._opened, self._limit = opened, failures
        self._failures = 0

    def succeeded(self) -> None:
        """The zone did something it was asked."""
        self._failures = 0

    def failed(self, reason: str) -> None:
        """The zone failed, or was too slow; so many times in a row open the breaker."""
        self._failures += 1
        if self._failures >= self._limit:
            self.trip(reason)

    def trip(self, reason: str) -> None:
        """Open at once: the next request would fail in the same way."""
        if self.closed:
            self.closed, self.reason = False, reason
            self._opened(reason)

    def close(self) -> None:
        """A probe found the zone well."""
        self.closed, self._failures = True, 0
