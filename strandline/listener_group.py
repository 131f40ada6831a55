"""The ports of one process: they listen and stop together, and show the same certificate, a new one once its
files have changed."""

import asyncio
import logging
from collections.abc import Sequence

from schemas.errors import ConfigurationError
from strandline.listener import Listener
from strandline.loops import watched
from strandline.tls import Identity, TlsFiles

RENEWAL_SECONDS = 2.0  # between looks at the files of the certificate

log = logging.getLogger(__name__)


class ListenerGroup:
    """Several listeners over the same files of TLS, None where they speak plain HTTP."""

    def __init__(self, listeners: Sequence[Listener], tls: TlsFiles | None) -> None:
        self._listeners, self._tls = listeners, tls
        self._renewing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen. Raises ConfigurationError for a certificate that cannot be used, and for a port that is
        taken."""
        if self._tls is None:
            await self._listen(None)
            return
        state = self._tls.state()
        await self._listen(self._tls.read())
        renewing = self._renew(self._tls, state)
        self._renewing = watched(renewing, log, "the watch over the certificate")

    def keep_identity(self) -> None:
        """Show no new certificate any more: what listens is about to stop."""
        if self._renewing is not None:
            self._renewing.cancel()

    async def stop(self, patience: float) -> None:
        """Stop listening; what the servers hold of answers goes out, for `patience` seconds at most."""
        self.keep_identity()
        ended = await asyncio.gather(*(listener.stop(patience) for listener in self._listeners))
        if not all(ended):
            log.warning("connections were cut off when the time for the shutdown was over")

    async def _listen(self, identity: Identity | None) -> None:
        for listener in self._listeners:
            await listener.start(identity)

    async def _renew(self, tls: TlsFiles, state: object) -> None:
        """Show the new certificate once its files have changed; while they cannot be used, the old one."""
        while True:
            await asyncio.sleep(RENEWAL_SECONDS)
            found = tls.state()
            if found == state:
                continue
            state = found
            try:
                identity = tls.read()
                await self._listen(identity)
                log.warning("the ports show a new certificate, which ends at %s", identity.until)
            except ConfigurationError as error:
                log.error("the certificate stays the old one: %s", error.message)
