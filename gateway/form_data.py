"""multipart/form-data as browsers send it (RFC 7578): fields first, then one file, which is streamed.

As in S3 the file comes last: what follows it is read and passed over.
"""

import re
from collections.abc import AsyncIterator

from schemas.errors import (
    FormTooLarge,
    InvalidArgument,
    MalformedForm,
    NotMultipartForm,
    WrongNumberOfFiles,
)

FIELDS_LIMIT = (
    20 * 1024
)  # bytes before the file's own, boundaries too: Amazon S3 API reference, "POST Object"
BOUNDARY_LIMIT = 70  # characters: RFC 2046 §5.1.1

_parameters = re.compile(r';[ \t]*([A-Za-z*-]+)=(?:"((?:\\"|[^"])*)"|([^;"]*))').findall
_boundary_of = re.compile(r'multipart/form-data[ \t]*;.*?boundary=(?:"([^"]+)"|([^\s;"]+))', re.IGNORECASE)


def boundary_of(content_type: str) -> bytes:
    """The boundary that Content-Type announces. Raises NotMultipartForm, MalformedForm."""
    if not content_type.lower().startswith("multipart/form-data"):
        raise NotMultipartForm()
    match = _boundary_of.match(content_type)
    boundary = (match[1] or match[2]) if match else ""
    if not 1 <= len(boundary) <= BOUNDARY_LIMIT or not boundary.isascii():
        raise MalformedForm()
    return boundary.encode()


class Form:
    """A form as it arrives. `read_fields` first; then `file` may be iterated, once.

    fields    by lower-case name, without the file
    filename  of the file, without the folders that some browsers put before it
    """

    def __init__(self, arriving: AsyncIterator[bytes], boundary: bytes) -> None:
        self.fields: dict[str, str] = {}
        self.filename = ""
        self._arriving = arriving
        self._delimiter = b"\r\n--" + boundary
        self._held = b"\r\n"  # so that the first boundary looks like all others
        self._before_file = 0

    async def read_fields(self) -> None:
        """Read up to the file's first byte.

        Raises MalformedForm, FormTooLarge, InvalidArgument (a field twice), WrongNumberOfFiles (no file),
        and what the body raises.
        """
        await self._until(self._delimiter)
        while not await self._at_end():
            name, filename = _disposition(await self._until(b"\r\n\r\n"))
            if name == "file":
                self.filename = re.split(r"[\\/]", filename)[-1]
                return
            value = await self._until(self._delimiter)
            if name in self.fields:
                raise InvalidArgument("POST form has a field twice.", ArgumentName=name, ArgumentValue="")
            self.fields[name] = _text(value)
        raise WrongNumberOfFiles(ArgumentName="file", ArgumentValue="0")

    async def file(self) -> AsyncIterator[bytes]:
        """The file's bytes. Raises MalformedForm when the form breaks off within."""
        delimiter = self._delimiter
        held, self._held = self._held, b""
        while True:
            end = held.find(delimiter)
            # Bytes that may be the beginning of a boundary wait for those that follow.
            ready = end if end >= 0 else len(held) - len(delimiter) + 1
            if ready > 0:
                yield held[:ready]
                held = held[ready:]
            if end >= 0:
                break
            data = await anext(self._arriving, b"")
            if not data:
                raise MalformedForm()
            held += data
        async for _ in self._arriving:
            pass

    async def _at_end(self) -> bool:
        """After a boundary: whether it was the last one, or else a part's header follows."""
        line = await self._until(b"\r\n", optional=True)
        if line.startswith(b"--"):
            return True
        if line.strip(b" \t"):
            raise MalformedForm()
        return False

    async def _until(self, mark: bytes, optional: bool = False) -> bytes:
        """The bytes up to a mark, which is taken too; `optional`: or up to the end of the body."""
        begin = 0
        while (found := self._held.find(mark, begin)) < 0:
            if len(self._held) + self._before_file > FIELDS_LIMIT:
                raise FormTooLarge()
            begin = max(0, len(self._held) - len(mark) + 1)
            data = await anext(self._arriving, b"")
            if not data:
                if optional and self._held.startswith(b"--"):
                    return self._held
                raise MalformedForm()
            self._held += data
        taken, self._held = self._held[:found], self._held[found + len(mark) :]
        self._before_file += found + len(mark)
        if self._before_file > FIELDS_LIMIT:
            raise FormTooLarge()
        return taken


def _disposition(header: bytes) -> tuple[str, str]:
    """Name (lower case) and filename in the header of a part. Raises MalformedForm."""
    for line in _text(header).split("\r\n"):
        field, _, value = line.partition(":")
        if field.strip().lower() == "content-disposition":
            kind, _, _ = value.partition(";")
            parameters = {
                name.lower(): (quoted or bare.strip()).replace('\\"', '"')
                for name, quoted, bare in _parameters(value)
            }
            if kind.strip().lower() == "form-data" and parameters.get("name"):
                return parameters["name"].lower(), parameters.get("filename", "")
    raise MalformedForm()


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise MalformedForm() from None
