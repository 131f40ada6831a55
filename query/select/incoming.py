"""The object's bytes on their way to DuckDB: decompressed, cut to the records that are asked for, counted."""

import bz2
import os
import threading
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import zstandard

from query.select.spec import ScanRange
from schemas.errors import SelectRefused

PIECE = 256 * 1024
LINE_ENDS = ("\n", "\r\n")  # between records, as DuckDB knows them
RECORD_LIMIT = 1024**2  # bytes of a record (User Guide, "Requirements and limits")


class Incoming:
    """Pieces of the decompressed object. scanned, processed: how many bytes went by so far."""

    def __init__(
        self, stream: BinaryIO, compression: str, part: ScanRange | None, record: bytes, comments: bytes
    ) -> None:
        self._stream, self._compression, self._comments = stream, compression, comments
        self._part, self._record = part, record
        self.scanned = self.processed = 0
        self._pieces = self._all()
        self._held: list[bytes] = []

    def __iter__(self) -> Iterator[bytes]:
        yield from self._held
        self._held.clear()
        yield from self._pieces

    def first_record(self, quote: bytes) -> bytes:
        """The first record without its delimiter; it stays among the pieces. Raises SelectRefused."""
        data = b"".join(self._held)
        while (end := _end(data, self._record, quote)) < 0:
            piece = next(self._pieces, None)
            if piece is None:
                end = len(data)
                break
            data += piece
            if len(data) > RECORD_LIMIT + PIECE:
                raise SelectRefused("OverMaxRecordSize", "A record may have up to 1 MB.")
        self._held[:] = [data]
        return data[:end]

    def drop(self, size: int) -> None:
        """Leave out that many bytes of the first piece, and the delimiter behind them."""
        data = self._held[0][size:]
        self._held[0] = data.removeprefix(self._record)

    def _all(self) -> Iterator[bytes]:
        found = self._plain() if self._part is None else self._ranged(self._part)
        counted = self._counted(found)
        yield from _without_comments(counted, self._record, self._comments) if self._comments else counted

    def _counted(self, found: Iterator[bytes]) -> Iterator[bytes]:
        for piece in found:
            self.processed += len(piece)
            yield piece

    def _plain(self) -> Iterator[bytes]:
        expand = _expander(self._compression)
        try:
            while piece := self._stream.read1(PIECE):  # type: ignore[attr-defined]
                self.scanned += len(piece)
                yield from filter(None, expand(piece))
            if self.scanned and not expand.complete:
                raise SelectRefused("TruncatedInput", f"The object ends within its {self._compression} data.")
        except (zlib.error, zstandard.ZstdError, OSError, EOFError, ValueError) as error:
            raise SelectRefused(
                "InvalidCompressionFormat", f"The object is not {self._compression}: {error}."
            ) from error

    def _ranged(self, part: ScanRange) -> Iterator[bytes]:
        """Whole records that begin within the range."""
        position, data = 0, b""
        skipping, ending = part.start > 0, False
        for piece in self._plain():
            begin, position = position, position + len(piece)
            if position < part.start:
                continue
            data += piece[max(0, part.start - 1 - begin) :] if begin < part.start else piece
            if skipping:
                found = data.find(self._record)
                if found < 0:
                    data = data[-len(self._record) :]
                    continue
                data, skipping = data[found + len(self._record) :], False
            if position >= part.stop:
                # The record that holds the range's last byte is read to its end.
                place = max(0, len(data) - (position - part.stop) - 1)
                found = data.find(self._record, place)
                if found >= 0:
                    data, ending = data[: found + len(self._record)], True
            if data:
                yield data
            data = b""
            if ending:
                return


def _end(data: bytes, record: bytes, quote: bytes) -> int:
    """Where the first record ends; -1: not yet. A delimiter between quotes is none."""
    place = data.find(record)
    while place >= 0 and quote and data.count(quote, 0, place) % 2:
        place = data.find(record, place + 1)
    return place


def _split(pieces: Iterable[bytes], record: bytes) -> Iterator[list[bytes]]:
    """The records, some at a time, without their delimiters; what follows the last one is a record too."""
    data = b""
    for piece in pieces:
        *whole, data = (data + piece).split(record)
        if len(data) > RECORD_LIMIT:
            raise SelectRefused("OverMaxRecordSize", "A record may have up to 1 MB.")
        yield whole
    yield [data] if data else []


def _without_comments(pieces: Iterable[bytes], record: bytes, comments: bytes) -> Iterator[bytes]:
    for records in _split(pieces, record):
        yield b"".join(one + record for one in records if not one.startswith(comments))


def stand_in(record: str) -> str:
    """The character that stands for line feeds within fields, where `record` is between records."""
    return record if len(record.encode()) == 1 else "\x1e"


def with_line_feeds(pieces: Iterable[bytes], record: str) -> Iterator[bytes]:
    """Line feeds where the delimiter was, and the other way round."""
    if record in LINE_ENDS:
        yield from pieces
        return
    other = stand_in(record).encode()
    for records in _split(pieces, record.encode()):
        yield _exchanged(b"".join(one + other for one in records), other)


def _exchanged(data: bytes, other: bytes) -> bytes:
    return data.translate(bytes.maketrans(b"\n" + other, other + b"\n"))


def _expander(compression: str) -> "_AsIs | _Members":
    match compression:
        case "GZIP":
            return _Members(lambda: zlib.decompressobj(zlib.MAX_WBITS | 16))
        case "BZIP2":
            return _Members(bz2.BZ2Decompressor)
        case "ZSTD":
            return _Members(lambda: zstandard.ZstdDecompressor().decompressobj())
    return _AsIs()


class _AsIs:
    complete = True

    def __call__(self, piece: bytes) -> tuple[bytes]:
        return (piece,)


class _Members:
    """Takes pieces of compressed streams, one after the other, and gives what they were."""

    def __init__(self, make: Any) -> None:
        self._make, self._one = make, make()

    @property
    def complete(self) -> bool:
        """Whether the last stream has ended."""
        return bool(self._one.eof)

    def __call__(self, piece: bytes) -> Iterator[bytes]:
        while piece:
            if self._one.eof:
                self._one = self._make()
            yield self._one.decompress(piece)
            piece = self._one.unused_data if self._one.eof else b""


class Pipe:
    """Pieces as a file that can be read once, from a thread of its own. failure: what kept them back."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._reading, self._writing = os.pipe()
        self._pieces = pieces
        self.failure: SelectRefused | None = None
        self.path = f"/dev/fd/{self._reading}"
        threading.Thread(target=self._feed, daemon=True).start()

    def _feed(self) -> None:
        with os.fdopen(self._writing, "wb") as out:
            try:
                for piece in self._pieces:
                    out.write(piece)
            except BrokenPipeError:
                pass  # the answer needs no more
            except SelectRefused as failure:
                self.failure = failure


def in_memory(pieces: Incoming, limit: int) -> str:
    """The path of a file in memory with all pieces. Raises SelectRefused when there is more."""
    file = os.memfd_create("object", os.MFD_CLOEXEC)
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise SelectRefused(
                "OverMaxParquetBlockSize", f"A Parquet file may have up to {limit >> 20} MiB."
            )
        with memoryview(piece) as left:
            written = 0
            while written < len(left):
                written += os.write(file, left[written:])
    return f"/proc/self/fd/{file}"
