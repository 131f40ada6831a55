"""Loops that run beside the requests and that nobody waits for."""

import asyncio
import logging
from collections.abc import Coroutine
from functools import partial

from schemas.errors import StrandlineError


def watched(loop: Coroutine[object, object, None], log: logging.Logger, what: str) -> "asyncio.Task[None]":
    """A task that runs a loop; when it fails, that `what` ("a processor") has stopped is said loudly: nobody
    else will."""
    task = asyncio.create_task(loop)
    task.add_done_callback(partial(_tell, log, what))
    return task


def _tell(log: logging.Logger, what: str, task: "asyncio.Task[None]") -> None:
    error = None if task.cancelled() else task.exception()
    if isinstance(error, StrandlineError):
        log.critical("%s has stopped: %s: %s", what, type(error).__name__, error.message)
    elif error is not None:
        log.error("%s has stopped", what, exc_info=error)
