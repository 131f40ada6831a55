"""What a child process is told: the query, how the object is written, and how the answer is to be."""

from typing import Literal

import msgspec


class CsvInput(msgspec.Struct, frozen=True, tag="csv"):
    """header: whether the first record has the columns' names (USE), is passed over (IGNORE), or is data.
    comments: what begins a line that is passed over; "": nothing does."""

    header: Literal["NONE", "USE", "IGNORE"] = "NONE"
    field: str = ","
    record: str = "\n"
    quote: str = '"'
    escape: str = '"'
    comments: str = ""


class JsonInput(msgspec.Struct, frozen=True, tag="json"):
    """lines: a value on each line; else values one after the other."""

    lines: bool = False


class ParquetInput(msgspec.Struct, frozen=True, tag="parquet"):
    """A Parquet file."""


class CsvOutput(msgspec.Struct, frozen=True, tag="csv"):
    always: bool = False  # quotes around every field, not only where they are needed
    field: str = ","
    record: str = "\n"
    quote: str = '"'
    escape: str = '"'


class JsonOutput(msgspec.Struct, frozen=True, tag="json"):
    record: str = "\n"


class ScanRange(msgspec.Struct, frozen=True):
    """Records that begin at these bytes of the object, [start, stop)."""

    start: int
    stop: int


class Spec(msgspec.Struct, frozen=True):
    expression: str
    input: CsvInput | JsonInput | ParquetInput
    output: CsvOutput | JsonOutput
    compression: Literal["NONE", "GZIP", "BZIP2", "ZSTD"] = "NONE"
    range: ScanRange | None = None


class Stats(msgspec.Struct, frozen=True):
    """scanned: bytes of the object; processed: of what they were, decompressed; returned: of records."""

    scanned: int
    processed: int
    returned: int


class Failure(msgspec.Struct, frozen=True):
    """code: S3's."""

    code: str
    message: str


# What the child writes: one of these, the length of what follows (4 bytes, big-endian), and that.
RECORDS, PROGRESS, FAILED, DONE = b"R", b"P", b"E", b"D"
HEADER = 5
