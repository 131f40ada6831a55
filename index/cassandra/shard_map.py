"""How a bucket is cut into key ranges, and the steps by which a range moves: pure data.

A shard covers the keys from its start up to the next shard's. While it is being moved, its range is laid out
anew in pieces, numbered like shards. At every moment all who use the map, or the one before it, agree:

    step     readers read      writers write
    ------   ---------------   --------------------------------
    settled  the shard         the shard
    filling  the shard         both; then its rows are copied
    filled   the pieces        both
    settled  the pieces        the pieces; then the old rows go

Neighbours that have become small are moved into one piece together.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from index.records import name_seed, open_row, seal_row


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """A range of keys by its first key, and the number that its rows are filed under. Numbers are never
    used again in a bucket."""

    start: str
    number: int


class Shard(msgspec.Struct, frozen=True, array_like=True):
    """A range; `into` is what it is being moved to, `filled` tells that the pieces have every row."""

    start: str
    number: int
    into: tuple[Piece, ...] = ()
    filled: bool = False


class Range(NamedTuple):
    """Where to read: a number, and the first key that is not in it (None: it has no end)."""

    number: int
    stop: str | None


class ShardMap:
    """The shards of a bucket in order of keys, the first one starting at ""."""

    def __init__(
        self, version: int, next_number: int, shards: Sequence[Shard], leftovers: Sequence[int] = ()
    ) -> None:
        """`leftovers` are numbers of shards that were moved away, and whose rows are still to be dropped."""
        self.version = version
        self.next_number = next_number
        self.shards = tuple(shards)
        self.leftovers = tuple(leftovers)
        reads: list[Piece] = []
        writes: list[tuple[str, tuple[int, ...]]] = []
        for shard in self.shards:
            for piece in shard.into if shard.filled else (Piece(shard.start, shard.number),):
                if not reads or reads[-1].number != piece.number:
                    reads.append(piece)
            if shard.into:
                writes += [(piece.start, (shard.number, piece.number)) for piece in shard.into]
            else:
                writes.append((shard.start, (shard.number,)))
        self._reads = reads
        self._read_starts = [piece.start for piece in reads]
        self._writes = [numbers for _, numbers in writes]
        self._write_starts = [start for start, _ in writes]

    def read_from(self, key: str) -> int:
        """The number under which the key's rows are read."""
        return self._reads[bisect_right(self._read_starts, key) - 1].number

    def write_to(self, key: str) -> tuple[int, ...]:
        """The numbers under which the key's rows are written."""
        return self._writes[bisect_right(self._write_starts, key) - 1]

    def ranges(self, start: str, stop: str | None) -> Iterator[Range]:
        """What to read, in order, for the keys from `start` up to, without, `stop`."""
        i = bisect_right(self._read_starts, start) - 1
        while i < len(self._reads) and (stop is None or self._read_starts[i] < stop):
            end = self._read_starts[i + 1] if i + 1 < len(self._reads) else None
            yield Range(self._reads[i].number, end)
            i += 1

    def numbers(self) -> set[int]:
        """Every number that has rows which are read."""
        return {piece.number for piece in self._reads}

    def unfilled(self) -> list[Shard]:
        return [shard for shard in self.shards if shard.into and not shard.filled]

    def filled(self) -> list[Shard]:
        return [shard for shard in self.shards if shard.filled]

    def split(self, number: int, starts: Sequence[str]) -> "ShardMap":
        """Begin to move a shard to pieces with those starts, the first of them the shard's own."""
        pieces = tuple(Piece(start, self.next_number + i) for i, start in enumerate(starts))
        return self._changed({number: pieces}, self.next_number + len(pieces))

    def join(self, numbers: Sequence[int]) -> "ShardMap":
        """Begin to move neighbours into one piece."""
        into: dict[int, tuple[Piece, ...]] = {
            shard.number: (Piece(shard.start, self.next_number),)
            for shard in self.shards
            if shard.number in numbers
        }
        return self._changed(into, self.next_number + 1)

    def fill(self) -> "ShardMap":
        """All pieces have every row: from now on they are read."""
        shards = [msgspec.structs.replace(shard, filled=bool(shard.into)) for shard in self.shards]
        return ShardMap(self.version + 1, self.next_number, shards, self.leftovers)

    def settle(self) -> "ShardMap":
        """Nobody reads a filled shard any more: its pieces are shards, and its rows are left over."""
        shards: list[Shard] = []
        for shard in self.shards:
            for piece in shard.into if shard.filled else (Piece(shard.start, shard.number),):
                if not shards or shards[-1].number != piece.number:
                    kept = () if shard.filled else shard.into
                    shards.append(Shard(piece.start, piece.number, kept))
        left = (*self.leftovers, *(shard.number for shard in self.filled()))
        return ShardMap(self.version + 1, self.next_number, shards, left)

    def drop(self) -> "ShardMap":
        """What was left over is gone."""
        return ShardMap(self.version + 1, self.next_number, self.shards)

    def _changed(self, into: dict[int, tuple[Piece, ...]], next_number: int) -> "ShardMap":
        shards = [
            msgspec.structs.replace(shard, into=into.get(shard.number, shard.into)) for shard in self.shards
        ]
        return ShardMap(self.version + 1, next_number, shards, self.leftovers)


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    version: int
    next_number: int
    shards: tuple[Shard, ...]
    leftovers: tuple[int, ...]


_DECODER = msgspec.msgpack.Decoder(_Stored)

ONE_SHARD = ShardMap(0, 1, (Shard("", 0),))  # a bucket that was never cut


def encode_map(bucket_id: bytes, shard_map: ShardMap) -> bytes:
    stored = _Stored(shard_map.version, shard_map.next_number, shard_map.shards, shard_map.leftovers)
    return seal_row(stored, name_seed(bucket_id.hex()))


def decode_map(bucket_id: bytes, record: bytes) -> ShardMap:
    """Raises IndexCorrupt."""
    stored = open_row(record, name_seed(bucket_id.hex()), _DECODER, f"of table shards, {bucket_id.hex()}")
    return ShardMap(stored.version, stored.next_number, stored.shards, stored.leftovers)
