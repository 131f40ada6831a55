"""Is a key really absent? A flipped bit in a stored key hides its row: the search walks past it.

Whatever bit of a key was flipped, the damaged entry lies next to the place where the search for that key
ends, and its record does not match the key it is now filed under. So before a key is said to be absent,
the entries on both sides of its place are checked. That costs two seeks, on misses only.
"""

import sqlite3

from index.records import damaged, intact, key_seed

_BEFORE = (
    "SELECT bucket_id, key, record FROM objects WHERE (bucket_id, key) < (?, ?) "
    "ORDER BY bucket_id DESC, key DESC, rank LIMIT 1"
)
_AFTER = (
    "SELECT bucket_id, key, record FROM objects WHERE (bucket_id, key) > (?, ?) "
    "ORDER BY bucket_id, key, rank DESC LIMIT 1"
)


def check_neighbours(connection: sqlite3.Connection, bucket_id: bytes, key: str) -> None:
    """Raise IndexCorrupt when a row of `objects` beside the place of an absent key is damaged."""
    for query in (_BEFORE, _AFTER):
        found = connection.execute(query, (bucket_id, key)).fetchone()
        if found is None:
            continue
        near_bucket, near_key, record = found
        sound = type(near_bucket) is bytes and type(near_key) is str
        if not sound or not intact(record, key_seed(near_bucket, near_key)):
            raise damaged("objects", near_bucket, near_key)
