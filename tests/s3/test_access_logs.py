"""Access logs: records of requests, delivered as objects (User Guide: Logging requests with server access
logging; Amazon S3 server access log format)."""

import re
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.s3.conftest import Store
from tests.s3.raw import Raw
from tests.server import ACCESS_KEY, SECRET_KEY, Server

FIELDS = (
    "owner", "bucket", "time", "ip", "requester", "request_id", "operation", "key", "uri", "status", "error",
    "sent", "size", "total", "turn_around", "referer", "agent", "version", "host_id", "signature", "cipher",
    "authentication", "host", "tls", "access_point", "acl_required",
)  # fmt: skip
LINE = re.compile(r'\[[^]]*\]|"[^"]*"|[^ ]+')
SECONDS = 60.0


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Store]:
    """A store that delivers every second."""
    folder: Path = tmp_path_factory.mktemp("logged")
    if request.config.getoption("mode") == "embedded":
        server = Server(folder / "data", folder / "log", "--access-log-seconds", "1", "--no-audit")
    else:
        from tests.cluster.server import ClusterServer

        services = [request.getfixturevalue(name) for name in ("kafka", "cassandra", "zones")]
        server = ClusterServer(folder, *services)
        server.prepare()
        server.start_worker(
            "--processors", "materializer,housekeeper,access-logger", "--access-log-seconds", "1"
        )
    server.start()
    try:
        yield Store(server.endpoint, ACCESS_KEY, SECRET_KEY, server)
        assert server.stop() == 0, server.log_tail()
    finally:
        server.kill()


@pytest.fixture(scope="module")
def client(logged: Store) -> Any:
    return logged.client()


@pytest.fixture
def source(client: Any) -> str:
    name = f"source-{uuid.uuid4().hex[:12]}"
    client.create_bucket(Bucket=name)
    return name


@pytest.fixture
def target(client: Any, source: str) -> str:
    name = f"target-{uuid.uuid4().hex[:12]}"
    client.create_bucket(Bucket=name)
    log_to(client, source, name)
    return name


def log_to(client: Any, source: str, target: str, prefix: str = "logs/", **form: Any) -> None:
    enabled = {"TargetBucket": target, "TargetPrefix": prefix, **form}
    client.put_bucket_logging(Bucket=source, BucketLoggingStatus={"LoggingEnabled": enabled})


def lines(client: Any, target: str) -> list[dict[str, str]]:
    """Every line delivered so far."""
    found = []
    for entry in client.list_objects_v2(Bucket=target).get("Contents", []):
        text = client.get_object(Bucket=target, Key=entry["Key"])["Body"].read().decode()
        assert text.endswith("\n")
        for line in text.splitlines():
            fields = LINE.findall(line)
            assert len(fields) == len(FIELDS), line
            found.append(dict(zip(FIELDS, fields, strict=True)))
    return found


def until(client: Any, target: str, count: int) -> list[dict[str, str]]:
    limit = time.monotonic() + SECONDS
    while len(found := lines(client, target)) < count:
        assert time.monotonic() < limit, found
        time.sleep(0.2)
    return found


def test_a_line_has_all_fields_in_order(client: Any, source: str, target: str, logged: Store) -> None:
    put = client.put_object(Bucket=source, Key="a b/ü", Body=b"12345")
    got = client.get_object(Bucket=source, Key="a b/ü", Range="bytes=1-2")
    got["Body"].read()
    found = {line["operation"]: line for line in until(client, target, 2)}
    owner = client.list_buckets()["Owner"]["ID"]
    line = found["REST.GET.OBJECT"]
    metadata = got["ResponseMetadata"]
    assert line["owner"] == line["requester"] == owner
    assert line["bucket"] == source
    moment = datetime.strptime(line["time"], "[%d/%b/%Y:%H:%M:%S %z]")
    assert abs((datetime.now(UTC) - moment).total_seconds()) < SECONDS
    assert line["ip"] == "127.0.0.1"
    assert line["request_id"] == metadata["HTTPHeaders"]["x-amz-request-id"].upper()
    assert line["key"] == quote("a b/ü")
    assert line["uri"] == f'"GET /{source}/{quote("a b/ü")} HTTP/1.1"'
    assert (line["status"], line["error"], line["sent"], line["size"]) == ("206", "-", "2", "5")
    assert int(line["total"]) >= int(line["turn_around"]) >= 0
    assert line["referer"] == '"-"'
    assert "Boto3" in line["agent"]
    assert line["version"] == "-"
    assert line["host_id"] == metadata["HostId"]
    assert (line["signature"], line["authentication"]) == ("SigV4", "AuthHeader")
    assert line["host"] == logged.endpoint.removeprefix("http://")
    assert [line[name] for name in ("cipher", "tls", "access_point", "acl_required")] == ["-"] * 4
    written = found["REST.PUT.OBJECT"]
    assert (written["sent"], written["size"], written["status"]) == ("-", "5", "200")
    assert written["request_id"] == put["ResponseMetadata"]["HTTPHeaders"]["x-amz-request-id"].upper()


def test_errors_presigned_requests_and_strangers(
    client: Any, source: str, target: str, logged: Store
) -> None:
    with Raw(logged.endpoint, logged.access_key, logged.secret_key) as raw:
        raw.send("GET", f"/{source}/missing", headers={"Referer": 'http://a/"b', "User-Agent": "tool 1\t2"})
        url = client.generate_presigned_url("get_object", Params={"Bucket": source, "Key": "k"})
        raw.send("GET", url.removeprefix(logged.endpoint), signed=False)
        raw.send("GET", f"/{source}/k", signed=False)
    first, second, third = sorted(until(client, target, 3), key=lambda line: line["authentication"])[::-1]
    by = {line["authentication"]: line for line in (first, second, third)}
    assert by["AuthHeader"]["error"] == "NoSuchKey"
    assert by["AuthHeader"]["referer"] == '"http://a/%22b"'
    assert by["AuthHeader"]["agent"] == '"tool 1%092"'
    assert by["QueryString"]["signature"] == "SigV4"
    assert "X-Amz-Signature=" in by["QueryString"]["uri"]
    assert (by["-"]["status"], by["-"]["error"], by["-"]["requester"]) == ("403", "AccessDenied", "-")


def test_operations_have_their_names(client: Any, source: str, target: str) -> None:
    client.put_object(Bucket=source, Key="k", Body=b"x")
    client.list_objects_v2(Bucket=source)
    client.copy_object(Bucket=source, Key="l", CopySource={"Bucket": source, "Key": "k"})
    client.put_object_tagging(Bucket=source, Key="k", Tagging={"TagSet": []})
    client.get_bucket_versioning(Bucket=source)
    client.get_bucket_location(Bucket=source)
    upload = client.create_multipart_upload(Bucket=source, Key="m")["UploadId"]
    part = client.upload_part(Bucket=source, Key="m", UploadId=upload, PartNumber=1, Body=b"p")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    client.complete_multipart_upload(Bucket=source, Key="m", UploadId=upload, MultipartUpload=parts)
    client.delete_objects(Bucket=source, Delete={"Objects": [{"Key": "k"}]})
    client.delete_object(Bucket=source, Key="l")
    client.head_object(Bucket=source, Key="m")
    found = [line["operation"] for line in until(client, target, 13)]
    found.remove("BATCH.DELETE.OBJECT")
    assert sorted(found) == sorted(
        "REST." + name
        for name in (
            "PUT.OBJECT", "GET.BUCKET", "COPY.OBJECT", "PUT.OBJECT_TAGGING", "GET.VERSIONING", "GET.LOCATION",
            "POST.UPLOADS", "PUT.PART", "POST.UPLOAD", "POST.MULTI_OBJECT_DELETE", "DELETE.OBJECT",
            "HEAD.OBJECT",
        )
    )  # fmt: skip


def test_each_object_of_a_batch_has_a_line(client: Any, source: str, target: str) -> None:
    client.put_bucket_versioning(Bucket=source, VersioningConfiguration={"Status": "Enabled"})
    version = client.put_object(Bucket=source, Key="a b", Body=b"x")["VersionId"]
    wanted = [
        {"Key": "a b", "VersionId": version},
        {"Key": "gone"},
        {"Key": "bad", "VersionId": "no version"},
    ]
    answer = client.delete_objects(Bucket=source, Delete={"Objects": wanted, "Quiet": False})
    found = {
        line["key"]: line for line in until(client, target, 6) if line["operation"] == "BATCH.DELETE.OBJECT"
    }
    assert {key: (line["status"], line["error"]) for key, line in found.items()} == {
        "a%20b": ("204", "-"), "gone": ("204", "-"), "bad": ("404", "NoSuchVersion"),
    }  # fmt: skip
    markers = {one["Key"]: one.get("DeleteMarkerVersionId") for one in answer["Deleted"]}
    assert found["a%20b"]["version"] == version
    assert found["gone"]["version"] == markers["gone"]
    assert {line["uri"] for line in found.values()} == {'"-"'}
    request_id = answer["ResponseMetadata"]["RequestId"].upper()
    assert {line["request_id"] for line in found.values()} == {request_id}


def test_simple_and_partitioned_keys(client: Any, source: str, target: str) -> None:
    client.head_bucket(Bucket=source)
    until(client, target, 1)
    (key,) = (entry["Key"] for entry in client.list_objects_v2(Bucket=target)["Contents"])
    assert re.fullmatch(r"logs/\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-[0-9A-F]{16}", key)
    for source_of_date, clock in (("EventTime", "00-00-00"), ("DeliveryTime", r"\d\d-\d\d-\d\d")):
        form = {"TargetObjectKeyFormat": {"PartitionedPrefix": {"PartitionDateSource": source_of_date}}}
        prefix = f"{source_of_date}/"
        log_to(client, source, target, prefix, **form)
        client.head_bucket(Bucket=source)
        limit = time.monotonic() + SECONDS
        while not (found := client.list_objects_v2(Bucket=target, Prefix=prefix).get("Contents")):
            assert time.monotonic() < limit
            time.sleep(0.2)
        pattern = (
            rf"{prefix}\d{{12}}/us-east-1/{source}/\d{{4}}/\d\d/\d\d/\d{{4}}-\d\d-\d\d-{clock}-[0-9A-F]{{16}}"
        )
        assert re.fullmatch(pattern, found[0]["Key"])


def test_what_is_logged_ends_with_the_configuration(client: Any, source: str, target: str) -> None:
    client.put_object(Bucket=source, Key="before", Body=b"")
    until(client, target, 1)
    client.put_bucket_logging(Bucket=source, BucketLoggingStatus={})
    client.put_object(Bucket=source, Key="after", Body=b"")
    other = f"other-{uuid.uuid4().hex[:12]}"
    client.create_bucket(Bucket=other)
    log_to(client, other, target)
    client.put_object(Bucket=other, Key="witness", Body=b"")
    limit = time.monotonic() + SECONDS
    while "witness" not in (keys := [line["key"] for line in lines(client, target)]):
        assert time.monotonic() < limit
        time.sleep(0.2)
    assert "after" not in keys


def test_a_target_that_is_gone_holds_nothing_up(client: Any, source: str, target: str) -> None:
    doomed = f"doomed-{uuid.uuid4().hex[:12]}"
    client.create_bucket(Bucket=doomed)
    other = f"other-{uuid.uuid4().hex[:12]}"
    client.create_bucket(Bucket=other)
    log_to(client, other, doomed)
    client.delete_bucket(Bucket=doomed)
    client.head_bucket(Bucket=other)
    client.head_bucket(Bucket=source)
    assert until(client, target, 1)[0]["operation"] == "REST.HEAD.BUCKET"


@pytest.mark.embedded
def test_what_waited_when_the_server_was_killed_is_delivered_later(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", tmp_path / "log", "--access-log-seconds", "3600")
    server.start()
    try:
        client = Store(server.endpoint, ACCESS_KEY, SECRET_KEY, server).client()
        for name in ("source", "target"):
            client.create_bucket(Bucket=f"{name}-bucket")
        log_to(client, "source-bucket", "target-bucket")
        for number in range(50):
            client.put_object(Bucket="source-bucket", Key=f"{number}", Body=b"x")
        time.sleep(1)  # records wait in memory for a quarter of a second: that is the promise
        server.kill()
        server._flags = ("--access-log-seconds", "1")
        server.start()
        keys = {line["key"] for line in until(client, "target-bucket", 50)}
        assert keys == {str(number) for number in range(50)}
        assert server.stop() == 0, server.log_tail()
    finally:
        server.kill()
