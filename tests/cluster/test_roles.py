"""The roles of a cluster as processes: prepared by commands, told what is missing, apart and together."""

import time
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import urllib3
from botocore.exceptions import ClientError
from minio import Minio

from index.cassandra.schema import SCHEMA_VERSION
from tests.cluster.server import ClusterServer, client
from tests.cluster.services import Cassandra, Kafka, Zones
from tests.iam.conftest import Site
from tests.iam.s3_control import control, local_names
from tests.iam.test_permissions import User, document
from tests.s3.links import Links, use
from tests.server import strandline

pytestmark = pytest.mark.cluster

WAIT_SECONDS = 30


def run(server: ClusterServer, *command: str) -> tuple[int, str]:
    """Exit code, and what it said."""
    done = strandline(*command, STRANDLINE_CONFIG=str(server.config))
    return done.returncode, done.stdout + done.stderr


def put(s3: Any, bucket: str, key: str) -> bool:
    """Whether it was acknowledged; the only other answer that may be is 503."""
    try:
        answer = s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    except ClientError as error:
        answer = error.response
    status: int = answer["ResponseMetadata"]["HTTPStatusCode"]
    assert status in (200, 503)
    return status == 200


@pytest.fixture
def unprepared(tmp_path: Path, kafka: Kafka, cassandra: Cassandra, zones: Zones) -> Iterator[ClusterServer]:
    server = ClusterServer(tmp_path / "one", kafka, cassandra, zones)
    yield server
    server.kill()


@pytest.fixture(scope="module")
def store(
    tmp_path_factory: pytest.TempPathFactory, kafka: Kafka, cassandra: Cassandra, zones: Zones
) -> Iterator[ClusterServer]:
    """One for all tests of this file: each has its buckets, and starts what it needs."""
    server = ClusterServer(tmp_path_factory.mktemp("roles"), kafka, cassandra, zones)
    server.prepare()
    yield server
    server.kill()


@pytest.fixture
def prepared(store: ClusterServer) -> Iterator[ClusterServer]:
    """The store, of which nothing runs, before the test and after it."""
    configuration = store.config.read_text()
    yield store
    store.kill()
    store.config.write_text(configuration)


def beside(server: ClusterServer, folder: Path, *services: Any, roles: str) -> ClusterServer:
    """Another gateway of the same store."""
    other = ClusterServer(folder, *services, roles=roles)
    other.config.write_text(server.config.read_text())
    other.workers = server.workers
    return other


def test_commands_prepare_a_cluster_and_say_what_is_missing(unprepared: ClusterServer) -> None:
    server = unprepared
    code, said = run(server, "topics", "check")
    assert code == 2
    assert said.count("\n") == 1
    assert "run `strandline topics create` once" in said
    code, said = run(server, "topics", "create")
    assert code == 0
    assert said.count("made ") == 6
    assert run(server, "topics", "create") == (0, "every topic is as configured\n")
    assert run(server, "topics", "check") == (0, "every topic is as configured\n")
    for role in ("serve", "worker"):
        code, said = run(server, role, "--s3-listen", f"127.0.0.1:{server.port}")
        assert code == 2
        assert said.count("\n") == 1
        assert "make it with `strandline schema migrate`" in said
    code, said = run(server, "schema", "migrate")
    assert code == 0
    assert f"made version {SCHEMA_VERSION}" in said
    code, again = run(server, "schema", "migrate")
    assert code == 0
    assert "made" not in again


def test_topics_that_differ_from_the_configuration_are_named(prepared: ClusterServer) -> None:
    text = prepared.config.read_text()
    prepared.config.write_text(text.replace("[cluster.kafka]", "[cluster.kafka]\nobject_partitions = 13"))
    for command in (("topics", "check"), ("topics", "create"), ("worker",)):
        code, said = run(prepared, *command)
        assert code == 2
        assert said.count("\n") == 1
        assert "object-versions has 12 partitions and 13 are configured" in said


def test_services_that_do_not_answer_are_told_in_one_line(prepared: ClusterServer) -> None:
    text = prepared.config.read_text()
    port = tomllib.loads(text)["cluster"]["cassandra"]["port"]
    prepared.config.write_text(text.replace(f"port = {port}", "port = 1"))
    code, said = run(prepared, "serve", "--s3-listen", f"127.0.0.1:{prepared.port}")
    assert code == 1
    assert "Cassandra does not answer" in said.splitlines()[-1]


def test_a_gateway_needs_its_own_port_and_no_workers_of_its_own(prepared: ClusterServer) -> None:
    code, said = run(prepared, "serve", "--workers", "2")
    assert code == 2
    assert "start more gateways instead" in said
    code, said = run(prepared, "serve", "--roles", "materializer")
    assert code == 2
    assert "'materializer' is not a role" in said


def test_what_one_gateway_writes_every_other_reads_at_once(
    prepared: ClusterServer, tmp_path: Path, kafka: Kafka, cassandra: Cassandra, zones: Zones
) -> None:
    """An ingest and a query gateway of one store, and a third with both roles that began with an empty folder
    of keys at the same time."""
    ingest = beside(prepared, tmp_path / "ingest", kafka, cassandra, zones, roles="ingest")
    query = beside(prepared, tmp_path / "query", kafka, cassandra, zones, roles="query")
    gateways = [prepared, ingest, query]
    prepared.start_worker()
    try:
        for gateway in gateways:
            gateway.start()
        writer, reader, both = (client(gateway) for gateway in (ingest, query, prepared))
        writer.create_bucket(Bucket="shared")
        large = b"0123456789abcdef" * 65536
        for round_ in range(5):
            writer.put_object(Bucket="shared", Key="k", Body=b"%d" % round_)
            assert reader.get_object(Bucket="shared", Key="k")["Body"].read() == b"%d" % round_
            assert both.get_object(Bucket="shared", Key="k")["Body"].read() == b"%d" % round_
        both.put_object(Bucket="shared", Key="large", Body=large)
        assert reader.get_object(Bucket="shared", Key="large")["Body"].read() == large
        assert [one["Key"] for one in reader.list_objects_v2(Bucket="shared")["Contents"]] == ["k", "large"]
        writer.put_bucket_versioning(Bucket="shared", VersioningConfiguration={"Status": "Enabled"})
        assert reader.get_bucket_versioning(Bucket="shared")["Status"] == "Enabled"
        writer.delete_object(Bucket="shared", Key="k")
        with pytest.raises(ClientError, match="NoSuchKey"):
            both.get_object(Bucket="shared", Key="k")
        for gateway, call in ((reader, writer.put_object), (writer, reader.get_object)):
            wrong = getattr(gateway, call.__name__)
            with pytest.raises(ClientError, match="is not served here") as refused:
                wrong(Bucket="shared", Key="k")
            assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    finally:
        for gateway in (ingest, query):
            gateway.workers = []
            assert gateway.stop() == 0, gateway.log_tail()
    assert prepared.stop() == 0, prepared.log_tail()


def test_a_link_for_one_use_lets_one_request_through_on_whatever_gateway(
    prepared: ClusterServer, tmp_path: Path, kafka: Kafka, cassandra: Cassandra, zones: Zones
) -> None:
    """Also where the gateways only read: theirs is the event that uses the link up."""
    queries = [
        beside(prepared, tmp_path / name, kafka, cassandra, zones, roles="query")
        for name in ("first", "second")
    ]
    try:
        for gateway in (prepared, *queries):
            gateway.start()
        links = Links(prepared, "linked")
        for _ in range(3):
            made = links.make(one_use=True, endpoint="http://s3.example.org")
            there = [made["url"].replace("s3.example.org", f"127.0.0.1:{one.port}") for one in queries]
            wanted = [made | {"url": url} for url in there] * 4
            with ThreadPoolExecutor(8) as pool:
                answers = list(pool.map(lambda one: use(one, headers={"Host": "s3.example.org"}), wanted))
            assert sorted(status for status, _ in answers) == [200] + [403] * 7, answers
        revoked = links.make(endpoint="http://s3.example.org")
        there = [revoked["url"].replace("s3.example.org", f"127.0.0.1:{one.port}") for one in queries]
        host = {"Host": "s3.example.org"}
        assert [use(revoked | {"url": url}, headers=host) for url in there] == [(200, b"v")] * 2
        assert links.ask("DELETE", f"/{revoked['link_id']}") == (204, {})
        assert [use(revoked | {"url": url}, headers=host)[0] for url in there] == [403, 403]
    finally:
        for gateway in queries:
            gateway.workers = []
            assert gateway.stop() == 0, gateway.log_tail()
    assert prepared.stop() == 0, prepared.log_tail()


def test_a_gateway_that_only_reads_tells_of_keys_and_goes_by_the_account_s_block(
    prepared: ClusterServer, tmp_path: Path, kafka: Kafka, cassandra: Cassandra, zones: Zones,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    query = beside(prepared, tmp_path / "query", kafka, cassandra, zones, roles="query")
    query.environment["STRANDLINE_KEY_USE_SECONDS"] = "1"
    site = Site(prepared)
    try:
        for gateway in (prepared, query):
            gateway.start()
        iam = site.client("iam", site.root)
        user = User(site, iam)
        reader = Site(query).client("s3", user.keys)
        limit = time.monotonic() + WAIT_SECONDS
        while (
            "LastUsedDate" not in iam.get_access_key_last_used(AccessKeyId=user.keys[0])["AccessKeyLastUsed"]
        ):
            assert time.monotonic() < limit, query.log_tail()
            with pytest.raises(ClientError, match="AccessDenied"):
                reader.list_buckets()
            time.sleep(0.2)

        s3, number = (
            site.client("s3", site.root),
            site.client("sts", site.root).get_caller_identity()["Account"],
        )
        s3.create_bucket(Bucket="open")
        s3.delete_public_access_block(Bucket="open")
        s3.put_object(Bucket="open", Key="k", Body=b"v")
        everybody = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::open/*"}
        s3.put_bucket_policy(Bucket="open", Policy=document(everybody))
        assert urllib3.request("GET", f"{query.endpoint}/open/k").data == b"v"
        local_names(monkeypatch)
        block = {"RestrictPublicBuckets": True}
        control(site, site.root).put_public_access_block(
            AccountId=number, PublicAccessBlockConfiguration=block
        )
        assert urllib3.request("GET", f"{query.endpoint}/open/k").status == 403
    finally:
        query.workers = []
        assert query.stop() == 0, query.log_tail()
    assert prepared.stop() == 0, prepared.log_tail()


def test_a_worker_that_is_killed_is_replaced_and_loses_nothing(prepared: ClusterServer) -> None:
    prepared.start()
    s3 = client(prepared)
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="before", Body=b"1")
    (first,) = prepared.workers
    first.kill()
    first.wait()
    prepared.workers.clear()
    prepared.start_worker()
    acknowledged = [f"after-{number}" for number in range(60) if put(s3, "kept", f"after-{number}")]
    assert len(acknowledged) >= 10, prepared.log_tail()
    listed = {one["Key"] for one in s3.list_objects_v2(Bucket="kept")["Contents"]}
    assert {"before", *acknowledged} <= listed
    assert prepared.stop() == 0, prepared.log_tail()


def test_the_index_is_proven_equal_to_the_log_and_made_anew_from_it(prepared: ClusterServer) -> None:
    prepared.start()
    s3 = client(prepared)
    s3.create_bucket(Bucket="photos")
    s3.put_bucket_versioning(Bucket="photos", VersioningConfiguration={"Status": "Enabled"})
    for number in range(20):
        s3.put_object(Bucket="photos", Key=f"k{number % 7}", Body=b"%d" % number)
    s3.delete_object(Bucket="photos", Key="k0")
    before = s3.list_object_versions(Bucket="photos")
    code, said = run(prepared, "bucket", "shards", "photos")
    assert code == 0
    assert said.splitlines()[1].split()[:2] == ["0", "settled"]
    code, said = run(prepared, "bucket", "shards", "nowhere")
    assert (code, said) == (1, "strandline: there is no bucket nowhere\n")
    assert prepared.stop() == 0, prepared.log_tail()

    code, said = run(prepared, "index", "verify")
    assert code == 0, said
    assert said.endswith("equal\n")
    code, said = run(prepared, "index", "rebuild")
    assert code == 0, said
    assert "the index was made anew in keyspace" in said
    code, said = run(prepared, "index", "verify")
    assert code == 0, said

    prepared.start()
    after = s3.list_object_versions(Bucket="photos")
    for page in (before, after):
        del page["ResponseMetadata"]
    assert after == before
    s3.put_object(Bucket="photos", Key="new", Body=b"1")
    assert s3.get_object(Bucket="photos", Key="new")["Body"].read() == b"1"
    assert prepared.stop() == 0, prepared.log_tail()


def test_one_worker_audits_and_collects_what_all_gateways_do(prepared: ClusterServer, zones: Zones) -> None:
    prepared.start_worker(
        "--processors", "materializer,housekeeper,auditor,collector", "--gc-grace-seconds", "1"
    )
    prepared.start()
    code, said = run(prepared, "worker", "--processors", "auditor", "--data-dir", str(prepared.data_dir))
    assert code == 2
    assert "still work in" in said
    s3 = client(prepared)
    s3.create_bucket(Bucket="audited")
    bucket = tomllib.loads(prepared.config.read_text())["cluster"]["zones"][0]["bucket"]
    before = blocks(zones, bucket)
    for body in (b"1" * 100_000, b"2" * 100_000):
        s3.put_object(Bucket="audited", Key="large", Body=body)
    until(lambda: blocks(zones, bucket) == before + 3)  # three copies of the second; the first is gone
    trail = prepared.data_dir / "audit"
    until(lambda: lines(trail, '"CreateBucket"') >= 1 and lines(trail, '"type":"object.created"') >= 2)
    assert prepared.stop() == 0, prepared.log_tail()
    code, said = run(prepared, "audit", "verify", "--data-dir", str(prepared.data_dir))
    assert code == 0, said
    assert "an unbroken chain" in said


def until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < limit, "did not happen in time"
        time.sleep(0.1)


def blocks(zones: Zones, bucket: str) -> int:
    """How many blocks of blobs there are in all zones."""
    count = 0
    for zone in zones.zones:
        found = Minio(
            zone.endpoint.partition("://")[2],
            access_key=zone.access_key,
            secret_key=zone.secret_key,
            secure=zone.endpoint.startswith("https"),
        ).list_objects(bucket, "blobs/", recursive=True)
        count += sum(1 for one in found if "/b0" in (one.object_name or ""))
    return count


def lines(trail: Path, text: str) -> int:
    """How many lines of the audit trail hold that text."""
    files = trail.glob("audit-*.jsonl")
    return sum(text in line.replace(": ", ":") for file in files for line in file.read_text().splitlines())
