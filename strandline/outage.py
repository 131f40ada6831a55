"""What fails again and again until something is mended (a full device) is logged when it begins and when it
ends, not each time."""

import logging


class Outage:
    """One kind of failure. what, over: how the log tells that it began, and that it ended."""

    __slots__ = ("_log", "_over", "_what", "lasts")

    def __init__(self, log: logging.Logger, what: str, over: str) -> None:
        self._log = log
        self._what = what
        self._over = over
        self.lasts = False

    def failed(self, why: object) -> None:
        """It failed, perhaps once more."""
        if not self.lasts:
            self._log.error("%s: %s", self._what, why)
        self.lasts = True

    def worked(self) -> None:
        """It worked, perhaps again."""
        if self.lasts:
            self._log.warning("%s", self._over)
        self.lasts = False
