"""Nonsense over the wire: whatever comes, no error of the server's own, no silence, nothing held for ever.

`make fuzz` sends 10,000 requests, others each time; `make test` a few hundred, always the same.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from processors.audit_trail import trail_files
from tests.fuzz.requests import BUCKET, KEPT, KEY, LOCKED, Wire, query_requests, rest_requests, s3_requests
from tests.fuzz.sending import Outcome, as_bytes, send
from tests.processes import children, descriptors, resident
from tests.server import ACCESS_KEY, SECRET_KEY, Server

ASKED = os.environ.get("STRANDLINE_FUZZ_REQUESTS")
REQUESTS = int(ASKED or "600")
MIB = 1024 * 1024
GROWTH = 40 * MIB  # of one process over a whole run: its caches fill
MORE_DESCRIPTORS = 24  # at most, once all connections are closed: logs and blobs that it keeps open

pytestmark = [pytest.mark.embedded, pytest.mark.slow, pytest.mark.timeout(120 + REQUESTS)]


def fuzzing(share: float) -> settings:
    """That part of all requests."""
    return settings(
        derandomize=ASKED is None,
        max_examples=max(20, int(REQUESTS * share)),
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("fuzz")
    server = Server(folder / "data", folder / "log", "--workers", "2")
    server.start()
    try:
        _fill(server)
        _wait_for_processors(folder / "data")
        before = _held(server)
        yield server
        after = _held(server)
        assert after.keys() == before.keys(), "a process ended, or one more was started"
        for pid, (memory, files) in after.items():
            assert memory - before[pid][0] < GROWTH, f"process {pid} grew by {memory - before[pid][0]} bytes"
            assert files - before[pid][1] < MORE_DESCRIPTORS, f"process {pid} holds {files} descriptors"
        assert "Traceback" not in server.log.read_text(errors="replace"), server.log_tail()
        assert server.stop() == 0
    finally:
        server.kill()


def _fill(server: Server) -> None:
    s3 = boto3.client(
        "s3", endpoint_url=server.endpoint, region_name="us-east-1", aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY, config=Config(s3={"addressing_style": "path"}),
    )  # fmt: skip
    s3.create_bucket(Bucket=BUCKET)
    s3.create_bucket(Bucket=LOCKED, ObjectLockEnabledForBucket=True)
    for bucket in (BUCKET, LOCKED):
        s3.put_object(Bucket=bucket, Key=KEY, Body=b"x" * 1000, Tagging="a=b")
        s3.put_object(Bucket=bucket, Key=KEPT)  # so that the bucket stays
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="multi")["UploadId"]
    part = s3.upload_part(Bucket=BUCKET, Key="multi", UploadId=upload, PartNumber=1, Body=b"part")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=BUCKET, Key="multi", UploadId=upload, MultipartUpload=parts)
    s3.close()


def _wait_for_processors(data: Path) -> None:
    """Until their process has recorded something: while it starts it holds less than later."""
    deadline = time.monotonic() + 60
    while not any(trail.stat().st_size for trail in trail_files(data / "audit")):
        assert time.monotonic() < deadline, "the auditor has recorded nothing in a minute"
        time.sleep(0.1)


def _held(server: Server) -> dict[int, tuple[int, int]]:
    """Memory and descriptors of each of the server's processes."""
    assert server.process is not None
    pids = [server.process.pid, *children(server.process.pid)]
    return {pid: (resident(pid), len(descriptors(pid))) for pid in pids}


def _checked(wire: Wire, port: int) -> None:
    # What was not sent, or is more than was announced, the server learns by the end of the connection.
    ended = wire.cut is not None or "content-length" in wire.after
    outcome = send(as_bytes(wire, port), port, wire.method, ended)
    assert outcome.acceptable, _told(wire, outcome)
    if not ended:
        assert outcome.status, f"no answer to {wire}"


def _told(wire: object, outcome: Outcome) -> str:
    return f"{wire}\n{'no answer in time' if outcome.late else outcome}"


@fuzzing(0.45)
@given(wire=s3_requests())
def test_requests_of_s3(server: Server, wire: Wire) -> None:
    _checked(wire, server.port)


@fuzzing(0.15)
@given(wire=rest_requests())
def test_requests_of_the_rest_api(server: Server, wire: Wire) -> None:
    _checked(wire, server.api_port)


@fuzzing(0.1)
@given(wire=query_requests())
def test_requests_of_iam_sts_and_kms(server: Server, wire: Wire) -> None:
    _checked(wire, server.api_port)


_edits = st.lists(
    st.tuples(
        st.integers(0, 4000), st.sampled_from(["set", "insert", "delete", "repeat"]), st.binary(max_size=4)
    ),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize("api", [False, True], ids=["s3", "api"])
@fuzzing(0.15)
@given(wire=s3_requests(), edits=_edits)
def test_bytes_that_are_no_request(
    server: Server, api: bool, wire: Wire, edits: list[tuple[int, str, bytes]]
) -> None:
    port = server.api_port if api else server.port
    data = bytearray(as_bytes(wire, port))
    for place, edit, new in edits:
        at = place % (len(data) + 1)
        match edit:
            case "set":
                data[at : at + len(new)] = new
            case "insert":
                data[at:at] = new
            case "delete":
                del data[at : at + 1 + len(new)]
            case "repeat":
                data[at:at] = data[at // 2 : at]
    outcome = send(bytes(data), port, wire.method, ended=True)
    assert outcome.acceptable, _told(bytes(data[:2000]), outcome)
