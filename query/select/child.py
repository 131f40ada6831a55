"""The child process of one query: `python -m query.select.child`. Reads a Spec and the object, writes frames.

DuckDB sees one file, the object; its access to all others and to the network is switched off, and so is the
way to switch it on. Memory and processor time are bounded, so that the server goes on whatever is asked.
"""

import json
import os
import resource
import secrets
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, BinaryIO

import duckdb
import msgspec

from query.select.incoming import LINE_ENDS, Incoming, Pipe, in_memory, stand_in, with_line_feeds
from query.select.outgoing import ABSENT, plain, writer_of
from query.select.parser import parse
from query.select.spec import (
    DONE,
    FAILED,
    PROGRESS,
    RECORDS,
    CsvInput,
    Failure,
    JsonInput,
    ParquetInput,
    Spec,
    Stats,
)
from query.select.syntax import Query
from query.select.translation import COLUMN, RECORD, Result, Translation, json_path, most_columns, string
from schemas.errors import SelectRefused

MIB = 1024 * 1024
MEMORY = 256 * MIB  # of DuckDB
PARQUET_LIMIT = 256 * MIB
ADDRESS_SPACE = 4096 * MIB
CPU_SECONDS = 300
COLUMNS_LIMIT = 4096
MORE_COLUMNS = 64  # than the first record may others have
ROWS = 1000  # fetched at a time
FRAME = 64 * 1024  # bytes of records in a frame, about


def main() -> int:
    """Exit code 0, also when the query failed: that is said in a frame."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    incoming, out = sys.stdin.buffer, sys.stdout.buffer
    size = int.from_bytes(incoming.read(4), "big")
    try:
        _answer(msgspec.json.decode(incoming.read(size), type=Spec), incoming, out)
    except SelectRefused as refused:
        _frame(out, FAILED, msgspec.json.encode(Failure(refused.code, refused.message)))
    except BrokenPipeError:
        os._exit(0)  # nobody wants the rest
    return 0


def _frame(out: BinaryIO, kind: bytes, data: bytes) -> None:
    out.write(kind + len(data).to_bytes(4, "big") + data)
    out.flush()


def _answer(spec: Spec, stream: BinaryIO, out: BinaryIO) -> None:
    delimiter, comments = "\n", ""
    if isinstance(spec.input, CsvInput):
        delimiter, comments = spec.input.record, spec.input.comments
    pieces = Incoming(stream, spec.compression, spec.range, delimiter.encode(), comments.encode())
    returned = 0
    for data in _records(spec, pieces):
        returned += len(data)
        _frame(out, RECORDS, data)
        _frame(out, PROGRESS, msgspec.json.encode(Stats(pieces.scanned, pieces.processed, returned)))
    _frame(out, DONE, msgspec.json.encode(Stats(pieces.scanned, pieces.processed, returned)))


def _records(spec: Spec, pieces: Incoming) -> Iterator[bytes]:
    """The answer's records, written, some at a time."""
    query = parse(spec.expression)
    headers, columns = None, None
    if isinstance(spec.input, CsvInput):
        headers, columns = _csv_columns(spec.input, query, pieces)
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    translation = Translation(query, columns, headers, now)
    results, where = translation.results(), translation.where()
    pipe = None
    if isinstance(spec.input, ParquetInput):
        path = in_memory(pieces, PARQUET_LIMIT)
    else:
        pipe = Pipe(
            with_line_feeds(pieces, spec.input.record) if isinstance(spec.input, CsvInput) else pieces
        )
        path = pipe.path
    selected = "*" if results is None else ", ".join(f"{one.sql} AS x{i}" for i, one in enumerate(results))
    sql = f"SELECT {selected} FROM {_source(spec, query, path, columns)}"
    sql += f" WHERE {where}" if where else ""
    sql += f" LIMIT {query.limit}" if query.limit is not None else ""
    names = _names(results, headers, columns)
    writer = writer_of(spec.output)
    try:
        cursor = connect(path).execute(sql)
        buffer: list[str] = []
        size = 0
        while rows := cursor.fetchmany(ROWS):
            for row in rows:
                record = writer.record(*_values(row, results, names, columns))
                buffer.append(record)
                size += len(record)
                if size >= FRAME:
                    yield "".join(buffer).encode("utf-8", "surrogatepass")
                    buffer, size = [], 0
        if buffer:
            yield "".join(buffer).encode("utf-8", "surrogatepass")
    except duckdb.Error as error:
        if pipe is not None and pipe.failure is not None:
            raise pipe.failure from error
        raise _refusal(spec, error) from error
    if pipe is not None and pipe.failure is not None:
        raise pipe.failure


def connect(path: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config={"threads": "1", "memory_limit": f"{MEMORY // MIB}MiB"})
    for setting in (
        "temp_directory = ''",
        f"allowed_paths = [{string(path)}]",
        "autoinstall_known_extensions = false",
        "autoload_known_extensions = false",
        "TimeZone = 'UTC'",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"SET {setting}")
    return connection


def _csv_columns(form: CsvInput, query: Query, pieces: Incoming) -> tuple[list[str] | None, int]:
    """The columns' names, where the object gives them, and how many there are."""
    record = pieces.first_record(form.quote.encode())
    try:
        text = record.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SelectRefused("InvalidTextEncoding", "The object is not UTF-8.") from None
    fields = _split(text.removesuffix("\r") if form.record == "\n" else text, form)
    if form.header != "NONE":
        pieces.drop(len(record))
    columns = max(len(fields), most_columns(query), 1)
    if columns > COLUMNS_LIMIT:
        raise SelectRefused("InvalidColumnIndex", f"A record may have up to {COLUMNS_LIMIT} columns.")
    if query.columns is None:
        columns += MORE_COLUMNS + 1  # in the last one nothing may be
    return (fields if form.header == "USE" else None), columns


def _split(record: str, form: CsvInput) -> list[str]:
    """The fields of a record."""
    fields, place, quoted = [""], 0, False
    escape = form.escape or form.quote
    while place < len(record):
        rest = record[place : place + 2]
        if quoted and len(rest) > 1 and rest[0] == escape and rest[1] in (form.quote, escape):
            fields[-1] += rest[1]
            place += 2
        elif form.quote and rest[0] == form.quote:
            quoted = not quoted
            place += 1
        elif not quoted and record.startswith(form.field, place):
            fields.append("")
            place += len(form.field)
        else:
            fields[-1] += rest[0]
            place += 1
    return fields


def _source(spec: Spec, query: Query, path: str, columns: int | None) -> str:
    """The records, as what stands after FROM."""
    file = string(path)
    match spec.input:
        case CsvInput() as form:
            if any(step != "*" for step in query.source):
                raise SelectRefused("InvalidKeyPath", "A CSV object has no paths below S3Object.")
            named = ", ".join(f"'{COLUMN}{number}': 'VARCHAR'" for number in range(1, (columns or 0) + 1))
            return (
                f"(SELECT {_columns(form, columns or 0)} FROM read_csv({file}, columns = {{{named}}}, "
                f"header = false, auto_detect = false, parallel = false, strict_mode = false, "
                f"null_padding = true, nullstr = '{secrets.token_hex(16)}', delim = {string(form.field)}, "
                f"quote = {string(form.quote)}, escape = {string(form.escape or form.quote)}, comment = '', "
                f"max_line_size = {2 * MIB}))"
            )
        case JsonInput(lines):
            written = "newline_delimited" if lines else "unstructured"
            return _below(
                f"(SELECT json AS {RECORD} FROM read_json_objects({file}, format = '{written}', "
                f"maximum_object_size = {64 * MIB}))",
                query,
            )
    return _below(f"(SELECT to_json(t) AS {RECORD} FROM read_parquet({file}) t)", query)


def _columns(form: CsvInput, columns: int) -> str:
    """The columns as they were before their delimiters were exchanged for line feeds."""
    names = [f"{COLUMN}{number}" for number in range(1, columns + 1)]
    if form.record in LINE_ENDS:
        return ", ".join(names)
    other = f"chr({ord(stand_in(form.record))})"
    return ", ".join(
        f"replace(translate({name}, chr(10) || {other}, {other} || chr(10)), {other}, {string(form.record)})"
        f" AS {name}"
        for name in names
    )


def _below(records: str, query: Query) -> str:
    """The records that the path after S3Object leads to; its first [*] is the records themselves."""
    path = query.source[1:] if query.source[:1] == ("*",) else query.source
    steps: list[Any] = []
    for step in path:
        if step == "*":
            every = f"{json_path(steps)[:-1]}[*]'"
            records = f"(SELECT unnest(json_extract({RECORD}, {every})) AS {RECORD} FROM {records})"
            steps = []
        else:
            steps.append(step)
    if steps:
        found = f"json_extract({RECORD}, {json_path(steps)})"
        records = f"(SELECT {found} AS {RECORD} FROM {records} WHERE {found} IS NOT NULL)"
    return records


def _names(results: list[Result] | None, headers: list[str] | None, columns: int | None) -> list[str]:
    """Of the answer's columns; of whole JSON records each has its own."""
    if results is not None:
        return [one.name for one in results]
    numbered = [f"_{number}" for number in range(1, (columns or 0) + 1)]
    return [*(headers or []), *numbered[len(headers or []) :]]


def _values(
    row: Sequence[Any], results: list[Result] | None, names: list[str], columns: int | None
) -> tuple[Sequence[str], Sequence[Any]]:
    """Names and values of one record."""
    if results is not None:
        return names, [_value(value, one.json) for value, one in zip(row, results, strict=True)]
    if columns is not None:
        if row[-1] is not None:
            raise SelectRefused(
                "CSVParsingError", f"A record has over {MORE_COLUMNS} fields more than the first one."
            )
        return names, [ABSENT if value is None else value for value in row]
    whole = json.loads(row[0])
    if isinstance(whole, dict):
        return list(whole), list(whole.values())
    return ["_1"], [whole]


def _value(value: Any, is_json: bool) -> Any:
    if is_json:
        return ABSENT if value is None else json.loads(value)
    return plain(value)


def _refusal(spec: Spec, error: duckdb.Error) -> SelectRefused:
    message = str(error).splitlines()[0][:400]
    if isinstance(error, duckdb.ConversionException):
        return SelectRefused("CastFailed", f"A value cannot be converted: {message}")
    if isinstance(error, duckdb.OutOfMemoryException):
        return SelectRefused("OverMaxRecordSize", f"The query needs more than {MEMORY // MIB} MiB of memory.")
    if isinstance(error, duckdb.OutOfRangeException):
        return SelectRefused("IntegerOverflow", message)
    kind = {CsvInput: "CSV", JsonInput: "JSON", ParquetInput: "Parquet"}[type(spec.input)]
    return SelectRefused(f"{kind}ParsingError", f"The object cannot be read as {kind}: {message}")


if __name__ == "__main__":
    sys.exit(main())
