"""Durable places of consumers: how far each has come in each partition. One small file, replaced whole."""

import os
import struct
from threading import Lock

import msgspec
from awscrt.checksums import crc32c

from disk.files import OUT_OF_SPACE, Files, make_directory, write_fully
from schemas.errors import LogCorrupt, StorageFull

POSITIONS_FILE = "positions"
POSITIONS_TEMPORARY = "positions.new"
POSITIONS_MAGIC = b"STRPOS\r\n"
POSITIONS_VERSION = 1
POSITIONS_FIELDS = struct.Struct("<8sIII")  # magic, version, length of the body, crc32c of the body


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Everything below `offset` of that partition is done with, as far as the consumer is concerned."""

    consumer: str
    topic: str
    partition: int
    offset: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Place])


class Positions:
    """The positions kept in a directory. One process commits; others may read. Safe for threads.

    Opening raises LogCorrupt for a damaged file: to start consumers from 0 instead is the operator's choice,
    made by removing the file.
    """

    def __init__(self, directory: str, files: Files | None = None) -> None:
        self._files = files or Files()
        self._directory = os.path.abspath(directory)
        self._path = os.path.join(self._directory, POSITIONS_FILE)
        self._durable = {(p.consumer, p.topic, p.partition): p.offset for p in read_places(self._path)}
        self._wanted = dict(self._durable)
        self._changes = 0  # made in memory
        self._written = 0  # of these, how many are in the file
        self._memory = Lock()
        self._file = Lock()

    def get(self, consumer: str, topic: str, partition: int) -> int:
        """The offset to go on from; 0 for a consumer never heard of."""
        return self._durable.get((consumer, topic, partition), 0)

    def places(self) -> list[Place]:
        """Every durable position, sorted: retention keeps what lies at or above the lowest."""
        return [Place(*key, offset) for key, offset in sorted(self._durable.items())]

    def commit(self, consumer: str, topic: str, partition: int, offset: int) -> None:
        """Durable when this returns. Commits made while another one is written share the next write.

        A lower offset than before is allowed: the consumer is to be fed again from there. Blocks for some
        milliseconds. Raises StorageFull and OSError; the next commit then tries to write this one too.
        """
        with self._memory:
            self._wanted[consumer, topic, partition] = offset
            self._changes += 1
            change = self._changes
        self._write_through(change)

    def forget(self, consumer: str) -> None:
        """Drop all positions of a consumer that is no more."""
        with self._memory:
            for key in [key for key in self._wanted if key[0] == consumer]:
                del self._wanted[key]
            self._changes += 1
            change = self._changes
        self._write_through(change)

    def _write_through(self, change: int) -> None:
        with self._file:
            if self._written >= change:
                return
            with self._memory:
                covers = self._changes
                offsets = dict(self._wanted)
            places = [Place(*key, offset) for key, offset in sorted(offsets.items())]
            try:
                self._replace(encode_places(places))
            except OSError as error:
                if error.errno in OUT_OF_SPACE:
                    raise StorageFull(f"no space for consumer positions in {self._directory}") from error
                raise
            self._durable = offsets
            self._written = covers

    def _replace(self, data: bytes) -> None:
        files, temporary = self._files, os.path.join(self._directory, POSITIONS_TEMPORARY)
        make_directory(files, self._directory)
        fd = files.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            write_fully(files, fd, data, 0)
            files.fdatasync(fd)
        finally:
            files.close(fd)
        files.rename(temporary, self._path)
        files.fsync_dir(self._directory)


def encode_places(places: list[Place]) -> bytes:
    body = _encoder.encode(places)
    return POSITIONS_FIELDS.pack(POSITIONS_MAGIC, POSITIONS_VERSION, len(body), crc32c(body)) + body


def read_places(path: str) -> list[Place]:
    """The positions in that file, none when it does not exist. Raises LogCorrupt."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return []
    body = data[POSITIONS_FIELDS.size :]
    if len(data) < POSITIONS_FIELDS.size:
        raise LogCorrupt(f"{path}: {len(data)} bytes are too few for consumer positions", file=path)
    magic, version, length, checksum = POSITIONS_FIELDS.unpack_from(data)
    if magic != POSITIONS_MAGIC or length != len(body) or checksum != crc32c(body):
        raise LogCorrupt(f"{path}: the consumer positions do not match their checksum", file=path)
    if version != POSITIONS_VERSION:
        raise LogCorrupt(
            f"{path}: format {version}; this program reads format {POSITIONS_VERSION}", file=path
        )
    return _decoder.decode(body)
