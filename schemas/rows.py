"""Rows of the index: what the materializer derives from the log and every reader reads."""

from typing import Literal

import msgspec

from schemas.ids import NULL_VERSION
from schemas.manifest import Manifest

Versioning = Literal["unversioned", "enabled", "suspended"]
Permission = Literal["FULL_CONTROL", "READ", "WRITE", "READ_ACP", "WRITE_ACP"]
LockMode = Literal["GOVERNANCE", "COMPLIANCE"]
BucketStatus = Literal["open", "fenced", "deleted"]


class BucketLock(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """That a bucket has Object Lock, and for how many days new versions are kept unless they say otherwise
    (mode None: not at all)."""

    mode: LockMode | None = None
    days: int = 0


class ObjectLock(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What keeps a version from being removed: its retention, until a moment in Unix milliseconds (mode None:
    none), and its legal hold (None: it never had one)."""

    mode: LockMode | None = None
    retain_until: int = 0
    legal_hold: bool | None = None


class Configured(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """That a bucket has configurations of a kind.

    seq    the event that changed one of them last
    count  how many there are; more than 1 only of kinds whose configurations have ids
    """

    seq: int
    count: int


class Bucket(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A bucket. `epoch` grows with every change that decides the fate of its objects.

    created_at      Unix milliseconds
    key_id          the bucket key that wraps the data keys of new objects
    configurations  what it is configured with, by kind; the documents are rows of their own
    lock            None: it has no Object Lock
    """

    bucket_id: bytes
    name: str
    owner_id: str
    region: str
    created_at: int
    epoch: int
    versioning: Versioning = "unversioned"
    status: BucketStatus = "open"
    key_id: str = ""
    configurations: dict[str, Configured] = {}
    lock: BucketLock | None = None


class Configuration(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One configuration of a bucket (schemas.configurations).

    kind        "cors", "lifecycle" …
    identifier  tells those of a kind apart (an inventory's id …); "" where a bucket has one only
    seq         the event that set it
    document    schemas.configurations.documents
    """

    kind: str
    identifier: str
    seq: int
    document: bytes


class Identity(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One thing of an account that says who may do what: the account itself, a user, a role, a key …

    account   its number, 12 digits; "" for what belongs to the store
    kind      schemas.identities names them
    name      tells those of a kind apart within the account; "" for the account itself, whose row is written
              anew with every change in the account, so its seq is that of the last of them
    seq       the event that set it
    changed_at  commit time of that event, Unix milliseconds
    document  schemas.identities; None: it was removed, and the row stays to tell so
    """

    account: str
    kind: str
    name: str
    seq: int
    changed_at: int
    document: bytes | None = None


class BucketEpoch(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one object partition knows of a bucket: apply refuses events of an older epoch."""

    bucket_id: bytes
    epoch: int
    versioning: Versioning
    status: BucketStatus
    lock: BucketLock | None = None


class Usage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How much there is of a bucket, or of its share in one object partition.

    size      bytes of all versions, and of all parts of uploads in progress
    objects   keys that a listing shows
    versions  versions and delete markers
    """

    size: int = 0
    objects: int = 0
    versions: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.size + other.size, self.objects + other.objects, self.versions + other.versions)


class Checksum(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A checksum that the client asked to be kept. `algorithm` as botocore names it (CRC32, SHA256 …),
    `value` base64, with "-N" for a composite of N parts."""

    algorithm: str
    value: str
    type: Literal["FULL_OBJECT", "COMPOSITE"] = "FULL_OBJECT"


class Grant(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An entry of an ACL: who (a canonical user id, or the URI of a group) may do what."""

    grantee: str
    permission: Permission


class Encryption(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What protects a version beyond the key of its bucket: its data keys are wrapped under an object key
    first, and that one only its client, or the KMS, can unwrap.

    kind        customer: a key that nobody keeps but the client; kms: a key of the KMS
    secret      the object key, wrapped (access.customer_key, access.kms_envelope)
    key_id      of kms: the ARN of the key
    context     of kms: the encryption context that the client gave
    bucket_key  of kms: the object key is wrapped under a key of the bucket, and that one by the KMS
    """

    kind: Literal["customer", "kms"]
    secret: bytes
    key_id: str = ""
    context: dict[str, str] = {}
    bucket_key: bool = False


class Attributes(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a client says about an object beside its bytes.

    headers   system metadata under lower-case header names: content-type, cache-control,
              content-disposition, content-encoding, content-language, expires,
              x-amz-website-redirect-location
    metadata  user metadata, names lower case and without the x-amz-meta- prefix
    tags      object tags, in the order given
    acl       None: the owner has full control, and nobody else anything
    lock      what keeps the version from being removed, if anything does
    encryption  None: its data keys are wrapped under the key of its bucket alone
    """

    headers: dict[str, str] = {}
    metadata: dict[str, str] = {}
    storage_class: str = "STANDARD"
    tags: dict[str, str] = {}
    acl: tuple[Grant, ...] | None = None
    lock: ObjectLock | None = None
    encryption: Encryption | None = None


class ObjectVersion(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One version of a key: an object or a delete marker.

    version     "null" or 32 hex digits (schemas.ids.version_id)
    rank        orders the versions of a key, newest highest
    seq         the event that made it (schemas.seq)
    created_at  commit time, Unix milliseconds
    size        bytes of the object
    etag        without quotes
    manifest    None for a delete marker
    ended_seq, ended_at  the event and the moment at which it stopped being the head; 0 while it is
    upload_id   the multipart upload that it was completed from: Complete may be repeated, when its
                answer got lost
    restored_until  of an archived object: until when it can be read, Unix milliseconds; 0: never restored
    """

    key: str
    version: str
    rank: int
    seq: int
    created_at: int
    owner_id: str
    size: int = 0
    etag: str = ""
    attributes: Attributes = Attributes()
    checksum: Checksum | None = None
    manifest: Manifest | None = None
    delete_marker: bool = False
    ended_seq: int = 0
    ended_at: int = 0
    upload_id: str | None = None
    restored_until: int = 0

    @property
    def is_null(self) -> bool:
        return self.version == NULL_VERSION


class Upload(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A multipart upload in progress.

    part_seq  the seq of the part that landed last (0: none); Complete and Abort carry it, and apply
              refuses them when a part has landed since
    size      bytes of all its parts
    """

    key: str
    upload_id: str
    created_at: int
    seq: int
    owner_id: str
    initiator: str
    attributes: Attributes
    checksum_algorithm: str | None = None
    checksum_type: Literal["FULL_OBJECT", "COMPOSITE"] = "COMPOSITE"
    part_seq: int = 0
    size: int = 0


class Part(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A part of an upload in progress; `number` from 1 to 10,000, `modified_at` in Unix milliseconds."""

    number: int
    size: int
    etag: str
    modified_at: int
    manifest: Manifest
    seq: int
    checksum: Checksum | None = None
