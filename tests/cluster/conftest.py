"""Zones that a test may hurt: processes of its own, so that no other test notices."""

from collections.abc import Iterator

import pytest

from compose.native.jars import NotAvailable
from compose.native.minio import MinioZones
from compose.native.ports import free_ports
from compose.native.process import start_all, stop_all
from tests.cluster.services import ZONES, Zones, unavailable


@pytest.fixture(scope="module")
def own_zones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zones]:
    """Three zones for the tests of one file."""
    try:
        started = MinioZones(tmp_path_factory.mktemp("zones"), free_ports(ZONES))
    except NotAvailable as missing:
        unavailable(str(missing))
    try:
        start_all(started.processes)
        yield Zones(tuple(started.zones), tuple(started.processes))
    finally:
        stop_all(started.processes)


@pytest.fixture
def hurt_zones(own_zones: Zones) -> Iterator[Zones]:
    """The same, well again at the end of each test."""
    yield own_zones
    for process in own_zones.processes:
        process.resume()
        process.start()
    for process in own_zones.processes:
        process.wait()
