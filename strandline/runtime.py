"""The interpreter and the event loop of a server process."""

import asyncio
import contextlib
import ctypes
import gc
import resource
import sys
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")

MIB = 1024 * 1024
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3  # malloc.h of glibc

# How long a thread keeps the interpreter while others want it. The event loop lets go of it at every poll,
# many times in a millisecond; taking it away in between only splits what it was doing. Measured against
# the default of 5 ms and against 0.5 ms, which cost a fifth of the GET rate (docs/design/performance.md).
SWITCH_SECONDS = 0.02

# Allocations between two collections of the youngest objects, and of the older ones. The objects of a
# request form no cycles and die by reference count; what lives long are caches, and a collector that walks
# through them again and again finds nothing.
COLLECT_AFTER = (50_000, 20, 100)

MANY_FILES = 1 << 17


def run(main: Coroutine[object, object, T]) -> T:
    """Run a coroutine to its end on the fastest loop at hand."""
    try:
        import uvloop
    except ImportError:  # Windows
        return asyncio.run(main)
    return uvloop.run(main)


def tune_for_serving() -> None:
    """Set the interpreter up for many short requests; call it once everything is imported."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(*COLLECT_AFTER)
    gc.collect()
    gc.freeze()
    _keep_freed_memory()
    _allow_many_files()


def _keep_freed_memory() -> None:
    """Let glibc keep some of what is freed: chunks of large objects come and go by the thousand, and memory
    handed back to the system has to be faulted in again page by page. Elsewhere nothing is changed."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(M_MMAP_THRESHOLD, 8 * MIB)
    mallopt(M_TRIM_THRESHOLD, 32 * MIB)
    mallopt(M_TOP_PAD, MIB)


def _allow_many_files() -> None:
    """As many descriptors as the system lets us have, up to MANY_FILES: every connection is one, and the
    usual soft limit of 1,024 is for programs that use select()."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY_FILES if hard == resource.RLIM_INFINITY else min(MANY_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
