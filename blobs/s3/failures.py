"""What can go wrong with one zone, and which of it is worth another attempt."""

from xml.etree.ElementTree import ParseError

from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3.exceptions import HTTPError

from schemas.errors import ServiceUnavailable, StorageFull

# Whatever the client raises when a zone does not do as it was asked.
CLIENT_ERRORS = (MinioException, HTTPError, OSError, ParseError)

_FULL = {"XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientStorage", "QuotaExceeded"}
# Of S3's errors with a status below 500, those that another attempt may not meet.
_PASSING = {"RequestTimeout", "SlowDown", "OperationAborted", "TooManyRequests", "XMinioServerNotInitialized"}


class ZoneFailed(Exception):
    """A zone did not do what it was asked; the others may.

    passing  another attempt may do
    full     it has no space left
    """

    def __init__(self, zone: str, why: str, *, passing: bool = False, full: bool = False) -> None:
        super().__init__(f"zone {zone} {why}")
        self.zone, self.passing, self.full = zone, passing, full


class NotInZone(Exception):
    """The zone answered: it has no such object."""


def translate(zone: str, error: Exception) -> ZoneFailed | NotInZone:
    """What an error of the client means."""
    if not isinstance(error, S3Error):
        answered = isinstance(error, InvalidResponseError | ServerError)
        return ZoneFailed(zone, f"{'answers' if answered else 'does not answer'}: {error}", passing=True)
    if error.code in ("NoSuchKey", "InvalidRange"):
        return NotInZone(f"zone {zone}: {error.code}")
    why = f"refuses: {error.code}: {error.message}"
    if error.code in _FULL or error.response.status == 507:
        return ZoneFailed(zone, why, full=True)
    return ZoneFailed(zone, why, passing=error.response.status >= 500 or error.code in _PASSING)


def unavailable(what: str, failures: list[ZoneFailed]) -> StorageFull | ServiceUnavailable:
    """The domain error when too few zones did it."""
    message = f"{what}: {'; '.join(sorted(map(str, failures))) or 'no zone is left to ask'}"
    return StorageFull(message) if any(one.full for one in failures) else ServiceUnavailable(message)
