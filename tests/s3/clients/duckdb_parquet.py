"""DuckDB: Parquet and CSV written and queried; by httpfs where that is at hand, else through s3fs."""

import os
from urllib.parse import urlsplit

import duckdb
import s3fs

bucket, endpoint = os.environ["BUCKET"], os.environ["AWS_ENDPOINT_URL"]
database = duckdb.connect(config={"autoinstall_known_extensions": "false"})
try:
    database.execute("LOAD httpfs")
    database.execute(
        f"CREATE SECRET (TYPE s3, KEY_ID '{os.environ['AWS_ACCESS_KEY_ID']}', "
        f"SECRET '{os.environ['AWS_SECRET_ACCESS_KEY']}', ENDPOINT '{urlsplit(endpoint).netloc}', "
        "URL_STYLE 'path', USE_SSL false, REGION 'us-east-1')"
    )
    way = "httpfs"
except duckdb.Error:
    database.register_filesystem(s3fs.S3FileSystem(endpoint_url=endpoint))
    way = "through s3fs: the extension httpfs is not at hand"
root = f"s3://{bucket}/duck"
database.execute(
    f"COPY (SELECT i AS id, i % 7 AS day, 'name ' || i AS name FROM range(300000) t(i)) "
    f"TO '{root}/all.parquet' (FORMAT parquet, ROW_GROUP_SIZE 20000)"
)
database.execute(f"COPY (SELECT * FROM '{root}/all.parquet' WHERE day = 3) TO '{root}/three.csv' (HEADER)")
counted = database.execute(f"SELECT count(*), sum(id) FROM '{root}/all.parquet' WHERE day = 3").fetchone()
assert counted == (len(range(3, 300_000, 7)), sum(range(3, 300_000, 7)))
again = database.execute(f"SELECT count(*), sum(id) FROM read_csv('{root}/three.csv')").fetchone()
assert again == counted
found = database.execute(f"SELECT name FROM '{root}/*.parquet' WHERE id = 299999").fetchall()
assert found == [("name 299999",)]
print(f"{duckdb.__version__} ({way})")
