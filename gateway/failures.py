"""What the ports of S3 and of websites do with what went wrong below them."""

import logging

from gateway.errors import DRAINING, INTERNAL, SLOW_DOWN, S3Error, s3_error
from gateway.in_progress import InProgress
from schemas.errors import StorageFull

logger = logging.getLogger(__name__)


class Refused(Exception):
    """The server is shutting down, or has as many requests in progress as it takes."""


def shape_of(error: Exception, request_id: bytes, inside: InProgress) -> S3Error:
    """How it is answered; what nobody foresaw is told in the server's log."""
    if isinstance(error, Refused):
        return DRAINING if inside.draining else SLOW_DOWN
    shape = s3_error(error)
    if shape is INTERNAL:
        logger.error("request %s failed", request_id.hex(), exc_info=error)
    elif shape.hidden and not isinstance(error, StorageFull):  # that is told once, not with every write
        logger.warning("request %s: %s: %s", request_id.hex(), type(error).__name__, error)
    return shape
