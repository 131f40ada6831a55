"""Events: what is appended to the log. Each says what a client asked for; apply decides what became of it.

An event carries everything its application needs, resolved at ingest. The tag names the type and its
version ("object.put/1"); a type is never changed once released: a new version is a new class with an
upcaster from the old one. `rules` names the version of apply that the event was written for.
"""

import msgspec

from schemas.manifest import NO_BYTES, Manifest
from schemas.rows import (
    Attributes,
    Bucket,
    BucketLock,
    BucketStatus,
    Checksum,
    Grant,
    ObjectLock,
    Versioning,
)

OBJECT_VERSIONS = "object-versions"
POLICIES = "policies"
FACTS = "facts"
AUDIT = "audit"
RECEIPTS = "receipts"
DEAD_LETTERS = "dead-letters"

RULES_VERSION = 1
EVENT_LIMIT = 256 * 1024  # bytes of one encoded event


class Origin(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Who asked, and how: kept with every event and repeated in its fact.

    request_id  of the HTTP request or producer call, 16 bytes
    actor       the principal's id
    source      the client's address
    operation   S3 operation name
    region      set on events replicated from another region
    cause       set when another processor made the event (lifecycle, replication …)
    """

    request_id: bytes
    actor: str = ""
    source: str = ""
    operation: str = ""
    region: str | None = None
    cause: str | None = None


class Condition(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """If-Match and If-None-Match of a write, as unquoted ETags or "*"; decided against the head."""

    if_match: str | None = None
    if_none_match: str | None = None


class ObjectPut(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="object.put/1"):
    """A new version of a key: by PutObject, CopyObject or (with `upload_id`) CompleteMultipartUpload.

    nonce       8 random bytes that make the version id unique
    upload_seq  the seq of the upload's last part as ingest saw it
    discarded   bytes of parts that the completed object does not use
    expires     commit time, Unix milliseconds, after which apply refuses the event: by then a sweep may have
                freed the bytes that it brings; 0: never
    """

    origin: Origin
    bucket_id: bytes
    epoch: int
    key: str
    nonce: bytes
    owner_id: str
    size: int
    etag: str
    attributes: Attributes
    manifest: Manifest
    checksum: Checksum | None = None
    condition: Condition | None = None
    upload_id: str | None = None
    upload_seq: int = 0
    discarded: Manifest = NO_BYTES
    rules: int = RULES_VERSION
    expires: int = 0


class ObjectDelete(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="object.delete/1"):
    """Remove a key (`version` None: the object, or a delete marker is put on it) or one version for good.

    bypass_governance  pass over retention in GOVERNANCE mode
    """

    origin: Origin
    bucket_id: bytes
    epoch: int
    key: str
    nonce: bytes
    owner_id: str
    version: str | None = None
    condition: Condition | None = None
    rules: int = RULES_VERSION
    bypass_governance: bool = False


class ObjectUpdate(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="object.update/1"):
    """Change what is said about a version, in place (`version` None: about the object). Its bytes and its
    place among the versions stay; what is None is left as it is.

    tags          the whole new set
    acl           the whole new one
    retention     the whole new one; its legal hold counts for nothing
    legal_hold    on or off
    bypass_governance  less retention than is in force, where that is in GOVERNANCE mode
    restore_days  make an archived object readable for so many days; refused for one that is not archived
    """

    origin: Origin
    bucket_id: bytes
    epoch: int
    key: str
    version: str | None = None
    tags: dict[str, str] | None = None
    restore_days: int | None = None
    acl: tuple[Grant, ...] | None = None
    retention: ObjectLock | None = None
    legal_hold: bool | None = None
    bypass_governance: bool = False
    rules: int = RULES_VERSION


class UploadCreate(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="upload.create/1"):
    """Begin a multipart upload."""

    origin: Origin
    bucket_id: bytes
    epoch: int
    key: str
    upload_id: str
    owner_id: str
    attributes: Attributes
    checksum_algorithm: str | None = None
    checksum_type: str = "COMPOSITE"
    rules: int = RULES_VERSION


class PartPut(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="part.put/1"):
    """A part of an upload has landed; it replaces an earlier part of the same number. `expires` as of
    ObjectPut."""

    origin: Origin
    bucket_id: bytes
    epoch: int
    key: str
    upload_id: str
    number: int
    size: int
    etag: str
    manifest: Manifest
    checksum: Checksum | None = None
    rules: int = RULES_VERSION
    expires: int = 0


class UploadAbort(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="upload.abort/1"):
    """Give an upload up; `discarded` holds the bytes of all its parts as of `upload_seq`."""

    origin: Origin
    bucket_id: bytes
    epoch: int
    key: str
    upload_id: str
    upload_seq: int
    discarded: Manifest = NO_BYTES
    rules: int = RULES_VERSION


class EpochSet(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="bucket.epoch/1"):
    """Tell one object partition the bucket's new epoch; appended to every partition of the topic."""

    origin: Origin
    bucket_id: bytes
    epoch: int
    versioning: Versioning
    status: BucketStatus
    rules: int = RULES_VERSION
    lock: BucketLock | None = None


class BucketCreate(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="bucket.create/1"):
    """Make a bucket, if its name is free. `bucket.created_at` is overwritten by the commit time."""

    origin: Origin
    bucket: Bucket
    rules: int = RULES_VERSION


class BucketUpdate(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="bucket.update/1"):
    """Change a bucket's versioning or status, if its epoch is still `expected_epoch`.

    The new epoch is `expected_epoch` + 1. Status "deleted" removes the row and frees the name.
    """

    origin: Origin
    name: str
    bucket_id: bytes
    expected_epoch: int
    versioning: Versioning
    status: BucketStatus
    rules: int = RULES_VERSION


class BucketConfigure(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="bucket.configure/1"):
    """Set a configuration of a bucket, or remove it (`document` None). The last one wins.

    kind, identifier, document  as in schemas.rows.Configuration
    seen  kinds that the document was checked against, each with the seq it had then (0: not configured);
          apply refuses the event when one of them has changed since
    lock  of an Object Lock configuration: what it means. It decides the fate of objects, so the bucket's
          epoch grows
    replaces  the seq of the document that this one takes the place of; apply refuses the event when another
              one, or none, is there. None: whatever is there
    """

    origin: Origin
    name: str
    bucket_id: bytes
    kind: str
    identifier: str
    document: bytes | None
    seen: dict[str, int] = {}
    lock: BucketLock | None = None
    rules: int = RULES_VERSION
    replaces: int | None = None


class IdentityChange(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The new document of one identity, None to remove it (schemas.rows.Identity)."""

    account: str
    kind: str
    name: str
    document: bytes | None


class IdentitiesChange(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="identities.change/1"):
    """Set and remove identities of accounts, all of them or none.

    seen  the accounts concerned, each with the seq of the last change in it that the writer knew of (0:
          none); apply refuses the event when one of them has changed since. So whatever the writer checked
          (limits, names in use, what refers to what) still holds when the event is applied
    """

    origin: Origin
    seen: dict[str, int]
    changes: tuple[IdentityChange, ...]
    rules: int = RULES_VERSION


ObjectEvent = ObjectPut | ObjectDelete | ObjectUpdate | UploadCreate | PartPut | UploadAbort | EpochSet
BucketEvent = BucketCreate | BucketUpdate | BucketConfigure
PolicyEvent = BucketEvent | IdentitiesChange
Event = ObjectEvent | PolicyEvent

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Event] = msgspec.msgpack.Decoder(Event)


def encode_event(event: Event) -> bytes:
    """The event's bytes in the log (msgpack)."""
    return _encoder.encode(event)


def decode_event(payload: bytes) -> Event:
    """The event of those bytes; msgspec.DecodeError when they are not one."""
    return _decoder.decode(payload)
