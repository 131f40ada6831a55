"""Counters of the hot path: plain 64-bit cells in memory that all worker processes share.

A *slab* is one process's cells; the file holds one slab per process, and a scrape adds them up, whichever
process answers it. Only its own process writes a slab, from the event loop's thread, so there is neither a
lock nor a lost update. What the numbers mean to Prometheus is in strandline/exposition.py.

The file begins with a cell that names its layout: another version's file is zeroed, not misread. Otherwise
counters go on over a restart. Layout of a slab, in cells of 8 bytes, native byte order:

    per operation   one count per status of STATUSES, one more for any other status;
                    one count per latency bound of BOUNDS, one more for slower requests;
                    the sum of latencies in nanoseconds; bytes received; bytes sent
    per counter     one cell
    per gauge       one cell
"""

import hashlib
import mmap
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from index.mapped_file import map_shared

STATUSES = (
    100, 200, 201, 204, 206, 301, 304, 307,
    400, 401, 403, 404, 405, 408, 409, 411, 412, 413, 415, 416, 422, 500, 501, 503, 507,
)  # fmt: skip
# Upper bounds in seconds, from a HEAD out of memory to a 5 GiB upload.
BOUNDS = (
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0, 600.0,
)  # fmt: skip
CELL = 8
OTHER = "Other"  # requests whose operation was never known: unreadable, refused at the door

_STATUS_CELLS = len(STATUSES) + 1
_LATENCY = _STATUS_CELLS
_NANOSECONDS = _LATENCY + len(BOUNDS) + 1
_RECEIVED = _NANOSECONDS + 1
_SENT = _RECEIVED + 1
OPERATION_CELLS = _SENT + 1

_STATUS_CELL = {status: cell for cell, status in enumerate(STATUSES)}
_OTHER_STATUS = len(STATUSES)


class Metrics:
    """One process's slab, and the sums over all of them.

    operations         names that requests are counted under; OTHER is added
    counters, gauges   names of further numbers; a counter only grows, a gauge is set. Each gauge is
                       written by one process: a scrape adds the slabs up here too
    path               file shared by the processes; None: memory of this process alone
    slab, slabs        which of how many is this process's. Its counters go on where a process that held
                       the slab before it (and crashed) left them; its gauges begin at 0
    """

    def __init__(
        self,
        operations: Sequence[str],
        counters: Sequence[str] = (),
        gauges: Sequence[str] = (),
        path: Path | None = None,
        slab: int = 0,
        slabs: int = 1,
    ) -> None:
        if not 0 <= slab < slabs:
            raise ValueError(f"slab {slab} is not one of {slabs}")
        self.operations = (*dict.fromkeys(operations), OTHER)
        self.counters = tuple(counters)
        self.gauges = tuple(gauges)
        self._slabs = slabs
        self._cells = len(self.operations) * OPERATION_CELLS + len(self.counters) + len(self.gauges)
        self._map = _shared_memory(path, CELL + self._cells * CELL * slabs)
        self._memory = memoryview(self._map).cast("Q")
        self._check_layout()
        self._all = self._memory[1:]
        self._own = self._all[slab * self._cells : (slab + 1) * self._cells]
        self._bases = {name: number * OPERATION_CELLS for number, name in enumerate(self.operations)}
        extras = len(self.operations) * OPERATION_CELLS
        self._extras = {name: extras + n for n, name in enumerate((*self.counters, *self.gauges))}
        for name in self.gauges:
            self._own[self._extras[name]] = 0

    def _check_layout(self) -> None:
        described = repr((self.operations, STATUSES, BOUNDS, self.counters, self.gauges, self._slabs))
        fingerprint = int.from_bytes(hashlib.blake2b(described.encode(), digest_size=8).digest(), "big")
        if self._memory[0] != fingerprint:
            self._map[:] = bytes(len(self._map))
            self._memory[0] = fingerprint

    def request(self, operation: str, status: int, nanoseconds: int, received: int, sent: int) -> None:
        """Count one finished request: how long it took, and the bytes of its body and of the answer's."""
        own = self._own
        base = self._bases.get(operation)
        if base is None:
            base = self._bases[OTHER]
        own[base + _STATUS_CELL.get(status, _OTHER_STATUS)] += 1
        own[base + _LATENCY + bisect_left(_NANOSECOND_BOUNDS, nanoseconds)] += 1
        own[base + _NANOSECONDS] += nanoseconds
        if received:
            own[base + _RECEIVED] += received
        if sent:
            own[base + _SENT] += sent

    def add(self, counter: str, amount: int = 1) -> None:
        """Let a counter grow. Raises KeyError for one that was not declared."""
        self._own[self._extras[counter]] += amount

    def set(self, gauge: str, value: int) -> None:
        """Set a gauge of this process (a whole number, not negative)."""
        self._own[self._extras[gauge]] = value

    def total(self, name: str) -> int:
        """A counter or gauge over all processes."""
        return sum(self._all[self._extras[name] :: self._cells].tolist())

    def answered(self, status: int) -> int:
        """Requests of every operation answered with that status, over all processes."""
        cell = _STATUS_CELL[status]
        starts = range(0, self._cells * self._slabs, self._cells)
        return sum(self._all[start + base + cell] for start in starts for base in self._bases.values())

    def operation(self, name: str) -> "OperationTotals":
        """What was counted for an operation, over all processes."""
        base = self._bases[name]
        cells = [0] * OPERATION_CELLS
        for start in range(base, self._cells * self._slabs, self._cells):
            cells = [a + b for a, b in zip(cells, self._all[start : start + OPERATION_CELLS], strict=True)]
        return OperationTotals(cells)

    def close(self) -> None:
        """Let go of the memory."""
        self._own.release()
        self._all.release()
        self._memory.release()
        self._map.close()


class OperationTotals:
    """The cells of one operation, by meaning."""

    def __init__(self, cells: Sequence[int]) -> None:
        self.statuses = {
            str(status): count for status, count in zip((*STATUSES, "other"), cells, strict=False) if count
        }
        self.latencies = list(cells[_LATENCY:_NANOSECONDS])  # per bound, not cumulated; the last has none
        self.seconds = cells[_NANOSECONDS] / 1e9
        self.received = cells[_RECEIVED]
        self.sent = cells[_SENT]


_NANOSECOND_BOUNDS = tuple(round(bound * 1e9) for bound in BOUNDS)


def _shared_memory(path: Path | None, size: int) -> Any:
    if path is None:
        return mmap.mmap(-1, size)
    return map_shared(path, size)
