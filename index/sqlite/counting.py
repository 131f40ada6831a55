"""The usage of buckets, counted from what an index of an earlier version holds."""

import sqlite3
from collections import defaultdict

import msgspec

from index.records import epoch_seed, key_seed, open_part, open_upload, seal_row
from schemas.rows import Usage

PARTITION = 0  # there is but one object partition where this engine serves

_VERSIONS = "SELECT bucket_id, count(*), sum(size) FROM objects GROUP BY bucket_id"
_OBJECTS = "SELECT bucket_id, count(*) FROM current GROUP BY bucket_id"
_UPLOADS = "SELECT rowid, bucket_id, key, upload_id, record FROM uploads"
_PARTS = "SELECT number, record FROM parts WHERE upload_id = ?"
_SET_UPLOAD = "UPDATE uploads SET record = ? WHERE rowid = ?"
_PUT = "INSERT INTO usage VALUES (?, ?, ?)"


def count_usage(connection: sqlite3.Connection) -> None:
    """Fill the table `usage`, and note in uploads how many bytes their parts have. Raises IndexCorrupt."""
    found: dict[bytes, Usage] = defaultdict(Usage)
    for bucket_id, versions, size in connection.execute(_VERSIONS):
        found[bucket_id] += Usage(size, 0, versions)
    for bucket_id, objects in connection.execute(_OBJECTS):
        found[bucket_id] += Usage(0, objects, 0)
    for place, bucket_id, key, upload_id, record in connection.execute(_UPLOADS).fetchall():
        parts = connection.execute(_PARTS, (upload_id,))
        size = sum(open_part(upload_id, *row).size for row in parts)
        upload = msgspec.structs.replace(open_upload(bucket_id, key, upload_id, record), size=size)
        connection.execute(_SET_UPLOAD, (seal_row(upload, key_seed(bucket_id, key)), place))
        found[bucket_id] += Usage(size)
    for bucket_id, usage in found.items():
        if usage != Usage():
            record = seal_row(usage, epoch_seed(PARTITION, bucket_id))
            connection.execute(_PUT, (bucket_id, PARTITION, record))
