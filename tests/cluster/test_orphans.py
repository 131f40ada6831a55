"""Gateways killed in mid-upload: after the sweep the zones hold exactly what the index names."""

import asyncio
import http.client
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from minio import Minio

from access.keyring import KeyRing
from blobs.s3.names import blob_of
from index.cassandra.index import CassandraIndex
from schemas.manifest import Manifest
from strandline.cluster.connections import cassandra_connection
from strandline.cluster.services import open_zone_blobs
from strandline.cluster.settings import ClusterSettings
from strandline.load_settings import load_settings
from tests.cluster import server as cluster_server
from tests.cluster.server import ClusterServer
from tests.cluster.services import Cassandra, Kafka, Zones
from tests.server import Server, free_port, sample, strandline

pytestmark = pytest.mark.cluster

LEASE = 8
MIB = 1024 * 1024
BUCKET = "uploads"
ROUNDS, WRITERS = 4, 6


@pytest.fixture
def server(tmp_path: Path, kafka: Kafka, cassandra: Cassandra, zones: Zones) -> Iterator[ClusterServer]:
    server = ClusterServer(tmp_path / "one", kafka, cassandra, zones)
    text = server.config.read_text()
    server.config.write_text(text.replace("[cluster]\n", f"[cluster]\nwrite_lease_seconds = {LEASE}\n"))
    server.prepare()
    yield server
    server.kill()


client = partial(cluster_server.client, read_timeout=30, s3={"addressing_style": "path"})


class Writer:
    """Puts, overwrites, deletes, copies and uploads parts under keys of its own until told to stop. Keeps
    what was acknowledged last of each key; None where it cannot tell."""

    def __init__(self, server: ClusterServer, name: str) -> None:
        self.known: dict[str, bytes | None] = {}
        self._s3, self._name = client(server), name
        self._choose = random.Random(name)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            key = f"{self._name}/{self._choose.randrange(4)}"
            act = self._choose.choice((self._put, self._put, self._upload, self._copy, self._delete))
            self.known[key] = None
            try:
                self.known[key] = act(key)
            except (BotoCoreError, ClientError):
                time.sleep(0.05)

    def _put(self, key: str) -> bytes:
        body = os.urandom(self._choose.choice((20_000, 200_000, 5 * MIB)))
        self._s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        return body

    def _upload(self, key: str) -> bytes:
        upload = self._s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
        place = {"Bucket": BUCKET, "Key": key, "UploadId": upload}
        bodies = [os.urandom(5 * MIB), os.urandom(50_000)]
        tags = [
            self._s3.upload_part(**place, PartNumber=number, Body=body)["ETag"]
            for number, body in enumerate(bodies, 1)
        ]
        parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
        self._s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
        return b"".join(bodies)

    def _copy(self, key: str) -> bytes:
        source = f"{self._name}/source"
        body = os.urandom(100_000)
        self._s3.put_object(Bucket=BUCKET, Key=source, Body=body)
        self._s3.copy_object(Bucket=BUCKET, Key=key, CopySource={"Bucket": BUCKET, "Key": source})
        self._s3.delete_object(Bucket=BUCKET, Key=source)
        return body

    def _delete(self, key: str) -> bytes:
        self._s3.delete_object(Bucket=BUCKET, Key=key)
        return b""


def begin_upload(server: ClusterServer, key: str, size: int, sent: int) -> http.client.HTTPConnection:
    """A PUT of which only the first bytes are sent."""
    url = client(server).generate_presigned_url("put_object", {"Bucket": BUCKET, "Key": key})
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    connection.putrequest("PUT", f"{parts.path}?{parts.query}")
    connection.putheader("Content-Length", str(size))
    connection.endheaders()
    connection.send(os.urandom(sent))
    return connection


def in_zones(zones: Zones, cluster: ClusterSettings) -> list[set[bytes]]:
    """The blobs that each zone has anything of."""
    found = []
    for zone in zones.zones:
        objects = Minio(
            zone.endpoint.partition("://")[2],
            access_key=zone.access_key,
            secret_key=zone.secret_key,
            secure=zone.endpoint.startswith("https"),
        ).list_objects(cluster.zones[0].bucket, "blobs/", recursive=True)
        found.append({blob for one in objects if (blob := blob_of(one.object_name or "")) is not None})
    return found


async def named(cluster: ClusterSettings) -> set[bytes]:
    """The blobs that rows of the index name."""
    index = await CassandraIndex.open(cassandra_connection(cluster.cassandra))
    blobs = open_zone_blobs(cluster, KeyRing(cluster.keys_dir))
    await blobs.start()
    try:
        manifests: list[Manifest] = []
        async for versions in index.reader.all_versions():
            manifests += [row.manifest for _, row in versions if row.manifest is not None]
        async for parts in index.reader.all_parts():
            manifests += [part.manifest for part in parts]
        found: set[bytes] = set()
        for manifest in manifests:
            found.update(extent.blob for extent in manifest.extents if extent.blob)
            if manifest.spill is not None:
                found.add(manifest.spill.blob)
                found.update(extent.blob for extent in (await blobs.expand(manifest)).extents)
        return found
    finally:
        await blobs.close()
        await index.close()


def until(condition: Callable[[], bool], seconds: float) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "did not happen in time"
        time.sleep(0.2)


def kill_gateway(server: ClusterServer) -> None:
    Server.kill(server)  # and not its workers


def swept(server: ClusterServer, *flags: str) -> str:
    done = strandline(
        "zones", "sweep", "--gc-grace-seconds", "1", *flags, STRANDLINE_CONFIG=str(server.config)
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_gateways_killed_in_mid_upload_leave_nothing_behind(server: ClusterServer, zones: Zones) -> None:
    cluster = load_settings({}, server.config).cluster
    assert cluster is not None
    server.start_worker("--processors", "materializer")  # nobody sweeps by himself yet
    server.start()
    client(server).create_bucket(Bucket=BUCKET)
    known: dict[str, bytes | None] = {}
    choose = random.Random(5)
    for round_ in range(ROUNDS):
        writers = [Writer(server, f"{round_}-{number}") for number in range(WRITERS)]
        time.sleep(choose.uniform(0.5, 2.0))
        before = in_zones(zones, cluster)[0]
        begun = begin_upload(server, f"begun-{round_}", 20 * MIB, 9 * MIB)
        until(lambda before=before: len(in_zones(zones, cluster)[0] - before) > 0, 10)
        kill_gateway(server)
        begun.close()
        for writer in writers:
            writer.stop()
            known |= writer.known
        server.start()
    # Not old enough, all of it: nothing of a running request may be touched.
    held = in_zones(zones, cluster)
    leftovers = set().union(*held) - asyncio.run(named(cluster))
    assert len(leftovers) >= ROUNDS
    count = f"nothing names {len(leftovers)} of them"
    until(lambda: count in swept(server, "--dry-run"), 4 * LEASE + 120)
    assert in_zones(zones, cluster) == held
    assert f"nothing named {len(leftovers)} of them" in swept(server)
    assert in_zones(zones, cluster) == [asyncio.run(named(cluster))] * len(zones.zones)
    assert "and nothing names 0 of them" in swept(server, "--dry-run")

    s3 = client(server)
    certain = {key: body for key, body in known.items() if body is not None}
    assert certain
    for key, body in certain.items():
        if body:
            assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == body
        else:
            with pytest.raises(ClientError, match="NoSuchKey"):
                s3.get_object(Bucket=BUCKET, Key=key)
    assert server.stop() == 0, server.log_tail()


def test_the_housekeeper_sweeps_by_itself(server: ClusterServer, zones: Zones) -> None:
    cluster = load_settings({}, server.config).cluster
    assert cluster is not None
    port = free_port()
    server.start_worker("--gc-grace-seconds", "1", "--worker-listen", f"127.0.0.1:{port}")
    server.start()
    s3 = client(server)
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="kept", Body=bytes(100_000))
    begun = begin_upload(server, "begun", 20 * MIB, 9 * MIB)
    until(lambda: len(in_zones(zones, cluster)[0]) == 2, 10)
    kill_gateway(server)
    begun.close()
    began = time.time()
    until(lambda: len(set().union(*in_zones(zones, cluster))) == 1, 6 * LEASE + 30)
    until(lambda: sample(port, "strandline_orphan_sweep_timestamp_seconds ") >= int(began), 10)
    assert sample(port, "strandline_orphans_found_total ") == 1
    assert sample(port, "strandline_orphan_freed_bytes_total ") >= 8 * MIB
    server.start()
    assert s3.get_object(Bucket=BUCKET, Key="kept")["Body"].read() == bytes(100_000)
    assert server.stop() == 0, server.log_tail()
