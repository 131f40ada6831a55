"""Pages of listings as XML. The hot part: a page has a thousand entries, so each entry is one f-string.

Names are looked at once per page, not once each, to see whether any needs escaping.
"""

import math
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from time import time

from access.identity import Principal
from gateway.archived import restore_status
from gateway.xml import encode_all, escape, url_encode
from index.contract import ListEntry
from schemas.archive import is_restored
from schemas.rows import Checksum, ObjectVersion, Upload

_EPOCH = date(1970, 1, 1).toordinal()


@lru_cache(maxsize=4096)
def _day(number: int) -> str:
    """`2024-02-29T` of a day counted from 1970-01-01."""
    return date.fromordinal(number + _EPOCH).isoformat() + "T"


@lru_cache(maxsize=65_536)
def _second(second: int) -> str:
    day, rest = divmod(second, 86_400)
    hour, rest = divmod(rest, 3_600)
    return f"{_day(day)}{hour:02d}:{rest // 60:02d}:{rest % 60:02d}.000Z"


class Names:
    """Encodes names as the listing was asked to."""

    __slots__ = ("url",)

    def __init__(self, url: bool) -> None:
        self.url = url

    def one(self, text: str) -> str:
        return url_encode(text) if self.url else escape(text)

    def all(self, texts: list[str]) -> list[str]:
        return encode_all(texts, self.url)


def owner_element(owner_id: str, caller: Principal, element: str = "Owner") -> str:
    """An owner; with the display name where it is the caller's own."""
    name = f"<DisplayName>{escape(caller.display_name)}</DisplayName>" if owner_id == caller.id else ""
    return f"<{element}><ID>{escape(owner_id)}</ID>{name}</{element}>"


def contents(
    entries: list[ListEntry], names: Names, caller: Principal | None, restored: Mapping[str, int]
) -> str:
    """`Contents` elements; with owners when `caller` is given. `restored` tells of archived objects until
    when they can be read."""
    parts: list[str] = []
    add = parts.append
    rests: dict[tuple[str, str, str, str], tuple[str, str]] = {}
    encoded = names.all([entry.key for entry in entries])
    for key, (name, size, etag, created, storage, owner, algorithm, kind) in zip(
        encoded, entries, strict=True
    ):
        around = rests.get((storage, owner, algorithm, kind))
        if around is None:
            around = _around_size(storage, owner, algorithm, kind, caller)
            rests[(storage, owner, algorithm, kind)] = around
        before, after = around
        if restored and name in restored:
            after += restore_status(restored[name])
        add(
            f"<Contents><Key>{key}</Key><LastModified>{_second(created // 1000)}</LastModified>"
            f"<ETag>&quot;{etag}&quot;</ETag>{before}<Size>{size}</Size>{after}</Contents>"
        )
    return "".join(parts)


def _around_size(
    storage_class: str, owner_id: str, algorithm: str, kind: str, caller: Principal | None
) -> tuple[str, str]:
    """The elements before and after the size: the same for nearly every entry of a page."""
    owner = "" if caller is None else owner_element(owner_id, caller)
    return (
        _checksum(algorithm, kind) if algorithm else "",
        f"{owner}<StorageClass>{storage_class}</StorageClass>",
    )


def versions(
    rows: list[ObjectVersion], latest: list[bool], names: Names, caller: Principal, restores: bool
) -> str:
    """`Version` and `DeleteMarker` elements, in order; `restores`: with what is restored until when."""
    now = time() if restores else math.inf
    parts: list[str] = []
    encoded = names.all([row.key for row in rows])
    for key, row, newest in zip(encoded, rows, latest, strict=True):
        head = (
            f"<Key>{key}</Key><VersionId>{row.version}</VersionId>"
            f"<IsLatest>{'true' if newest else 'false'}</IsLatest>"
            f"<LastModified>{_second(row.created_at // 1000)}</LastModified>"
        )
        owner = owner_element(row.owner_id, caller)
        if row.delete_marker:
            parts.append(f"<DeleteMarker>{head}{owner}</DeleteMarker>")
        else:
            parts.append(
                f"<Version>{head}<ETag>&quot;{row.etag}&quot;</ETag>{_checksum_of(row.checksum)}"
                f"<Size>{row.size}</Size>{owner}"
                f"<StorageClass>{row.attributes.storage_class}</StorageClass>"
                f"{restore_status(row.restored_until) if is_restored(row, now) else ''}</Version>"
            )
    return "".join(parts)


def uploads(rows: list[Upload], names: Names, caller: Principal) -> str:
    """`Upload` elements, in order."""
    parts: list[str] = []
    encoded = names.all([row.key for row in rows])
    for key, row in zip(encoded, rows, strict=True):
        algorithm = row.checksum_algorithm
        parts.append(
            f"<Upload><Key>{key}</Key><UploadId>{escape(row.upload_id)}</UploadId>"
            f"{owner_element(row.initiator, caller, 'Initiator')}{owner_element(row.owner_id, caller)}"
            f"<StorageClass>{row.attributes.storage_class}</StorageClass>"
            f"<Initiated>{_second(row.created_at // 1000)}</Initiated>"
            f"{_checksum(algorithm, row.checksum_type) if algorithm else ''}</Upload>"
        )
    return "".join(parts)


def common_prefixes(prefixes: list[str], names: Names) -> str:
    return "".join(
        [f"<CommonPrefixes><Prefix>{one}</Prefix></CommonPrefixes>" for one in names.all(prefixes)]
    )


def _checksum_of(checksum: Checksum | None) -> str:
    return "" if checksum is None else _checksum(checksum.algorithm, checksum.type)


def _checksum(algorithm: str, kind: str) -> str:
    return f"<ChecksumAlgorithm>{algorithm}</ChecksumAlgorithm><ChecksumType>{kind}</ChecksumType>"
