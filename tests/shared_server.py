"""The server that tests share which only talk to it: one for each test process, in the mode asked for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server import Server


@pytest.fixture(scope="session")
def shared_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server over a data folder, or, with `--mode cluster`, a `tests.cluster.server.ClusterServer`."""
    folder: Path = tmp_path_factory.mktemp("store")
    if request.config.getoption("mode") == "embedded":
        server = Server(folder / "data", folder / "log")
    else:
        from tests.cluster.server import ClusterServer

        services = [request.getfixturevalue(name) for name in ("kafka", "cassandra", "zones")]
        server = ClusterServer(folder, *services)
        server.prepare()
    server.start()
    try:
        yield server
        code = server.stop()
        assert code == 0, f"the server ended with {code} on SIGTERM:\n{server.log_tail()}"
    finally:
        server.kill()
