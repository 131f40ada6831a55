"""Loops that run beside the requests and that nobody waits for."""

import asyncio
import logging
from collections.abc import Coroutine

from schemas.errors import StrandlineError


async def told(loop: Coroutine[object, object, None], log: logging.Logger, what: str) -> None:
    """Run a loop; when it fails, say loudly that `what` ("a processor") has stopped: nobody else will."""
    try:
        await loop
    except asyncio.CancelledError:
        raise
    except StrandlineError as error:
        log.critical("%s has stopped: %s: %s", what, type(error).__name__, error.message)
    except Exception:
        log.exception("%s has stopped", what)
