"""Locks between processes: flock on an open file, dropped by the kernel when its last holder ends."""

import fcntl


def try_lock(descriptor: int) -> bool:
    """Take the lock of that open file or folder for this process; False when another has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
