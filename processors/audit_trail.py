"""The audit trail on disk: JSON lines, each bound to the one before it by a SHA-256 chain.

    {"n":17,"prev":"<hash of line 16>", … ,"hash":"<SHA-256 of this line up to this field>"}

Files are named by the number of their first line. `head` names the last line that is durable, so that
a trail cut short at its end is noticed too.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from schemas.errors import StorageFull, StrandlineError

FILE_BYTES = 64 * 1024 * 1024
FIRST_PREV = "0" * 64
HASH_FIELD = b',"hash":"'
_json = msgspec.json.Encoder()


class AuditDamaged(StrandlineError):
    """A line that does not fit the chain: names the file, the line and what is wrong with it."""


class Head(NamedTuple):
    """The last line: its number (0: none yet), its hash, and how far it got with each source."""

    n: int
    hash: str
    sources: dict[str, int]


def chain(n: int, prev: str, fields: dict[str, Any]) -> tuple[bytes, str]:
    """One line, and its hash."""
    body = _json.encode({"n": n, "prev": prev, **fields})[:-1]
    digest = hashlib.sha256(body).hexdigest()
    return body + HASH_FIELD + digest.encode() + b'"}\n', digest


class AuditTrail:
    """The only writer of the trail."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.head = self._recover()
        self._file: int | None = None
        self._size = 0

    def append(self, records: list[dict[str, Any]], sources: dict[str, int]) -> None:
        """Write the records as lines and make them durable. `sources` maps a topic to the offset after
        the last one that these records come from. Raises StorageFull, with nothing appended."""
        n, prev, _ = self.head
        lines = []
        for fields in records:
            n += 1
            line, prev = chain(n, prev, fields)
            lines.append(line)
        data = b"".join(lines)
        file = self._open()
        try:
            if data:
                _write_fully(file, data, self._size)
            os.fdatasync(file)
            head = Head(n, prev, {**self.head.sources, **sources})
            self._write_head(head)
        except OSError as error:
            os.ftruncate(file, self._size)
            raise StorageFull(f"cannot write the audit trail in {self._folder}: {error.strerror}") from error
        self._size += len(data)
        self.head = head
        if self._size >= FILE_BYTES:
            self.close()

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def drop_before(self, milliseconds: int) -> int:
        """Remove whole files last written before that moment, but never the newest; returns how many."""
        files = trail_files(self._folder)[:-1]
        old = [path for path in files if path.stat().st_mtime * 1000 < milliseconds]
        for path in old:
            path.unlink()
        return len(old)

    def _open(self) -> int:
        if self._file is None:
            files = trail_files(self._folder)
            if files and files[-1].stat().st_size < FILE_BYTES:
                path = files[-1]
            else:
                path = self._folder / f"audit-{self.head.n + 1:020d}.jsonl"
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._size = os.fstat(self._file).st_size
            _sync_folder(self._folder)
        return self._file

    def _write_head(self, head: Head) -> None:
        temporary = self._folder / "head.new"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _write_fully(descriptor, json.dumps(head._asdict()).encode() + b"\n", 0)
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, self._folder / "head")

    def _recover(self) -> Head:
        """Cut what was written after the last durable head: its records come again from the log."""
        head = read_head(self._folder)
        files = trail_files(self._folder)
        while files:
            cut = _end_of_line(files[-1], head.n)
            if cut is not None:
                with files[-1].open("r+b") as file:
                    file.truncate(cut)
                break
            first = int(files[-1].stem.removeprefix("audit-"))
            if first <= head.n:
                raise AuditDamaged(f"{files[-1]}: line {head.n}, the last durable one, is missing")
            files.pop().unlink()
        return head


def trail_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("audit-*.jsonl"))


def read_head(folder: Path) -> Head:
    """The durable head; Head(0, …) of a new trail. Raises AuditDamaged when it cannot be read."""
    try:
        text = (folder / "head").read_bytes()
    except FileNotFoundError:
        return Head(0, FIRST_PREV, {})
    try:
        return Head(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise AuditDamaged(f"{folder / 'head'} cannot be read: {error}") from error


def verify_trail(folder: Path) -> int:
    """Check every line of the trail against the chain; returns how many there are.

    Raises AuditDamaged at the first line that does not fit. A trail whose oldest files were dropped by
    retention begins at the first line that is left.
    """
    head = read_head(folder)
    number: int | None = None
    prev = FIRST_PREV
    count = 0
    for path, place, line in _lines(folder):
        body, found, tail = line.rpartition(HASH_FIELD)
        digest = hashlib.sha256(body).hexdigest()
        if not found or tail != digest.encode() + b'"}\n':
            raise AuditDamaged(f"{path}:{place}: the line does not match its hash")
        fields = json.loads(body + b"}")
        if number is not None and (fields["n"] != number + 1 or fields["prev"] != prev):
            raise AuditDamaged(f"{path}:{place}: the line does not follow line {number}")
        number, prev = fields["n"], digest
        count += 1
        if number == head.n and digest != head.hash:
            raise AuditDamaged(f"{path}:{place}: line {number} is not the one that the head names")
    if (number or 0) < head.n:
        raise AuditDamaged(f"{folder}: the trail ends at line {number or 0}, its head names line {head.n}")
    return count


def _lines(folder: Path) -> Iterator[tuple[Path, int, bytes]]:
    for path in trail_files(folder):
        with path.open("rb") as file:
            for place, line in enumerate(file, start=1):
                yield path, place, line


def _end_of_line(path: Path, number: int) -> int | None:
    """The byte position behind that line of the file; None when it is not in there."""
    first = int(path.stem.removeprefix("audit-"))
    if number == first - 1:
        return 0
    position = 0
    with path.open("rb") as file:
        for n, line in enumerate(file, start=first):
            position += len(line)
            if n == number and line.endswith(b"\n"):
                return position
    return None


def _write_fully(descriptor: int, data: bytes, position: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, position)
        position += written
        view = view[written:]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
