"""The index on SQLite: one file in WAL mode, one writer, readers in any number of processes.

`writer.SqliteWriter` and `reader.SqliteReader` implement `index.contract`; `digest` and `differences`
prove two index files equal. Tables, costs and checksum rules: `docs/design/index.md`.
"""
