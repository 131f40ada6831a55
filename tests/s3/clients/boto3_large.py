"""boto3: its transfer manager with 1 GiB, up and down, in parts and in parallel."""

import hashlib
import os
from pathlib import Path

import boto3
from boto3.s3.transfer import TransferConfig

MIB = 1024 * 1024
SIZE = int(os.environ["SIZE_MIB"]) * MIB
bucket, folder = os.environ["BUCKET"], Path(os.environ["FOLDER"])
s3 = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
config = TransferConfig(multipart_chunksize=16 * MIB, max_concurrency=8)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


up, down = folder / "up", folder / "down"
block = os.urandom(MIB)
with up.open("wb") as file:
    for number in range(SIZE // MIB):
        file.write(number.to_bytes(8, "big") + block[8:])
s3.upload_file(str(up), bucket, "large", Config=config)
assert s3.head_object(Bucket=bucket, Key="large")["ContentLength"] == SIZE
s3.download_file(bucket, "large", str(down), Config=config)
assert sha256(down) == sha256(up)
s3.copy({"Bucket": bucket, "Key": "large"}, bucket, "copy", Config=config)
first = s3.get_object(Bucket=bucket, Key="copy", Range=f"bytes={SIZE - MIB}-")["Body"].read()
assert first == (SIZE // MIB - 1).to_bytes(8, "big") + block[8:]
up.unlink()
down.unlink()
print(boto3.__version__)
