"""Delta Lake: writers side by side, each commit a conditional write of the next log entry; none gets lost."""

import os
from concurrent.futures import ThreadPoolExecutor

import deltalake
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, QueryBuilder, write_deltalake

WRITERS = 8
COMMITS = 24
ROWS = 100

table = f"s3://{os.environ['BUCKET']}/table"
options = {"aws_conditional_put": "etag", "aws_allow_http": "true"}
# An attempt fails only where another writer has just committed: nobody can lose more often than that.
patient = CommitProperties(max_commit_retries=COMMITS)


def write(number: int) -> None:
    rows = pa.table({"x": [number] * ROWS})
    write_deltalake(table, rows, mode="append", storage_options=options, commit_properties=patient)


def held() -> list[int]:
    """What the table holds, by Delta's own engine: pyarrow's threads may abort the exit after reading."""
    query = QueryBuilder().register("t", DeltaTable(table, storage_options=options))
    return sorted(query.execute("select x from t").read_all()["x"].to_pylist())


write(0)
with ThreadPoolExecutor(WRITERS) as pool:
    list(pool.map(write, range(1, COMMITS)))
read = DeltaTable(table, storage_options=options)
assert read.version() == COMMITS - 1, read.version()
assert held() == [n for n in range(COMMITS) for _ in range(ROWS)]
assert read.optimize.compact()["numFilesRemoved"] == COMMITS
read.delete("x = 3")
read.vacuum(0, dry_run=False, enforce_retention_duration=False)
assert held() == [n for n in range(COMMITS) if n != 3 for _ in range(ROWS)]
print(deltalake.__version__)
