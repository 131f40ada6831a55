"""The batch that is being decided: what was written since the last commit, held in memory.

Nothing of it is in Cassandra before the commit; loads see it on top of what is there.
"""

from collections.abc import Sequence

from index.cassandra.rows import (
    GONE,
    NULL_SLOT,
    BucketRows,
    EpochRow,
    IdentityRow,
    KeyRows,
    NameRow,
    PartRows,
    Row,
    UsageRow,
    seal_entry,
    seal_version,
    slot_of,
)
from index.contract import (
    Change,
    ClearHead,
    PutBucket,
    PutConfiguration,
    PutEpoch,
    PutIdentity,
    PutPart,
    PutUpload,
    PutUsage,
    PutVersion,
    RemoveBucket,
    RemoveConfiguration,
    RemoveUpload,
    RemoveVersion,
    SetHead,
)
from index.records import configuration_seed, epoch_seed, identity_seed, key_seed, name_seed, seal_row
from schemas.ids import NULL_VERSION
from schemas.rows import Bucket, BucketEpoch, Configuration, ObjectVersion, Part, Upload, Usage


class KeyChanges:
    """What the batch knows of one key. `head` and `below` (the null version under the head) count when
    `head_known` and `below_known` are set; else they are as in Cassandra."""

    __slots__ = ("below", "below_known", "entry", "head", "head_known", "listed", "uploads", "versions")

    def __init__(self) -> None:
        self.versions: dict[int, ObjectVersion | None] = {}
        self.head: ObjectVersion | None = None
        self.head_known = False
        self.below: ObjectVersion | None = None
        self.below_known = False
        self.entry: ObjectVersion | None = None
        self.listed = False  # whether `entry` counts
        self.uploads: dict[str, Upload | None] = {}

    def put(self, row: ObjectVersion) -> None:
        self.versions[slot_of(row.version, row.rank)] = row
        if row.ended_seq == 0:
            self.head, self.head_known = row, True
            if row.version == NULL_VERSION:
                self.below, self.below_known = None, True
        elif row.version == NULL_VERSION:
            self.below, self.below_known = row, True

    def remove(self, version: str, rank: int) -> None:
        slot = slot_of(version, rank)
        there = self.versions.get(slot)
        if there is not None and there.rank != rank:
            return  # the null version of that rank is overwritten in place
        self.versions[slot] = None
        if self.head is not None and slot == slot_of(self.head.version, self.head.rank):
            self.head = None
        if slot == NULL_SLOT:
            self.below, self.below_known = None, True

    def clear(self) -> None:
        """There is nothing to list: the head is a delete marker, or the key has no versions left."""
        self.entry, self.listed = None, True
        if self.head is None or not self.head.delete_marker:
            self.head, self.head_known = None, True
            self.below, self.below_known = None, True

    def rows(self, bucket_id: bytes, key: str) -> KeyRows:
        rows = KeyRows(bucket_id, key)
        rows.versions = {
            slot: GONE if row is None else seal_version(bucket_id, row) for slot, row in self.versions.items()
        }
        if self.head_known:
            rows.head = -1 if self.head is None else slot_of(self.head.version, self.head.rank)
        if self.below_known:
            rows.below = -1 if self.below is None else NULL_SLOT
        if self.listed:
            rows.entry = GONE if self.entry is None else seal_entry(bucket_id, self.entry)
        rows.uploads = {
            upload_id: GONE if row is None else seal_row(row, key_seed(bucket_id, key))
            for upload_id, row in self.uploads.items()
        }
        return rows


class Batch:
    """Changes as if one after the other."""

    def __init__(self) -> None:
        self.keys: dict[tuple[bytes, str], KeyChanges] = {}
        self.epochs: dict[tuple[int, bytes], BucketEpoch] = {}
        self.usage: dict[tuple[int, bytes], Usage] = {}
        self.names: dict[tuple[str, bytes], Bucket | None] = {}
        self.parts: dict[str, dict[int, Part]] = {}
        self.cleared_uploads: set[str] = set()
        self.configurations: dict[bytes, dict[tuple[str, str], Configuration | None]] = {}
        self.cleared_buckets: set[bytes] = set()
        self.identities: dict[tuple[str, str, str], PutIdentity] = {}

    def add(self, partition: int, changes: Sequence[Change]) -> None:
        for change in changes:
            # Most frequent first: this runs for every write.
            match change:
                case PutVersion(bucket_id, row):
                    self._key(bucket_id, row.key).put(row)
                case SetHead(bucket_id, row):
                    changed = self._key(bucket_id, row.key)
                    changed.entry, changed.listed = row, True
                case RemoveVersion(bucket_id, key, rank, version):
                    self._key(bucket_id, key).remove(version, rank)
                case ClearHead(bucket_id, key):
                    self._key(bucket_id, key).clear()
                case PutEpoch(epoch):
                    self.epochs[partition, epoch.bucket_id] = epoch
                case PutUsage(bucket_id, usage):
                    self.usage[partition, bucket_id] = usage
                case PutPart() | PutUpload() | RemoveUpload():
                    self._add_upload(change)
                case _:
                    self._add_bucket(change)

    def rows(self) -> list[Row]:
        """Everything that the batch changes."""
        rows: list[Row] = [changed.rows(*place) for place, changed in self.keys.items()]
        for (partition, bucket_id), epoch in self.epochs.items():
            rows.append(EpochRow(partition, bucket_id, seal_row(epoch, epoch_seed(partition, bucket_id))))
        for (partition, bucket_id), usage in self.usage.items():
            record = seal_row(usage, epoch_seed(partition, bucket_id)) if usage != Usage() else GONE
            rows.append(UsageRow(partition, bucket_id, record))
        for (name, bucket_id), bucket in self.names.items():
            record = GONE if bucket is None else seal_row(bucket, name_seed(name))
            rows.append(NameRow(name, bucket_id, record))
        for upload_id in self.parts.keys() | self.cleared_uploads:
            parts = {
                number: seal_row(part, name_seed(upload_id, number))
                for number, part in self.parts.get(upload_id, {}).items()
            }
            rows.append(PartRows(upload_id, parts, upload_id in self.cleared_uploads))
        for bucket_id in self.configurations.keys() | self.cleared_buckets:
            records = {
                place: GONE if row is None else seal_row(row, configuration_seed(bucket_id, *place))
                for place, row in self.configurations.get(bucket_id, {}).items()
            }
            rows.append(BucketRows(bucket_id, records, bucket_id in self.cleared_buckets))
        for place, (identity, replaced) in self.identities.items():
            record = seal_row(identity, identity_seed(*place))
            rows.append(IdentityRow(*place, identity.seq, record, replaced))
        return rows

    def _key(self, bucket_id: bytes, key: str) -> KeyChanges:
        try:
            return self.keys[bucket_id, key]
        except KeyError:
            changed = self.keys[bucket_id, key] = KeyChanges()
            return changed

    def _add_upload(self, change: PutPart | PutUpload | RemoveUpload) -> None:
        match change:
            case PutPart(upload_id, part):
                self.parts.setdefault(upload_id, {})[part.number] = part
            case PutUpload(bucket_id, upload):
                self._key(bucket_id, upload.key).uploads[upload.upload_id] = upload
            case RemoveUpload(bucket_id, key, upload_id):
                self._key(bucket_id, key).uploads[upload_id] = None
                self.parts.pop(upload_id, None)
                self.cleared_uploads.add(upload_id)

    def _add_bucket(self, change: Change) -> None:
        match change:
            case PutBucket(row):
                self.names[row.name, row.bucket_id] = row
            case RemoveBucket(row):
                self.names[row.name, row.bucket_id] = None
                self.configurations.pop(row.bucket_id, None)
                self.cleared_buckets.add(row.bucket_id)
            case PutConfiguration(bucket_id, row):
                self.configurations.setdefault(bucket_id, {})[row.kind, row.identifier] = row
            case RemoveConfiguration(bucket_id, kind, identifier):
                self.configurations.setdefault(bucket_id, {})[kind, identifier] = None
            case PutIdentity(row, replaced):
                place = row.account, row.kind, row.name
                # What an earlier change of this batch put there was never written.
                known = self.identities.get(place)
                self.identities[place] = PutIdentity(row, known.replaced if known else replaced)
            case _:
                raise TypeError(f"no row for {type(change).__name__}")
