"""Health checks and metrics: for supervisors and monitoring, without authentication."""

from collections.abc import Callable

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PATHS = frozenset({"/health/live", "/health/ready", "/metrics"})


class Health:
    """Whether this process can serve, and if not, why. Told by the composition root.

    trouble  asked at each look: why the store as a whole can't take writes now, "" when it can
    """

    __slots__ = ("_reason", "_trouble")

    def __init__(self, reason: str = "starting", trouble: Callable[[], str] = lambda: "") -> None:
        self._reason = reason
        self._trouble = trouble

    @property
    def reason(self) -> str:
        """Why this process cannot serve requests; "" when it can."""
        return self._reason

    @property
    def complaint(self) -> str:
        """What to tell whoever asks: the reason, or else the store's trouble. Reads go on in trouble."""
        return self._reason or self._trouble()

    @property
    def is_ready(self) -> bool:
        return not self._reason

    def ready(self) -> None:
        """From now on requests are served."""
        self._reason = ""

    def unready(self, reason: str) -> None:
        """From now on requests are refused with 503; `reason` is shown ("replaying the log: 3 of 10")."""
        self._reason = reason


def health_routes(health: Health, metrics: Callable[[], bytes]) -> APIRouter:
    """Routes over that health and a function that gives the text for Prometheus. Load balancers may ask for
    the heads alone."""
    router = APIRouter(tags=["operations"])

    @router.head("/health/live", include_in_schema=False)
    @router.get("/health/live", operation_id="HealthLive", summary="Is the process alive")
    async def live() -> JSONResponse:
        """Always 200: whoever can answer is alive."""
        return JSONResponse({"status": "live"})

    @router.head("/health/ready", include_in_schema=False)
    @router.get(
        "/health/ready",
        operation_id="HealthReady",
        summary="Can requests be served",
        responses={503: {"description": "Not yet, or no more; `reason` says why."}},
    )
    async def ready() -> JSONResponse:
        """200 once recovery is done; 503 with the reason before that, while the server drains, and while
        writes are refused because the device is full or a log has stopped. Reads may go on then."""
        reason = health.complaint
        if not reason:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "unready", "reason": reason}, 503, {"retry-after": "1"})

    @router.head("/metrics", include_in_schema=False)
    @router.get("/metrics", operation_id="Metrics", summary="Metrics for Prometheus")
    async def read_metrics() -> Response:
        """Counters of all worker processes in the Prometheus text format."""
        return Response(metrics(), media_type=METRICS_TYPE)

    return router
