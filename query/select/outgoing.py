"""Records of the answer, written as CSV or JSON."""

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from query.select.spec import CsvOutput, JsonOutput

ABSENT = object()  # a value that the record has not got
_LARGEST = 10**15  # up to here a whole number of DOUBLE is written without a fraction


def plain(value: Any) -> Any:
    """A value of DuckDB's as JSON has it."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST:
        return int(value)
    if isinstance(value, Decimal):
        return plain(float(value)) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        text = value.isoformat(timespec="milliseconds" if value.microsecond else "seconds")
        return f"{text}Z"
    return value


class CsvWriter:
    def __init__(self, form: CsvOutput) -> None:
        self._form = form
        self._special = tuple(part for part in (form.field, form.record, form.quote, "\r", "\n") if part)

    def record(self, names: Sequence[str], values: Sequence[Any]) -> str:
        """Values that are absent at the end are left out."""
        last = len(values)
        while last > 1 and values[last - 1] is ABSENT:
            last -= 1
        return self._form.field.join(map(self._field, values[:last])) + self._form.record

    def _field(self, value: Any) -> str:
        text = _text(value)
        form = self._form
        if not form.quote or not (form.always or any(part in text for part in self._special)):
            return text
        return f"{form.quote}{text.replace(form.quote, (form.escape or form.quote) + form.quote)}{form.quote}"


class JsonWriter:
    def __init__(self, form: JsonOutput) -> None:
        self._form = form

    def record(self, names: Sequence[str], values: Sequence[Any]) -> str:
        """Of names that are there twice the last value counts."""
        found = {name: value for name, value in zip(names, values, strict=True) if value is not ABSENT}
        return _json(found) + self._form.record


def writer_of(form: CsvOutput | JsonOutput) -> CsvWriter | JsonWriter:
    return CsvWriter(form) if isinstance(form, CsvOutput) else JsonWriter(form)


def _text(value: Any) -> str:
    if value is None or value is ABSENT:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return _json(value)
    return str(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
