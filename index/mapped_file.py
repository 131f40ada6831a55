"""Small files that the processes of a server map into memory: stamps, counters."""

import mmap
import os
from pathlib import Path

from disk.files import full_device


def map_shared(path: Path, size: int) -> mmap.mmap:
    """The file's first `size` bytes, mapped for all processes; made, or grown with zeros, where needed.

    Every block is allocated first. In a file with holes, the first write to a hole on a full device would
    end the process with SIGBUS; now the lack of space is told here. Raises StorageFull.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with full_device(str(path)):
            os.posix_fallocate(descriptor, 0, size)
        return mmap.mmap(descriptor, size)
    finally:
        os.close(descriptor)
