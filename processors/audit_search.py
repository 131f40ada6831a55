"""Looks requests up in the audit trail: by time, who asked, bucket, action or request id.

Files are read in their order, and only those that can hold what is asked for. A line is parsed only when it
holds every text that is asked for; its own hash is checked then, so what somebody altered is told, not shown.
"""

import contextlib
import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec

from processors.audit_lines import iso
from processors.audit_trail import first_number, open_line, read_head, trail_files
from schemas.audit import Found, Question

SCAN_BYTES = 64 * 1024 * 1024  # about how much one call of `search` reads

_TIME = re.compile(rb'"(?:eventTime|time)":"([0-9TZ:.-]{24})"')
_text = msgspec.json.Encoder().encode


def search(folder: Path, question: Question, limit: int, after: int = 0) -> Found:
    """Up to `limit` requests behind line `after`. It may find fewer than there are, even none, and name where
    to go on: it reads about SCAN_BYTES at a time.

    Among them are lines of type "lost", which tell how many requests of that time are not in the trail, and
    of type "damaged", which name a line that does not match its hash. Raises AuditDamaged when there is no
    head.
    """
    head = read_head(folder)
    wanted = _Wanted(question)
    lines: list[dict[str, Any]] = []
    read = 0
    for number, line in _lines(folder, after, head.n, wanted):
        if read >= SCAN_BYTES or len(lines) == limit:
            return Found(lines, number - 1)
        read += len(line)
        fields = wanted.taken(line, number)
        if fields is not None:
            lines.append(fields)
    return Found(lines, None)


class _Wanted:
    """What a question asks for, made ready for many lines."""

    def __init__(self, question: Question) -> None:
        self._question = question
        service, _, name = question.action.rpartition(":")
        self._source = f"{service}.amazonaws.com" if service else ""
        self._name = name
        self._since = "" if question.since is None else iso(question.since)
        self._until = "" if question.until is None else iso(question.until)
        texts = (question.bucket, name, question.request)
        self._texts = [_text(text) for text in texts if text]
        if question.principal:
            # A name may be the end of an ARN, and an id the beginning of one.
            self._texts.append(_text(question.principal)[1:-1])

    def written_before(self, path: Path) -> bool:
        """Whether all of the file is from before the time asked for."""
        since = self._question.since
        return since is not None and path.stat().st_mtime * 1000 < since

    def taken(self, line: bytes, number: int) -> dict[str, Any] | None:
        """The line, if it is wanted."""
        if b'"type":"lost"' not in line and not all(text in line for text in self._texts):
            return None
        if not self._in_time(line):
            return None
        fields = open_line(line)
        if fields is None:
            return {"type": "damaged", "n": number}
        if fields.get("type") == "lost":
            return fields
        return fields if "eventName" in fields and self._fits(fields) else None

    def _in_time(self, line: bytes) -> bool:
        """By the text alone: a quotation mark within a value is written with a backslash."""
        found = _TIME.search(line)
        if found is None:
            return True  # what it is shows when it is opened
        time = found[1].decode()
        return time >= self._since and (not self._until or time < self._until)

    def _fits(self, fields: dict[str, Any]) -> bool:
        question = self._question
        return (
            (not question.bucket or fields["requestParameters"].get("bucketName") == question.bucket)
            and (not self._name or fields["eventName"] == self._name)
            and (not self._source or fields["eventSource"] == self._source)
            and (not question.request or fields["requestID"] == question.request)
            and (not question.principal or question.principal in _names(fields["userIdentity"]))
        )


def _names(identity: dict[str, str]) -> set[str]:
    """Everything by which somebody may be asked for: all but what kind of identity it is."""
    return {value for name, value in identity.items() if name != "type"}


def _lines(folder: Path, after: int, last: int, wanted: _Wanted) -> Iterator[tuple[int, bytes]]:
    """Numbered lines behind `after`, up to the trail's last, of files that matter."""
    files = trail_files(folder)
    for path, following in zip_longest(files, files[1:]):
        if following is not None and first_number(following) <= after + 1:
            continue
        first = first_number(path)
        # Retention may have removed it since the files were listed.
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            if wanted.written_before(path):
                continue
            for number, line in enumerate(file, start=first):
                if number > last:
                    return
                if number > after:
                    yield number, line
