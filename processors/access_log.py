"""Lines and keys of access logs, in the format of S3's server access logs.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html gives the fields and their order,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html the keys.
"""

from datetime import UTC, datetime
from urllib.parse import quote

from schemas.access_record import AccessRecord
from schemas.configurations.logging import LoggingEnabled

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_VISIBLE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != '"')


def line(record: AccessRecord) -> str:
    """One line, without its end. What a client chose is escaped as in URLs, so that no request can break a
    line or a quoted field."""
    turn_around = record.turn_around
    fields = (
        record.owner,
        record.bucket,
        _moment(record.time),
        _plain(record.source),
        _plain(record.requester),
        record.request_id,
        record.operation,
        _plain(quote(record.key)),
        _quoted(record.uri),
        str(record.status),
        _plain(record.error),
        str(record.sent) if record.sent else "-",
        _number(record.size),
        _number(record.milliseconds),
        _number(turn_around),
        _quoted(record.referer),
        _quoted(record.user_agent),
        _plain(record.version),
        _plain(record.host_id),
        _plain(record.signature),
        "-",  # cipher suite: the HTTP server does not tell
        _plain(record.authentication),
        _plain(record.host),
        _plain(record.tls),
        "-",  # access point
        "Yes" if record.acl_required else "-",
    )
    return " ".join(fields)


def log_key(
    enabled: LoggingEnabled, account: str, region: str, bucket: str, event: int, delivered: int, unique: str
) -> str:
    """The key of an object with records of `bucket`, which belongs to the account of that number.

    event      when the requests came, Unix milliseconds: any moment of their day
    delivered  now, Unix milliseconds
    unique     tells it from others of the same second
    """
    form = enabled.target_object_key_format
    moment = datetime.fromtimestamp(delivered / 1000, UTC)
    partitioned = None if form is None else form.partitioned_prefix
    if partitioned is None:
        return f"{enabled.target_prefix}{moment:%Y-%m-%d-%H-%M-%S}-{unique}"
    if by_event_time(enabled):
        moment = datetime.fromtimestamp(event / 1000, UTC).replace(hour=0, minute=0, second=0)
    day = f"{moment:%Y/%m/%d}/{moment:%Y-%m-%d-%H-%M-%S}"
    return f"{enabled.target_prefix}{account}/{region}/{bucket}/{day}-{unique}"


def by_event_time(enabled: LoggingEnabled) -> bool:
    """Whether each day of requests gets objects of its own."""
    form = enabled.target_object_key_format
    partitioned = None if form is None else form.partitioned_prefix
    return partitioned is not None and partitioned.partition_date_source == "EventTime"


def _moment(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return f"[{moment:%d}/{_MONTHS[moment.month - 1]}/{moment:%Y:%H:%M:%S} +0000]"


def _number(value: int) -> str:
    return str(value) if value >= 0 else "-"


def _plain(text: str) -> str:
    """A field that stands without quotes, so it has no blanks either."""
    return quote(text, safe=_VISIBLE.replace(" ", "")) or "-"


def _quoted(text: str) -> str:
    return f'"{quote(text, safe=_VISIBLE) or "-"}"'
