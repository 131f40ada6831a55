"""What a SelectObjectContent document asks for, checked as S3 checks it."""

from typing import Any, NamedTuple

from msgspec import field

from gateway.xml import Element
from gateway.xml_structs import read_struct
from query.select.spec import CsvInput, CsvOutput, JsonInput, JsonOutput, ParquetInput, ScanRange, Spec
from schemas.configurations.element import S3Element
from schemas.errors import SelectRefused


class _CsvIn(S3Element, frozen=True):
    file_header_info: str = "NONE"
    comments: str = ""
    quote_escape_character: str | None = None
    record_delimiter: str = "\n"
    field_delimiter: str = ","
    quote_character: str = '"'
    allow_quoted_record_delimiter: bool = False


class _JsonIn(S3Element, frozen=True):
    type: str = ""


class _Parquet(S3Element, frozen=True):
    pass


class _Input(S3Element, frozen=True):
    csv: _CsvIn | None = field(default=None, name="CSV")
    compression_type: str = "NONE"
    json: _JsonIn | None = field(default=None, name="JSON")
    parquet: _Parquet | None = None


class _CsvOut(S3Element, frozen=True):
    quote_fields: str = "ASNEEDED"
    quote_escape_character: str | None = None
    record_delimiter: str = "\n"
    field_delimiter: str = ","
    quote_character: str = '"'


class _JsonOut(S3Element, frozen=True):
    record_delimiter: str = "\n"


class _Output(S3Element, frozen=True):
    csv: _CsvOut | None = field(default=None, name="CSV")
    json: _JsonOut | None = field(default=None, name="JSON")


class _Progress(S3Element, frozen=True):
    enabled: bool = False


class _Range(S3Element, frozen=True):
    start: int | None = None
    end: int | None = None


class _Document(S3Element, frozen=True, kw_only=True):
    expression: str
    expression_type: str
    request_progress: _Progress | None = None
    input_serialization: _Input
    output_serialization: _Output
    scan_range: _Range | None = None


class Wanted(NamedTuple):
    """progress: whether messages about it are asked for."""

    spec: Spec
    progress: bool


def read_select(root: Element, size: int) -> Wanted:
    """Of an object of that size. Raises MalformedXML, SelectRefused."""
    asked = read_struct(root, _Document)
    if asked.expression_type != "SQL":
        raise SelectRefused("InvalidExpressionType", "The ExpressionType is invalid: only SQL is supported.")
    progress = asked.request_progress is not None and asked.request_progress.enabled
    given = asked.input_serialization
    compression: Any = _one_of(
        given.compression_type,
        ("NONE", "GZIP", "BZIP2", "ZSTD"),
        "InvalidCompressionFormat",
        "CompressionType",
    )
    source = _input(given)
    if isinstance(source, ParquetInput) and compression != "NONE":
        raise SelectRefused("InvalidRequestParameter", "Parquet objects cannot be compressed as a whole.")
    part = None if asked.scan_range is None else _range(asked.scan_range, source, compression, size)
    spec = Spec(asked.expression, source, _output(asked.output_serialization), compression, part)
    return Wanted(spec, progress)


def _input(given: _Input) -> CsvInput | JsonInput | ParquetInput:
    if sum(one is not None for one in (given.csv, given.json, given.parquet)) != 1:
        raise SelectRefused("InvalidDataSource", "InputSerialization needs one of CSV, JSON and Parquet.")
    if given.csv is not None:
        csv = given.csv
        header: Any = _one_of(
            csv.file_header_info, ("NONE", "USE", "IGNORE"), "InvalidFileHeaderInfo", "FileHeaderInfo"
        )
        return CsvInput(
            header, _text("FieldDelimiter", csv.field_delimiter, 1, 2),
            _text("RecordDelimiter", csv.record_delimiter, 1, 2),
            _text("QuoteCharacter", csv.quote_character, 0, 1),
            _text("QuoteEscapeCharacter", csv.quote_escape_character or csv.quote_character, 0, 1),
            _text("Comments", csv.comments, 0, 1),
        )  # fmt: skip
    if given.json is not None:
        return JsonInput(
            _one_of(given.json.type, ("DOCUMENT", "LINES"), "InvalidJsonType", "Type") == "LINES"
        )
    return ParquetInput()


def _output(given: _Output) -> CsvOutput | JsonOutput:
    if (given.csv is None) == (given.json is None):
        raise SelectRefused("InvalidDataSource", "OutputSerialization needs one of CSV and JSON.")
    if given.json is not None:
        return JsonOutput(given.json.record_delimiter)
    assert given.csv is not None
    csv = given.csv
    always = (
        _one_of(csv.quote_fields, ("ALWAYS", "ASNEEDED"), "InvalidQuoteFields", "QuoteFields") == "ALWAYS"
    )
    return CsvOutput(
        always, csv.field_delimiter, csv.record_delimiter, csv.quote_character,
        csv.quote_escape_character or csv.quote_character,
    )  # fmt: skip


def _range(
    given: _Range, source: CsvInput | JsonInput | ParquetInput, compression: str, size: int
) -> ScanRange:
    if isinstance(source, ParquetInput) or source == JsonInput(False) or compression != "NONE":
        raise SelectRefused(
            "UnsupportedScanRangeInput", "Scan ranges need CSV or JSON lines that are not compressed."
        )
    start, end = given.start, given.end
    if start is None:
        if end is None or end < 0:
            raise SelectRefused(
                "InvalidScanRange", "A scan range needs a Start or an End that is not negative."
            )
        return ScanRange(max(0, size - end), size)
    if start < 0 or (end is not None and end < start) or start >= max(size, 1):
        raise SelectRefused(
            "InvalidScanRange", f"The scan range {start} to {end} does not lie in {size} bytes."
        )
    return ScanRange(start, size if end is None else min(end + 1, size))


def _one_of(value: str, allowed: tuple[str, ...], code: str, name: str) -> str:
    if value.upper() not in allowed:
        raise SelectRefused(code, f"The {name} {value!r} is invalid: it must be one of {', '.join(allowed)}.")
    return value.upper()


def _text(name: str, value: str, least: int, most: int) -> str:
    if not least <= len(value) <= most or "\0" in value:
        raise SelectRefused(
            "InvalidRequestParameter",
            f"The {name} {value!r} is invalid: it has {least} to {most} characters.",
        )
    return value
