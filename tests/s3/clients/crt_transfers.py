"""AWS's Common Runtime (the S3 client under AWS CLI 2, Mountpoint, Java's CRT client): parts, checksums."""

import io
import os
from importlib.metadata import version
from urllib.parse import urlsplit

from awscrt.auth import AwsCredentialsProvider
from awscrt.http import HttpHeaders, HttpRequest
from awscrt.s3 import (
    S3ChecksumAlgorithm,
    S3ChecksumConfig,
    S3ChecksumLocation,
    S3Client,
    S3RequestTlsMode,
    S3RequestType,
    S3ResponseError,
    create_default_s3_signing_config,
)

TIMEOUT_SECONDS = 120
PART = 5 * 1024 * 1024
HOST = urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc
BUCKET = os.environ["BUCKET"]
REGION = os.environ["AWS_DEFAULT_REGION"]

credentials = AwsCredentialsProvider.new_static(
    os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
)
client = S3Client(
    region=REGION,
    signing_config=create_default_s3_signing_config(region=REGION, credential_provider=credentials),
    part_size=PART,
    tls_mode=S3RequestTlsMode.DISABLED,
)


def put(key: str, data: bytes, algorithm: S3ChecksumAlgorithm | None) -> None:
    """Upload in parts where the data is longer than one; the checksum goes as a trailer."""
    config = None
    if algorithm is not None:
        config = S3ChecksumConfig(algorithm=algorithm, location=S3ChecksumLocation.TRAILER)
    headers = HttpHeaders([("Host", HOST), ("Content-Length", str(len(data)))])
    request = HttpRequest("PUT", f"/{BUCKET}/{key}", headers, io.BytesIO(data))
    done = client.make_request(type=S3RequestType.PUT_OBJECT, request=request, checksum_config=config)
    done.finished_future.result(TIMEOUT_SECONDS)


def get(key: str) -> bytes:
    """Download in ranges side by side; what has a checksum is checked against it."""
    pieces: dict[int, bytes] = {}

    def keep(chunk: bytes, offset: int, **_: object) -> None:
        pieces[offset] = bytes(chunk)

    request = HttpRequest("GET", f"/{BUCKET}/{key}", HttpHeaders([("Host", HOST)]))
    client.make_request(
        type=S3RequestType.GET_OBJECT,
        request=request,
        on_body=keep,
        checksum_config=S3ChecksumConfig(validate_response=True),
    ).finished_future.result(TIMEOUT_SECONDS)
    return b"".join(pieces[offset] for offset in sorted(pieces))


large = os.urandom(6 * PART + 12_345)
for algorithm in (None, *S3ChecksumAlgorithm):
    for key, data in (("small", b"hello"), ("large", large)):
        put(key, data, algorithm)
        assert get(key) == data, (algorithm, key)
try:
    get("none")
    status = 200
except S3ResponseError as error:
    status = error.status_code
assert status == 404, status
print(version("awscrt"))
