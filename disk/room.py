"""The space that is left on a device, and the part of it that writers leave alone.

What was begun must be able to end: an event that is in the log has to get into the index, which grows by
it. So bytes and events are refused while there is still room for that, not when there is none.
"""

import os
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from schemas.errors import StorageFull

LOOK_SECONDS = 0.25  # others fill the device as well, so what was seen is good for so long
NEAR_BYTES = (
    256 * 1024 * 1024
)  # more than all of them write meanwhile: nearer to the reserve, nothing seen is good


class Room:
    """Free space above a reserve. A writer counts down from what was last seen, so that asking costs no
    system call; the device is looked at now and then, and every time when it is nearly full.

    path     a file or folder on the device
    reserve  bytes that stay free
    """

    def __init__(self, path: Path | str, reserve: int, clock: Callable[[], float] = monotonic) -> None:
        self._path = path
        self._reserve = reserve
        self._clock = clock
        self._left = 0
        self._good_until = 0.0

    def take(self, size: int) -> None:
        """Say that so many bytes are about to be written. Raises StorageFull when they would come out of the
        reserve; then nothing may be written. A quota is not seen here: the write itself finds it."""
        left = self._left - size
        now = self._clock()
        if left < self._reserve + NEAR_BYTES or now >= self._good_until:
            free = free_bytes(self._path)
            left = free - size
            if left < self._reserve:
                raise StorageFull(
                    f"{free} bytes are free on the device of {self._path}, of which {self._reserve} are kept"
                )
            self._good_until = now + LOOK_SECONDS
        self._left = left

    def has(self, size: int) -> bool:
        """The same for what can be left out: False where `take` raises."""
        try:
            self.take(size)
        except StorageFull:
            return False
        return True


def free_bytes(path: Path | str) -> int:
    """What an ordinary user may still write on the device of that file or folder, in bytes."""
    device = os.statvfs(path)
    return device.f_bavail * device.f_frsize
