"""Blocks: a blob in a zone is a run of S3 objects, each with a fixed number of stored frames, the last fewer.

One request stores a block: so it can be sent again, to one zone or another, without the client's help, no
thread ever waits for a slow client, and a writer holds two blocks, not an object.
"""

from collections.abc import Iterator
from typing import NamedTuple

from blobs.frames import FRAME_SIZE, STORED_FRAME, crc_matches, frame_count

BLOCK_FRAMES = 16
BLOCK_BYTES = BLOCK_FRAMES * STORED_FRAME  # 4 MiB of plaintext
SLICE_FRAMES = 4  # read with one request


class Run(NamedTuple):
    """Frames inside one block: frame numbers in the extent, [first, stop)."""

    first: int
    stop: int

    @property
    def block(self) -> int:
        return self.first // BLOCK_FRAMES

    @property
    def offset(self) -> int:
        """Where they begin in the block, bytes."""
        return self.first % BLOCK_FRAMES * STORED_FRAME

    @property
    def most(self) -> int:
        """How many bytes they take when all are full; the extent's last frame may take fewer."""
        return (self.stop - self.first) * STORED_FRAME


def runs(begin: int, end: int) -> Iterator[Run]:
    """The frames that hold bytes [begin, end) of an extent, in runs that one request reads."""
    first, stop = begin // FRAME_SIZE, frame_count(end)
    while first < stop:
        block_end = (first // BLOCK_FRAMES + 1) * BLOCK_FRAMES
        following = min(first + SLICE_FRAMES, stop, block_end)
        yield Run(first, following)
        first = following


def is_undamaged(block: bytes) -> bool:
    """Whether every frame of a stored block matches its checksum. Needs no key."""
    view = memoryview(block)
    return bool(block) and all(
        crc_matches(view[start : start + STORED_FRAME]) for start in range(0, len(view), STORED_FRAME)
    )
