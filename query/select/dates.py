"""S3's date functions in DuckDB's SQL. Times are UTC throughout."""

import re

from schemas.errors import SelectRefused

# Of S3's patterns (User Guide, "Date functions"), as strftime has them; the longest come first.
_PATTERNS = {
    "yyyy": "%Y", "yy": "%y", "y": "%Y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%-m", "dd": "%d",
    "d": "%-d", "a": "%p", "hh": "%I", "h": "%-I", "HH": "%H", "H": "%-H", "mm": "%M", "m": "%-M",
    "ss": "%S", "s": "%-S", "SSSSSS": "%f", "SSS": "%g", "XXXXX": "Z", "XXXX": "Z", "XXX": "Z", "XX": "Z",
    "X": "Z", "xxx": "+00:00", "xx": "+0000", "x": "+00",
}  # fmt: skip
_LETTERS = re.compile(r"([A-Za-z])\1*")


def add(part: str, number: str, time: str) -> str:
    """A time so many parts later."""
    if part.startswith("TIMEZONE"):
        raise SelectRefused("EvaluatorInvalidArguments", f"{part} cannot be added to a time.")
    if part == "SECOND":
        return f"({time} + to_seconds(CAST({number} AS DOUBLE)))"
    return f"({time} + to_{part.lower()}s(CAST({number} AS INTEGER)))"


def difference(part: str, first: str, second: str) -> str:
    """How many whole parts lie between two times."""
    if part.startswith("TIMEZONE"):
        raise SelectRefused("EvaluatorInvalidArguments", f"Times cannot be compared by {part}.")
    return f"date_sub('{part.lower()}', {first}, {second})"


def extract(part: str, time: str) -> str:
    """A part of a time."""
    if part.startswith("TIMEZONE"):
        return f"(CASE WHEN {time} IS NULL THEN NULL ELSE 0 END)"
    return f"CAST(date_part('{part.lower()}', {time}) AS BIGINT)"


def written(pattern: str) -> str:
    """A pattern of S3's in strftime's. Raises SelectRefused."""
    made, position = "", 0
    for found in _LETTERS.finditer(pattern):
        if found[0] not in _PATTERNS:
            raise SelectRefused(
                "EvaluatorTimestampFormatPatternSymbolNotSupported",
                f"The pattern {found[0]!r} is not supported.",
            )
        made += pattern[position : found.start()].replace("%", "%%") + _PATTERNS[found[0]]
        position = found.end()
    return made + pattern[position:].replace("%", "%%")
