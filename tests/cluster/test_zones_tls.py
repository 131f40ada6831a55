"""Zones behind TLS, with certificates of an authority of our own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from access.keyring import KeyRing
from compose.native.jars import NotAvailable
from compose.native.minio import MinioZones, Zone
from compose.native.ports import free_ports
from compose.native.process import start_all, stop_all
from schemas.errors import ServiceUnavailable
from tests.certificates import Certificates, make_certificates
from tests.cluster.services import ZONES, Zones, unavailable
from tests.cluster.zone_blobs import endpoints_of, open_blobs, run, write

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def tls_zones(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[list[Zone]]:
    folder = tmp_path_factory.mktemp("tls-zones")
    try:
        started = MinioZones(folder, free_ports(ZONES), certs=certificates.cert.parent)
    except NotAvailable as missing:
        unavailable(str(missing))
    try:
        start_all(started.processes)
        yield started.zones
    finally:
        stop_all(started.processes)


def test_zones_are_spoken_to_over_tls(
    tls_zones: list[Zone], certificates: Certificates, tmp_path: Path
) -> None:
    async def body(keys: KeyRing, key: str) -> None:
        assert all(zone.endpoint.startswith("https://") for zone in tls_zones)
        async with open_blobs(endpoints_of(tls_zones, ca=certificates.ca), keys) as blobs:
            data = os.urandom(5_000_000)
            manifest = await write(blobs, key, data)
            assert await blobs.read(manifest, 0, len(data)) == data
            shared = await blobs.share(key, manifest, os.urandom(16))
            assert await blobs.free_many((manifest, shared)) >= len(data)
            assert blobs.zones_away() == {}

    run(tmp_path, body)


def test_a_certificate_that_nobody_trusts_is_refused(tls_zones: list[Zone], tmp_path: Path) -> None:
    async def body(keys: KeyRing, key: str) -> None:
        async with open_blobs(endpoints_of(tls_zones), keys) as blobs:
            with pytest.raises(ServiceUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
                await write(blobs, key, b"data")

    run(tmp_path, body)


def test_a_zone_that_speaks_no_tls_is_refused(zones: Zones, tmp_path: Path) -> None:
    async def body(keys: KeyRing, key: str) -> None:
        encrypted = [zone._replace(endpoint=zone.endpoint.replace("http:", "https:")) for zone in zones.zones]
        async with open_blobs(endpoints_of(encrypted), keys) as blobs:
            with pytest.raises(ServiceUnavailable, match="SSL"):
                await write(blobs, key, b"data")

    run(tmp_path, body)
