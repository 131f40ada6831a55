"""The audit trail on disk: JSON lines, each bound to the one before it by a SHA-256 chain.

    {"n":17,"prev":"<hash of line 16>", … ,"hash":"<SHA-256 of this line up to this field>"}

Files are named by the number of their first line. `head` names the last line that is durable, so that
a trail cut short at its end is noticed too; it is there from the beginning, so its loss is noticed as well.
Lines behind the head were never acknowledged: they are cut at the next start and come again from the log.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from disk.files import OUT_OF_SPACE, Files, make_directory, write_fully
from disk.room import Room
from schemas.errors import StorageFull, StrandlineError

FILE_BYTES = 64 * 1024 * 1024
FIRST_PREV = "0" * 64
HASH_FIELD = b',"hash":"'
HEAD = "head"
HEAD_DRAFT = "head.new"
_json = msgspec.json.Encoder()


class AuditDamaged(StrandlineError):
    """A line or head that does not fit the chain: names the file, the line and what is wrong with it."""


class AuditUnwritable(StrandlineError):
    """The device failed while the trail was written; the same records may be appended again."""


class Head(NamedTuple):
    """The last line: its number (0: none yet), its hash, and how far it got with each source."""

    n: int
    hash: str
    sources: dict[str, int]


def chain(n: int, prev: str, fields: dict[str, Any]) -> tuple[bytes, str]:
    """One line, and its hash."""
    return _sealed({"n": n, "prev": prev, **fields})


class AuditTrail:
    """The only writer of the trail. Opening it raises AuditDamaged when a line or the head is missing.

    files  the file layer: fault tests put their own in
    room   how far the trail may fill the device
    """

    def __init__(self, folder: Path, files: Files | None = None, room: Room | None = None) -> None:
        self._folder = folder
        self._files = files or Files()
        self._room = room
        make_directory(self._files, str(folder))
        self._file: int | None = None
        self._size = 0
        self.head = self._recover()

    def append(self, records: list[dict[str, Any]], sources: dict[str, int]) -> None:
        """Write the records as lines and make them durable. `sources` maps a topic to the offset after
        the last one that these records come from. Raises StorageFull and AuditUnwritable: the same
        records, or more, are then to be appended again."""
        n, prev, _ = self.head
        lines = []
        for fields in records:
            n += 1
            line, prev = chain(n, prev, fields)
            lines.append(line)
        data = b"".join(lines)
        head = Head(n, prev, {**self.head.sources, **sources})
        if self._room is not None:
            self._room.take(len(data))
        try:
            self._write_lines(data, head)
            self._publish_head()
        except OSError as error:
            # Should the head be on disk nevertheless, then the same lines follow at the same place.
            kind = StorageFull if error.errno in OUT_OF_SPACE else AuditUnwritable
            raise kind(f"cannot write the audit trail in {self._folder}: {error.strerror}") from error
        self._size += len(data)
        self.head = head
        if self._size >= FILE_BYTES:
            self.close()

    def close(self) -> None:
        if self._file is not None:
            self._files.close(self._file)
            self._file = None

    def drop_before(self, milliseconds: int) -> int:
        """Remove whole files last written before that moment, oldest first, but never the newest; returns
        how many."""
        dropped = 0
        for path in trail_files(self._folder)[:-1]:
            if path.stat().st_mtime * 1000 >= milliseconds:
                break
            self._files.unlink(str(path))
            self._files.fsync_dir(str(self._folder))
            dropped += 1
        return dropped

    def _write_lines(self, data: bytes, head: Head) -> None:
        """Lines and draft of the head, durably; or, after an error, no lines."""
        file = self._open()
        try:
            if data:
                write_fully(self._files, file, data, self._size)
                self._files.fdatasync(file)
            self._draft_head(head)
        except OSError:
            with contextlib.suppress(OSError):
                self._files.ftruncate(file, self._size)
            raise

    def _open(self) -> int:
        if self._file is None:
            files = trail_files(self._folder)
            if files and files[-1].stat().st_size < FILE_BYTES:
                path = files[-1]
            else:
                path = self._folder / f"audit-{self.head.n + 1:020d}.jsonl"
            self._file = self._files.open(str(path), os.O_RDWR | os.O_CREAT)
            self._size = self._files.size(self._file)
            self._files.fsync_dir(str(self._folder))
        return self._file

    def _draft_head(self, head: Head) -> None:
        descriptor = self._files.open(str(self._folder / HEAD_DRAFT), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            write_fully(self._files, descriptor, _sealed(head._asdict())[0], 0)
            self._files.fdatasync(descriptor)
        finally:
            self._files.close(descriptor)

    def _publish_head(self) -> None:
        self._files.rename(str(self._folder / HEAD_DRAFT), str(self._folder / HEAD))
        # The log may be cut behind the head, so no power cut may bring an older one back.
        self._files.fsync_dir(str(self._folder))

    def _recover(self) -> Head:
        """Cut what was written after the last durable head: its records come again from the log."""
        files = trail_files(self._folder)
        if not files and not (self._folder / HEAD).exists():
            head = Head(0, FIRST_PREV, {})
            self._draft_head(head)
            self._publish_head()
            return head
        head = read_head(self._folder)
        while files:
            first = first_number(files[-1])
            if first <= head.n:
                self._cut(files[-1], _end_of_line(files[-1], head))
                return head
            self._files.unlink(str(files.pop()))
        if head.n:
            raise AuditDamaged(f"{self._folder}: line {head.n}, the last durable one, is missing")
        return head

    def _cut(self, path: Path, size: int) -> None:
        descriptor = self._files.open(str(path), os.O_RDWR)
        try:
            if self._files.size(descriptor) > size:
                self._files.ftruncate(descriptor, size)
        finally:
            self._files.close(descriptor)


def trail_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("audit-*.jsonl"))


def read_head(folder: Path) -> Head:
    """The durable head; Head(0, …) where there is no trail at all. Raises AuditDamaged when it is missing
    beside lines, or does not match its hash."""
    path = folder / HEAD
    try:
        line = path.read_bytes()
    except FileNotFoundError:
        if not trail_files(folder):
            return Head(0, FIRST_PREV, {})
        raise AuditDamaged(f"{path} is missing: nobody can say where the trail ends") from None
    body = _opened(line)
    if body is None:
        raise AuditDamaged(f"{path} does not match its hash")
    try:
        fields = msgspec.json.decode(body, type=dict[str, Any])
        return msgspec.convert([fields.get(name) for name in Head._fields], Head)
    except msgspec.MsgspecError as error:
        raise AuditDamaged(f"{path} cannot be read: {error}") from error


def verify_trail(folder: Path) -> int:
    """Check every line of the trail, up to its head, against the chain; returns how many there are.

    Raises AuditDamaged at the first line that does not fit. A trail whose oldest files were dropped by
    retention begins at the first line that is left. A server may be writing the trail meanwhile.
    """
    head = read_head(folder)
    number, prev = 0, FIRST_PREV
    count = 0
    for path, place, line in _lines(folder):
        if number >= head.n:
            break
        body = _opened(line)
        if body is None:
            raise AuditDamaged(f"{path}:{place}: the line does not match its hash")
        fields = msgspec.json.decode(body)
        if place == 1 and fields["n"] != first_number(path):
            raise AuditDamaged(f"{path}:1: it is line {fields['n']}, not the one that the file is named by")
        if (number or fields["n"] == 1) and (fields["n"] != number + 1 or fields["prev"] != prev):
            raise AuditDamaged(f"{path}:{place}: the line does not follow line {number}")
        number, prev = fields["n"], _digest_of(line)
        count += 1
        if number == head.n and prev != head.hash:
            raise AuditDamaged(f"{path}:{place}: line {number} is not the one that the head names")
    if number < head.n:
        raise AuditDamaged(f"{folder}: the trail ends at line {number}, its head names line {head.n}")
    return count


def open_line(line: bytes) -> dict[str, Any] | None:
    """What a line says; None when it does not match its hash."""
    body = _opened(line)
    return None if body is None else msgspec.json.decode(body, type=dict[str, Any])


def first_number(path: Path) -> int:
    """The number of a file's first line, which is its name. Raises AuditDamaged."""
    try:
        return int(path.stem.removeprefix("audit-"))
    except ValueError:
        raise AuditDamaged(f"{path} is not named by a line") from None


def _sealed(fields: dict[str, Any]) -> tuple[bytes, str]:
    """A line of JSON that ends with the hash of what is before it; and that hash."""
    body = _json.encode(fields)[:-1]
    digest = hashlib.sha256(body).hexdigest()
    return body + HASH_FIELD + digest.encode() + b'"}\n', digest


def _opened(line: bytes) -> bytes | None:
    """The JSON object that was sealed, without its hash; None when the two do not match."""
    body, found, tail = line.rpartition(HASH_FIELD)
    if not found or tail != hashlib.sha256(body).hexdigest().encode() + b'"}\n':
        return None
    return body + b"}"


def _digest_of(line: bytes) -> str:
    """The hash at the end of a line that was checked."""
    return line.rpartition(HASH_FIELD)[2][:64].decode()


def _lines(folder: Path) -> Iterator[tuple[Path, int, bytes]]:
    files = trail_files(folder)
    for path in files:
        place = 0
        with path.open("rb") as file:
            for place, line in enumerate(file, start=1):
                yield path, place, line
        if not place and path != files[-1]:
            raise AuditDamaged(f"{path} is empty, and another file follows")


def _end_of_line(path: Path, head: Head) -> int:
    """The byte position behind the line that the head names. Raises AuditDamaged when it is not there."""
    position = 0
    with path.open("rb") as file:
        for n, line in enumerate(file, start=first_number(path)):
            position += len(line)
            if n == head.n:
                if _opened(line) is None or _digest_of(line) != head.hash:
                    raise AuditDamaged(f"{path}: line {n} is not the one that the head names")
                return position
    raise AuditDamaged(f"{path}: line {head.n}, the last durable one, is missing")
