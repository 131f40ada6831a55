"""Pages of listings."""

from typing import NamedTuple

from index.contract import ListEntry
from schemas.rows import ObjectVersion, Upload


class ObjectPage(NamedTuple):
    """One page of keys. `entries` and `prefixes` are each in order; together at most `limit`.
    `next_marker` is the last key or prefix of the page when `truncated`, else ""."""

    entries: list[ListEntry]
    prefixes: list[str]
    truncated: bool
    next_marker: str


class VersionPage(NamedTuple):
    """One page of versions, newest first within a key. `latest[i]` tells whether versions[i] is the head."""

    versions: list[ObjectVersion]
    latest: list[bool]
    prefixes: list[str]
    truncated: bool
    next_key: str
    next_version: str


class UploadPage(NamedTuple):
    """One page of uploads in progress, by key and upload id."""

    uploads: list[Upload]
    prefixes: list[str]
    truncated: bool
    next_key: str
    next_upload: str
