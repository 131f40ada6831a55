"""Keys of issuers, kept for a while: who asks for one waits for a fetch only where it must be made.

An issuer is asked again when its keys are old, and when a token names a key that is not among them (it may
have made a new one), but never twice within some seconds: so no client can have it asked at will.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from access.openid.fetching import Fetcher, Unusable
from access.openid.key_sets import NO_KEY, PublicKey, keys_of, keys_url
from access.openid.slots import Slot, Slots
from access.openid.urls import discovery_url
from schemas.errors import IdentityError, InvalidIdentityToken, IssuerUnreachable
from schemas.recent import Recent

FRESH_SECONDS = 900.0  # for which keys are good: so long may a key be taken that its issuer has withdrawn
PAUSE_SECONDS = 5.0  # between two fetches from one issuer, whatever came of the first
ISSUERS_KEPT = 1024

UNREACHABLE = "The identity provider could not be reached to verify the token. Please try again."

log = logging.getLogger("strandline.openid")


class _Kept:
    """What is known of an issuer. Times of the monotonic clock; failure: of the last fetch; fetching: the one
    that goes on."""

    def __init__(self) -> None:
        self.keys: tuple[PublicKey, ...] = ()
        self.fetched_at = self.tried_at = float("-inf")
        self.failure: IdentityError | None = None
        self.fetching: asyncio.Task[None] | None = None

    def named(self, kid: str) -> tuple[PublicKey, ...]:
        """The keys of that name; where a token names none, all."""
        return tuple(key for key in self.keys if not kid or key.kid == kid)


class IssuerKeys:
    """The keys of every issuer that was asked lately, of one process."""

    def __init__(self, fetcher: Fetcher | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.fetcher = fetcher or Fetcher()
        self._clock = clock
        self._slots = Slots()
        self._issuers: Recent[str, _Kept] = Recent(ISSUERS_KEPT)

    async def find(self, account: str, issuer: str, kid: str, algorithm: str) -> PublicKey:
        """The key that a token is to be checked with, for an account that trusts the issuer. A token that
        names none is taken only where there is no choice. Raises InvalidIdentityToken, IssuerUnreachable."""
        kept = self._issuers.get(issuer)
        if kept is None:
            kept = _Kept()
            self._issuers.put(issuer, kept)
        if not self._is_fresh(kept) or not kept.named(kid):
            await self._refresh(account, issuer, kept)
        found = [key for key in kept.named(kid) if key.fits(algorithm)] if self._is_fresh(kept) else []
        if len(found) == 1:
            return found[0]
        if isinstance(kept.failure, IssuerUnreachable):
            raise IssuerUnreachable(UNREACHABLE)
        raise InvalidIdentityToken(NO_KEY)

    def _is_fresh(self, kept: _Kept) -> bool:
        return self._clock() - kept.fetched_at < FRESH_SECONDS

    async def _refresh(self, account: str, issuer: str, kept: _Kept) -> None:
        """Fetch the keys anew, or wait for whoever does so already. An account that is refused a slot
        changes nothing about the issuer, which others may trust, too. Raises IssuerUnreachable."""
        if kept.fetching is None:
            if self._clock() - kept.tried_at < PAUSE_SECONDS:
                return
            slot = self._slots.claim(account)
            kept.fetching = asyncio.create_task(self._fetch(issuer, kept, slot))
        # A client that goes away must not take the keys from those who wait for the same.
        await asyncio.shield(kept.fetching)

    async def _fetch(self, issuer: str, kept: _Kept, slot: Slot) -> None:
        try:
            async with slot:
                where = keys_url(await self.fetcher.get(discovery_url(issuer), slot), issuer)
                kept.keys = keys_of(await self.fetcher.get(where, slot))
            kept.fetched_at, kept.failure = self._clock(), None
        except (Unusable, IssuerUnreachable) as error:
            kept.failure = error
            log.warning("keys of the issuer %s: %s", issuer, error.message)
        finally:
            kept.tried_at, kept.fetching = self._clock(), None
