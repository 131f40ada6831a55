"""Holds writes to the quotas of their bucket and of the account that owns it, before their bodies are taken.

What is stored is counted by the index, with each write that it acknowledges. What this process has let
through and not answered yet is counted here, so that one process never goes beyond a quota; what other
processes have under way it does not see.
"""

import time
from collections.abc import Awaitable, Callable

from access.directory import Directory
from query.reader import Reader
from schemas.errors import QuotaExceeded
from schemas.limits import BUCKET_LIMITS, Limits
from schemas.rows import Bucket, Usage

ACCOUNT_SECONDS = 1.0  # how old the sum over an account's buckets may be
KEPT_LEDGERS = 10_000  # those without writes under way are forgotten beyond


class Ledger:
    """What writes of this process may have added to a bucket, or to an account's, beyond what was read.

    read          what is stored
    age           seconds for which that may be gone by
    begun, ended  of all writes that ever were let through, and of those that are answered
    """

    __slots__ = ("_age", "_ended_before", "_read", "_read_at", "_stored", "begun", "ended")

    def __init__(self, read: Callable[[], Awaitable[Usage]], age: float) -> None:
        self.begun, self.ended = Usage(), Usage()
        self._read, self._age = read, age
        self._stored, self._ended_before, self._read_at = Usage(), Usage(), float("-inf")

    @property
    def idle(self) -> bool:
        return self.begun == self.ended

    async def reserve(self, wanted: Usage, limits: Limits, whose: str) -> None:
        """Let a write through, which calls `end` when it is answered. Raises QuotaExceeded, and then it must
        not."""
        self.begun += wanted
        try:
            if time.monotonic() - self._read_at >= self._age:
                await self._refresh()
            if self._age and _excess(self._used(), wanted, limits, whose):
                await self._refresh()
            if excess := _excess(self._used(), wanted, limits, whose):
                raise QuotaExceeded(excess)
        except BaseException:
            self.end(wanted)
            raise

    def end(self, wanted: Usage) -> None:
        """A write is answered."""
        self.ended += wanted

    def _used(self) -> Usage:
        """What was stored when it was read, and every write that was not answered by then."""
        return Usage(
            self._stored.size + self.begun.size - self._ended_before.size,
            0,
            self._stored.versions + self.begun.versions - self._ended_before.versions,
        )

    async def _refresh(self) -> None:
        ended = self.ended  # those are in what is read now; who ends meanwhile may be counted twice
        read_at = time.monotonic()
        stored = await self._read()
        if read_at >= self._read_at:
            self._stored, self._ended_before, self._read_at = stored, ended, read_at


class Quotas:
    """The ledgers of one process."""

    def __init__(self, reader: Reader, directory: Directory) -> None:
        self._reader = reader
        self._directory = directory
        self._ledgers: dict[bytes | str, Ledger] = {}

    async def of(self, bucket: Bucket) -> list[tuple[str, Limits, Ledger]]:
        """What a write into the bucket is held to: whose quota, how much, and the ledger that counts."""
        found = []
        limits = await self._reader.configuration(bucket, BUCKET_LIMITS)
        if limits is not None and limits.is_quota:
            ledger = self._ledger(bucket.bucket_id, lambda: self._reader.usage(bucket), 0.0)
            found.append((f"the bucket {bucket.name}", limits, ledger))
        number = self._directory.number_of(bucket.owner_id) or ""
        entry = self._directory.account_limits.get(number)
        if entry is not None and entry.document.is_quota:
            owner = bucket.owner_id
            ledger = self._ledger(owner, lambda: self._reader.usage_of_account(owner), ACCOUNT_SECONDS)
            found.append((f"the account {number}", entry.document, ledger))
        return found

    def _ledger(self, name: bytes | str, read: Callable[[], Awaitable[Usage]], age: float) -> Ledger:
        ledger = self._ledgers.get(name)
        if ledger is None:
            if len(self._ledgers) >= KEPT_LEDGERS:
                self._ledgers = {key: one for key, one in self._ledgers.items() if not one.idle}
            ledger = self._ledgers[name] = Ledger(read, age)
        return ledger


class Reservation:
    """What one request has been let through for."""

    __slots__ = ("_taken",)

    def __init__(self) -> None:
        self._taken: list[tuple[Ledger, Usage]] = []

    async def take(self, held: list[tuple[str, Limits, Ledger]], wanted: Usage) -> None:
        """Raises QuotaExceeded."""
        for whose, limits, ledger in held:
            await ledger.reserve(wanted, limits, whose)
            self._taken.append((ledger, wanted))

    def end(self) -> None:
        """The request is answered: what it has written is counted by the index."""
        for ledger, wanted in self._taken:
            ledger.end(wanted)
        self._taken.clear()


def _excess(used: Usage, wanted: Usage, limits: Limits, whose: str) -> str:
    """Why so much may not be stored; "" when it may. What a write adds nothing to does not stop it."""
    if limits.size and wanted.size and used.size > limits.size:
        return (
            f"{whose} may hold {limits.size} bytes, and would hold {used.size} with this write and those "
            "under way."
        )
    if limits.versions and wanted.versions and used.versions > limits.versions:
        return (
            f"{whose} may hold {limits.versions} versions of objects, and would hold {used.versions} with "
            "this write and those under way."
        )
    return ""
