"""After a restart: is all that was acknowledged there, and nothing by halves?"""

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator

from tests.faults.ledger import Ledger, Lost
from tests.faults.writers import Writer
from tests.s3.raw import Raw


def inspect(raw: Raw, writers: list[Writer], ledger: Ledger) -> None:
    """Compare the whole store with what the clients were told. Raises Lost."""
    listed = {entry.findtext("{*}Key"): entry for entry in _pages(raw, writers[0].plain)}
    for key in ledger.possible:
        _check_plain(raw, writers[0].plain, key, ledger, listed.pop(key, None))
    if listed:
        raise Lost(f"keys in the listing that nobody wrote: {sorted(map(str, listed))}")
    versions: dict[str, list[tuple[str, bool]]] = {}
    for key, version_id, marker in _versions(raw, writers[0].versioned):
        versions.setdefault(key, []).append((version_id, marker))
    for writer in writers:
        for key in writer.keys:
            _check_versions(raw, writer, key, versions.pop(key, []))
        _check_uploads(raw, writer)
    if versions:
        raise Lost(f"versions that nobody wrote: {versions}")


def _read(raw: Raw, target: str) -> tuple[bytes | None, dict[str, str]]:
    answer = raw.send("GET", target)
    if answer.status == 404:
        return None, answer.headers
    if answer.status != 200:
        raise Lost(f"GET {target}: {answer.status} {answer.body[:500]!r}")
    return answer.body, answer.headers


def _check_plain(raw: Raw, bucket: str, key: str, ledger: Ledger, entry: ElementTree.Element | None) -> None:
    found, headers = _read(raw, f"/{bucket}/{key}")
    ledger.settle(key, found)
    if (entry is None) != (found is None):
        raise Lost(f"{key} is {'not ' if entry is None else ''}in the listing, but GET says otherwise")
    if entry is not None and found is not None:
        told = entry.findtext("{*}Size"), entry.findtext("{*}ETag")
        if told != (str(len(found)), headers["etag"]):
            raise Lost(f"{key}: the listing says {told}, GET {len(found)} {headers['etag']}")


def _check_versions(raw: Raw, writer: Writer, key: str, found: list[tuple[str, bool]]) -> None:
    history = writer.histories[key]
    versions = history.settle(key, found)
    for version in versions:
        target = f"/{writer.versioned}/{key}?versionId={version.version_id}"
        if version.write is None:
            status = raw.send("GET", target).status
            if status != 405:
                raise Lost(f"{target} is a delete marker, yet GET answers {status}")
        elif _read(raw, target)[0] != version.write.content():
            raise Lost(f"{target} has other bytes than were written")
    head = versions[0].write if versions else None
    if _read(raw, f"/{writer.versioned}/{key}")[0] != (None if head is None else head.content()):
        raise Lost(f"{key}: the current version is not {versions[:1]}")


def _check_uploads(raw: Raw, writer: Writer) -> None:
    """Acknowledged uploads are open with their acknowledged parts, unless their end was under way."""
    for upload in list(writer.uploads):
        answer = raw.send("GET", f"/{writer.plain}/{upload.key}?uploadId={upload.upload_id}")
        if answer.status == 404 and upload.ending:
            writer.uploads.remove(upload)
            continue
        if answer.status != 200:
            raise Lost(
                f"upload {upload.upload_id} of {upload.key} is lost: {answer.status} {answer.body[:300]!r}"
            )
        upload.ending = False
        found = {
            int(part.findtext("{*}PartNumber") or 0): (part.findtext("{*}ETag"), part.findtext("{*}Size"))
            for part in ElementTree.fromstring(answer.body).iterfind("{*}Part")
        }
        for part in upload.parts:
            if found.pop(part.number, None) != (part.etag, str(part.write.size)):
                raise Lost(f"part {part.number} of {upload.key} is lost or another: {found}")
        if len(found) > 1:
            raise Lost(f"parts of {upload.key} that nobody sent: {found}")


def _pages(raw: Raw, bucket: str) -> Iterator[ElementTree.Element]:
    after = ""
    while True:
        query = f"?list-type=2&max-keys=7&start-after={after.replace('/', '%2F')}"
        page = _listing(raw, f"/{bucket}{query}")
        entries = page.findall("{*}Contents")
        yield from entries
        if page.findtext("{*}IsTruncated") != "true":
            return
        after = entries[-1].findtext("{*}Key") or ""


def _versions(raw: Raw, bucket: str) -> Iterator[tuple[str, str, bool]]:
    """(key, version id, is a marker) of the whole bucket, newest first within a key."""
    key, version = "", ""
    while True:
        query = "?max-keys=100"
        if key:
            query = f"?key-marker={key.replace('/', '%2F')}&max-keys=100&version-id-marker={version}"
        page = _listing(raw, f"/{bucket}{query}&versions=")
        for entry in page:
            kind = entry.tag.rpartition("}")[2]
            if kind in ("Version", "DeleteMarker"):
                key, version = entry.findtext("{*}Key") or "", entry.findtext("{*}VersionId") or ""
                yield key, version, kind == "DeleteMarker"
        if page.findtext("{*}IsTruncated") != "true":
            return


def _listing(raw: Raw, target: str) -> ElementTree.Element:
    answer = raw.send("GET", target)
    if answer.status != 200:
        raise Lost(f"GET {target}: {answer.status} {answer.body!r}")
    return ElementTree.fromstring(answer.body)
