"""s3fs with pyarrow: a partitioned Parquet data set, written and read back, by column and by partition."""

import os

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import s3fs

bucket = os.environ["BUCKET"]
files = s3fs.S3FileSystem(endpoint_url=os.environ["AWS_ENDPOINT_URL"])
rows = 200_000
table = pa.table(
    {
        "year": pa.array([2020 + number % 5 for number in range(rows)]),
        "number": pa.array(range(rows)),
        "text": pa.array([f"row {number}" for number in range(rows)]),
    }
)
ds.write_dataset(table, f"{bucket}/set", filesystem=files, format="parquet", partitioning=["year"],
                 partitioning_flavor="hive")  # fmt: skip
assert sorted(path.rpartition("/")[2] for path in files.ls(f"{bucket}/set")) == [
    f"year={year}" for year in range(2020, 2025)
]
read = ds.dataset(f"{bucket}/set", filesystem=files, format="parquet", partitioning="hive")
assert (
    read.to_table()
    .sort_by("number")
    .select(table.column_names)
    .equals(table.set_column(0, "year", table["year"].cast(pa.int32())))
)
one = read.to_table(columns=["number"], filter=pc.field("year") == 2023)
assert one.num_rows == rows // 5
assert pc.sum(one["number"]).as_py() == sum(range(3, rows, 5))
with files.open(f"{bucket}/log.txt", "wb") as file:
    file.write(b"x" * 11 * 1024 * 1024)
assert files.info(f"{bucket}/log.txt")["size"] == 11 * 1024 * 1024
files.mv(f"{bucket}/log.txt", f"{bucket}/moved.txt")
assert files.cat_file(f"{bucket}/moved.txt", start=-3) == b"xxx"
assert not files.exists(f"{bucket}/log.txt")
files.rm(f"{bucket}/set", recursive=True)
assert not files.exists(f"{bucket}/set")
print(f"{s3fs.__version__}, pyarrow {pa.__version__}")
