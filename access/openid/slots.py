"""How many fetches from issuers go on at once, and whose: slow issuers of one account hold up no other's.

A fetch whose account has enough of them is refused at once; else it waits for its turn, first come first
served. A slot is free again when all that was done in it has really ended, threads included.
"""

import asyncio
from collections import Counter
from typing import Any, Self

from schemas.errors import IssuerUnreachable

AT_ONCE = 8  # fetches of one process
OF_ONE_ACCOUNT = 2  # of them, those that wait for their turn included
WAIT_SECONDS = 10.0  # for a turn, while other accounts have all of them


class Slots:
    """The slots of one process."""

    def __init__(self) -> None:
        self.free = asyncio.Semaphore(AT_ONCE)
        self._accounts: Counter[str] = Counter()

    def claim(self, account: str) -> "Slot":
        """A slot for one fetch, to be entered. Raises IssuerUnreachable where the account has enough."""
        if self._accounts[account] >= OF_ONE_ACCOUNT:
            raise IssuerUnreachable(
                "The identity provider could not be asked for its keys, as "
                f"{OF_ONE_ACCOUNT} others of the account have yet to answer. Please try again."
            )
        self._accounts[account] += 1
        return Slot(self, account)

    def give_up(self, account: str) -> None:
        """One claim of the account is over."""
        self._accounts[account] -= 1
        if not self._accounts[account]:
            del self._accounts[account]


class Slot:
    """A fetch's. Entering it waits for the turn, and raises IssuerUnreachable when that takes too long."""

    def __init__(self, slots: Slots, account: str) -> None:
        self._slots, self._account = slots, account
        self._uses = 1

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._slots.free.acquire()
        except BaseException as error:
            self._slots.give_up(self._account)
            if isinstance(error, TimeoutError):
                raise IssuerUnreachable("others' fetches took all the time there is to wait") from None
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._end_use()

    def keep_for(self, running: asyncio.Future[Any]) -> None:
        """Hold the slot until that has ended, too: what runs in a thread cannot be cancelled."""
        self._uses += 1
        running.add_done_callback(self._ended)

    def _ended(self, running: asyncio.Future[Any]) -> None:
        if not running.cancelled():
            running.exception()  # whoever waited for it may have gone
        self._end_use()

    def _end_use(self) -> None:
        self._uses -= 1
        if not self._uses:
            self._slots.free.release()
            self._slots.give_up(self._account)
