"""What a running server does by itself: snapshots and cuts of the log, finished deletions, audit."""

import asyncio
import http.client
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from ingest.buckets import _update
from ingest.submission import announce_everywhere
from strandline.data_dir import DataDir
from strandline.snapshots import read_snapshots
from strandline.verification import open_log
from tests.server import ACCESS_KEY, SECRET_KEY, Server, metric, strandline
from tests.store import ORIGIN, embedded_store

PATIENCE = 90.0  # seconds
MIB = 1024 * 1024


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    found = Server(
        tmp_path / "data", tmp_path / "log", "--segment-bytes", "1MiB", "--snapshot-log-bytes", "1MiB",
        "--gc-grace-seconds", "0",
    )  # fmt: skip
    yield found
    found.kill()


def client(server: Server) -> Any:
    config = Config(
        s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, max_pool_connections=16
    )
    return boto3.client(
        "s3", endpoint_url=server.endpoint, aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY, region_name="us-east-1", config=config,
    )  # fmt: skip


def until(condition: Callable[[], bool], what: str, server: Server) -> None:
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit, f"not within {PATIENCE} s: {what}\n{server.log_tail()}"
        time.sleep(0.05)


def command(server: Server, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return strandline(*arguments, "--data-dir", str(server.data_dir))


def log_begins(data: DataDir) -> int:
    return open_log(data, "object-versions").start_offset


def test_what_a_killed_server_left_is_freed_and_counted(server: Server) -> None:
    server.start()
    s3 = client(server)
    s3.create_bucket(Bucket="photos")
    url = s3.generate_presigned_url("put_object", {"Bucket": "photos", "Key": "k"})
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.putrequest("PUT", url.removeprefix(server.endpoint))
    connection.putheader("Content-Length", str(20 * MIB))
    connection.endheaders()
    connection.send(bytes(8 * MIB))
    blobs = server.data_dir / "blobs"
    until(lambda: sum(size(path) for path in blobs.rglob("*")) > 4 * MIB, "it is being written", server)
    server.kill()
    connection.close()
    began = int(time.time())
    server.start()
    swept = "strandline_orphan_sweep_timestamp_seconds "
    until(lambda: metric(server, swept) >= began, "the sweep is done", server)
    assert metric(server, "strandline_orphans_found_total ") == 1
    assert metric(server, "strandline_orphan_freed_bytes_total ") > MIB
    assert server.stop() == 0, server.log_tail()


def size(path: Path) -> int:
    """Of a file; 0 for one that has gone meanwhile."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


@pytest.mark.slow
def test_the_log_stays_bounded_and_the_index_can_be_made_anew(server: Server) -> None:
    server.start()
    data = DataDir(server.data_dir)
    s3 = client(server)
    s3.create_bucket(Bucket="photos")
    filler = {"filler": "x" * 1900}
    written = 0

    def write_until(condition: Callable[[], bool], what: str) -> None:
        nonlocal written

        def step() -> bool:
            nonlocal written
            for _ in range(50):
                s3.put_object(Bucket="photos", Key=f"k{written % 300}", Body=b"%d" % written, Metadata=filler)
                written += 1
            return condition()

        until(step, what, server)

    write_until(lambda: len(read_snapshots(data)[0]) >= 2 and log_begins(data) > 0, "two snapshots and a cut")
    assert command(server, "index", "verify").returncode == 0  # beside the running server
    expected = {f"k{i % 300}": b"%d" % i for i in range(written)}
    assert server.stop() == 0

    for path in data.index.iterdir():
        path.unlink()
    refused = command(server, "index", "verify")
    assert (refused.returncode != 0, "Traceback" in refused.stderr) == (True, False)
    rebuilt = command(server, "index", "rebuild")
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert str(data.snapshots) in rebuilt.stdout
    for arguments in (("index", "verify"), ("audit", "verify"), ("fsck",)):
        checked = command(server, *arguments)
        assert checked.returncode == 0, checked.stdout + checked.stderr

    server.start()
    found = {
        entry["Key"]: s3.get_object(Bucket="photos", Key=entry["Key"])["Body"].read()
        for entry in s3.list_objects_v2(Bucket="photos")["Contents"]
    }
    assert found == expected
    assert server.stop() == 0


def test_a_start_without_the_index_says_what_to_do(server: Server) -> None:
    """Where the log was cut; else the start makes the index by itself."""
    data = DataDir(server.data_dir)

    async def cut() -> None:
        from tests.unit.test_snapshots import two_snapshots

        await two_snapshots(data)

    data.create()
    asyncio.run(cut())
    for path in data.index.iterdir():
        path.unlink()
    listen = [f"--s3-listen=127.0.0.1:{server.port}", f"--api-listen=127.0.0.1:{server.api_port}"]
    refused = command(server, "serve", *listen)
    assert refused.returncode not in (0, None)
    assert "strandline index rebuild" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_deletion_cut_short_is_finished_at_the_next_start(server: Server) -> None:
    server.start()
    owner = client(server).list_buckets()["Owner"]["ID"]
    assert server.stop() == 0

    async def fence() -> None:
        async with embedded_store(server.data_dir) as store:
            for name in ("empty", "used"):
                bucket = await store.producer.create_bucket(name, owner, ORIGIN)
                if name == "used":
                    upload = await store.producer.create_upload(bucket, "k", _attributes(), ORIGIN)
                    assert upload
                    await store.producer.put_object(bucket, "k", _payload(), _attributes(), ORIGIN)
                fenced = await _update(store.ports, bucket, bucket.versioning, "fenced", ORIGIN)
                await announce_everywhere(store.ports, fenced, ORIGIN)

    asyncio.run(fence())
    server.start()
    s3 = client(server)

    def gone() -> bool:
        try:
            s3.head_bucket(Bucket="empty")
        except ClientError as error:
            return bool(error.response["ResponseMetadata"]["HTTPStatusCode"] == 404)
        return False

    until(gone, "the empty bucket is gone", server)
    s3.put_object(Bucket="used", Key="more", Body=b"open again")
    s3.create_bucket(Bucket="empty")
    assert server.stop() == 0


def test_facts_and_requests_reach_the_audit_trail(server: Server) -> None:
    server.start()
    s3 = client(server)
    s3.create_bucket(Bucket="photos")
    s3.put_object(Bucket="photos", Key="k", Body=b"x" * 2000)
    s3.delete_object(Bucket="photos", Key="k")
    assert server.stop() == 0  # the auditor writes what there is
    lines = [
        json.loads(line)
        for path in sorted((server.data_dir / "audit").glob("audit-*.jsonl"))
        for line in path.read_text().splitlines()
    ]
    types = [line["type"] for line in lines if "seq" in line]
    changes = ["bucket.created", "epoch.set", "object.created", "object.deleted"]
    assert types == [*changes, "identities.changed"]  # the last one tells when the key was used
    operations = [line["eventName"] for line in lines if "eventName" in line]
    assert operations == ["CreateBucket", "PutObject", "DeleteObject"]
    assert command(server, "audit", "verify").returncode == 0


def _payload() -> Any:
    from ingest.payload import Payload

    return Payload(b"x", 1)


def _attributes() -> Any:
    from schemas.rows import Attributes

    return Attributes()
