"""The HTTP edge of one process: its ports for S3, API and websites, over the services of that process."""

import asyncio
import logging
from collections.abc import Callable

from access.sigv4 import Verifier
from access.tokens import TokenVerifier
from access.trusted_proxies import TrustedProxies
from gateway.app import Application
from gateway.handlers import handlers
from gateway.in_progress import InProgress
from gateway.registry import Registry
from gateway.request import Services
from gateway.rest.app import create_app
from gateway.rest.health import Health
from gateway.roles import BOTH, Roles
from gateway.website.application import Website
from processors.request_log import RequestLog
from schemas.audit import LookUp
from strandline import __version__
from strandline.exposition import Exposition
from strandline.listen import parse_listen
from strandline.listener import Listener
from strandline.listener_group import ListenerGroup
from strandline.loops import watched
from strandline.metrics import Metrics
from strandline.settings import Settings
from strandline.tls import tls_files

# Connections beyond `max_requests` that a port takes: idle ones, and those that are told to slow down.
SPARE_CONNECTIONS = 1024
FLUSH_SECONDS = 5.0  # at least, for the HTTP servers to send what they hold of the answers
CUT_SECONDS = 0.5  # for them to end when requests had to be given up
GAUGE_SECONDS = 1.0
ERASING_SECONDS = 60.0  # how late a key may go that is due

log = logging.getLogger(__name__)


class HttpEdge:
    """Listens on the ports. Several processes may share them (SO_REUSEPORT).

    trouble  why writes are refused now; "" when they are not
    roles    of this process: requests of another role are refused
    look_up  searches the audit trail; None: there is none here
    """

    def __init__(
        self,
        settings: Settings,
        services: Services,
        metrics: Metrics,
        request_log: RequestLog,
        trouble: Callable[[], str],
        roles: Roles = BOTH,
        look_up: LookUp | None = None,
    ) -> None:
        self._settings = settings
        self.health = Health(trouble=trouble)
        domains = tuple(domain.lower() for domain in services.domains)
        identities = services.identities.directory
        verifier = Verifier(identities, settings.region, domains=domains)
        self._metrics = metrics
        self._services = services
        self._kms_keys = services.kms.keys
        proxies = TrustedProxies(settings.trusted_proxies) if settings.trusted_proxies else None
        self._inside = InProgress(settings.max_requests)
        observe = _observer(metrics, request_log)
        s3 = Application(
            services,
            Registry(handlers(), roles),
            verifier,
            observe,
            self._inside,
            settings.tls_hsts_seconds,
            request_log.access,
        )
        rest = create_app(
            services=services,
            signatures=verifier,
            tokens=TokenVerifier(identities),
            health=self.health,
            metrics=Exposition(metrics).text,
            observe=observe,
            version=__version__,
            inside=self._inside,
            roles=roles,
            hsts_seconds=settings.tls_hsts_seconds,
            look_up=look_up,
            proxies=proxies,
        )
        connections = settings.max_requests + SPARE_CONNECTIONS
        tls = tls_files(settings)
        listeners = [Listener(s3, parse_listen(settings.s3_listen), connections, tls, proxies)]
        if settings.website_listen is not None and roles.query:
            website = Website(
                services, settings.website_domains, observe, self._inside, settings.tls_hsts_seconds,
                request_log.access,
            )  # fmt: skip
            address = parse_listen(settings.website_listen)
            listeners.append(Listener(website, address, connections, tls, proxies))
        # The last one: who hears from /health/ready that the server is ready may use any of its ports.
        listeners.append(Listener(rest, parse_listen(settings.api_listen), connections, tls))
        self._listeners = ListenerGroup(listeners, tls)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Listen, and be ready. Raises ConfigurationError for a certificate that cannot be used."""
        # Before the first connection: another process may have said already that the server is ready.
        self.health.ready()
        await self._listeners.start()
        self._tasks.append(asyncio.create_task(self._set_gauge()))
        self._tasks.append(watched(self._erase_keys(), log, "the erasing of KMS keys"))
        self._tasks.append(watched(self._tell_uses(), log, "the telling of when access keys were used"))

    async def stop(self, drain_seconds: float) -> None:
        """Refuse new requests, answer those begun for `drain_seconds` at most, stop listening."""
        self.health.unready("shutting down")
        self._listeners.keep_identity()
        for task in self._tasks:
            task.cancel()
        limit = asyncio.get_running_loop().time() + drain_seconds
        drained = await self._inside.drain(drain_seconds)
        if not drained:
            log.warning("%d requests did not end within %.0f s", self._inside.count, drain_seconds)
        # What the HTTP servers still hold of the answers goes out to their clients.
        left = limit - asyncio.get_running_loop().time()
        patience = max(left, FLUSH_SECONDS) if drained else CUT_SECONDS
        await self._listeners.stop(patience)
        await self._tell_use(0)

    async def _erase_keys(self) -> None:
        """Erase keys of the KMS whose deletion is due, whether anybody uses them or not."""
        while True:
            for key_id in await asyncio.to_thread(self._kms_keys.erase_due):
                log.warning("the KMS key %s is erased, as was scheduled", key_id)
            await asyncio.sleep(ERASING_SECONDS)

    async def _tell_uses(self) -> None:
        """Tell the log when access keys were used last."""
        while True:
            await asyncio.sleep(self._settings.key_use_seconds)
            await self._tell_use(self._settings.key_use_seconds)

    async def _tell_use(self, seconds: int) -> None:
        services = self._services
        await services.key_uses.tell(services.producer, services.identities.directory, seconds)

    async def _set_gauge(self) -> None:
        while True:
            self._metrics.set("requests_in_progress", self._inside.count)
            await asyncio.sleep(GAUGE_SECONDS)


def _observer(metrics: Metrics, request_log: RequestLog) -> Callable[..., None]:
    """One call per finished request, for the counters and the audit trail."""
    count = metrics.request
    if not request_log.audited:

        def observe(
            operation: str, bucket: str, key: str, status: int, bytes_in: int, bytes_out: int,
            seconds: float, *_: str,
        ) -> None:  # fmt: skip
            count(operation, status, int(seconds * 1e9), bytes_in, bytes_out)

        return observe
    record = request_log.observe

    def observe_both(
        operation: str, bucket: str, key: str, status: int, bytes_in: int, bytes_out: int,
        seconds: float, principal: str, source: str, request_id: str, error: str, arn: str, unique_id: str,
        access_key: str, agent: str,
    ) -> None:  # fmt: skip
        count(operation, status, int(seconds * 1e9), bytes_in, bytes_out)
        record(
            operation, bucket, key, status, bytes_in, bytes_out, seconds, principal, source, request_id,
            error, arn, unique_id, access_key, agent,
        )  # fmt: skip

    return observe_both
