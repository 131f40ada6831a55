"""smart_open: streams of unknown length in, lines and compressed text out."""

import os

import boto3
import smart_open

bucket = os.environ["BUCKET"]
parameters = {"client": boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])}
lines = [f"line {number}: ünïcode\n" for number in range(400_000)]
for name in ("lines.txt", "lines.txt.gz"):
    with smart_open.open(f"s3://{bucket}/{name}", "w", encoding="utf-8", transport_params=parameters) as file:
        file.writelines(lines)
    with smart_open.open(f"s3://{bucket}/{name}", encoding="utf-8", transport_params=parameters) as file:
        assert list(file) == lines
with smart_open.open(f"s3://{bucket}/lines.txt", "rb", transport_params=parameters) as file:
    file.seek(-len(lines[-1].encode()), os.SEEK_END)
    assert file.read().decode() == lines[-1]
print(smart_open.__version__)
