"""What zones have of one blob: its blocks, who refers to it, whether somebody is about to free it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from blobs.s3 import names
from blobs.s3.zone import Listed

_BLOCK = re.compile(r"b([0-9a-f]{6})")
_REFERENCE = re.compile(r"ref-([0-9a-f]+)-([0-9a-f]{12})")
_FREEING = re.compile(r"freeing-([0-9a-f]{32})")


@dataclass
class BlobState:
    """The union of what the zones asked have of a blob.

    blocks   by zone: the size of each block by its number
    holders  when each second reference was recorded last (Unix milliseconds)
    gone     the primary has let go
    freeing  attempts to free it, under way or left by a crash, and the zones that have their mark
    names    by zone: every object of the blob
    """

    blocks: dict[str, dict[int, int]] = field(default_factory=dict)
    holders: dict[bytes, int] = field(default_factory=dict)
    gone: bool = False
    freeing: dict[bytes, set[str]] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, blob: bytes, listed: Mapping[str, Iterable[Listed]]) -> "BlobState":
        """From the listings of the blob's folder in each zone."""
        state, begin = cls(), len(names.folder(blob))
        for zone, objects in listed.items():
            state.blocks[zone], state.names[zone] = {}, []
            for one in objects:
                state.names[zone].append(one.name)
                state._add(zone, one.name[begin:], one.size)
        return state

    def _add(self, zone: str, entry: str, size: int) -> None:
        if match := _BLOCK.fullmatch(entry):
            self.blocks[zone][int(match[1], 16)] = size
        elif match := _REFERENCE.fullmatch(entry):
            holder, made = bytes.fromhex(match[1]), int(match[2], 16)
            self.holders[holder] = max(made, self.holders.get(holder, 0))
        elif match := _FREEING.fullmatch(entry):
            self.freeing.setdefault(bytes.fromhex(match[1]), set()).add(zone)
        elif entry == "gone":
            self.gone = True

    @property
    def sizes(self) -> dict[int, int]:
        """The size of every block that any zone has."""
        sizes: dict[int, int] = {}
        for blocks in self.blocks.values():
            for number, size in blocks.items():
                sizes[number] = max(size, sizes.get(number, 0))
        return sizes

    def without(self, attempt: bytes) -> set[str]:
        """The zones that were asked and do not have the mark of that attempt to free it."""
        return set(self.names) - self.freeing[attempt]

    @property
    def marks(self) -> set[str]:
        """The names of every reference, and of the mark that the primary has let go."""
        objects = (name for objects in self.names.values() for name in objects)
        return {name for name in objects if "/ref-" in name or name.endswith("/gone")}

    def is_whole_in(self, zone: str) -> bool:
        """Whether that zone has every block in its full size, and every mark."""
        return self.blocks.get(zone, {}) == self.sizes and self.marks <= set(self.names.get(zone, ()))

    def references_of(self, zone: str, holder: bytes) -> list[str]:
        """The names of that holder's references in a zone."""
        mark = f"/ref-{holder.hex()}-"
        return [name for name in self.names.get(zone, ()) if mark in name]
