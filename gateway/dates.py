"""Dates of the S3 wire: HTTP dates in headers, ISO 8601 in XML. Times inside are Unix milliseconds."""

import re
import time
from calendar import timegm
from functools import lru_cache

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_OF = {name: number for number, name in enumerate(_MONTHS, 1)}

# The three forms that RFC 9110 §5.6.7 asks a server to read: IMF-fixdate, RFC 850, asctime.
_NAME = "[A-Z][a-z]{2}"
_DAY, _MONTH, _YEAR = "(?P<day>[0-9 ][0-9])", f"(?P<month>{_NAME})", "(?P<year>[0-9]{4})"
_CLOCK = "(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_FORMS = (
    re.compile(f"{_NAME}, {_DAY} {_MONTH} {_YEAR} {_CLOCK} GMT"),
    re.compile(f"[A-Z][a-z]{{5,8}}, {_DAY}-{_MONTH}-(?P<year>[0-9]{{2}}) {_CLOCK} GMT"),
    re.compile(f"{_NAME} {_MONTH} {_DAY} {_CLOCK} {_YEAR}"),
)


@lru_cache(maxsize=65_536)
def _http_date_of_second(second: int) -> str:
    year, month, day, hour, minute, sec, weekday, _, _ = time.gmtime(second)
    return (
        f"{_DAYS[weekday]}, {day:02d} {_MONTHS[month - 1]} {year:04d} {hour:02d}:{minute:02d}:{sec:02d} GMT"
    )


def http_date(milliseconds: int) -> str:
    """`Sun, 06 Nov 1994 08:49:37 GMT`, the part of a second cut off (as Last-Modified has none)."""
    return _http_date_of_second(milliseconds // 1000)


def iso_date(milliseconds: int) -> str:
    """`1994-11-06T08:49:37.000Z`: S3 keeps whole seconds and writes the milliseconds as zeros."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(milliseconds // 1000))


def parse_http_date(text: str) -> int | None:
    """Unix seconds of an HTTP date, or None when it is not one (RFC 9110: ignore such a condition)."""
    for form in _FORMS:
        if match := form.fullmatch(text.strip()):
            return _seconds(match)
    return None


def _seconds(match: re.Match[str]) -> int | None:
    month = _MONTH_OF.get(match["month"])
    day, hour, minute, second = (int(match[name]) for name in ("day", "hour", "minute", "second"))
    if month is None or not 1 <= day <= 31 or hour > 23 or minute > 59 or second > 60:
        return None
    year = int(match["year"])
    if len(match["year"]) == 2:  # RFC 850: a year that looks more than 50 years ahead is in the past
        this_year = time.gmtime().tm_year
        year += this_year - this_year % 100
        year -= 100 * (year > this_year + 50)
    if year < 1970:
        return 0
    return timegm((year, month, day, hour, minute, second))
