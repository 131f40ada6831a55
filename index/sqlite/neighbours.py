"""Is a key really absent? A flipped bit in a stored key hides its row: the search walks past it.

Whatever bit of a key was flipped, the damaged row lies next to the place where the search for that key
ends, and its record no longer matches the key it is filed under. So before a key is said to be absent,
the rows on both sides of its place are checked. That costs two seeks, on misses only.
"""

import sqlite3

from index.sqlite.rows import damaged, intact, key_seed

_NEIGHBOURS = {
    table: (
        f"SELECT bucket_id, key, record FROM {table} WHERE (bucket_id, key) < (?, ?) "
        f"ORDER BY bucket_id DESC, key DESC{', rank' if table == 'objects' else ''} LIMIT 1",
        f"SELECT bucket_id, key, record FROM {table} WHERE (bucket_id, key) > (?, ?) "
        f"ORDER BY bucket_id, key{', rank DESC' if table == 'objects' else ''} LIMIT 1",
    )
    for table in ("current", "objects")
}


def check_neighbours(connection: sqlite3.Connection, table: str, bucket_id: bytes, key: str) -> None:
    """Raise IndexCorrupt when a row beside the place of an absent key is damaged."""
    for query in _NEIGHBOURS[table]:
        found = connection.execute(query, (bucket_id, key)).fetchone()
        if found is None:
            continue
        near_bucket, near_key, record = found
        sound = type(near_bucket) is bytes and type(near_key) is str
        if not sound or not intact(record, key_seed(near_bucket, near_key)):
            raise damaged(table, near_bucket, near_key)
