"""nginx with the generated rules, before servers that say who they are: each operation reaches its role."""

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from compose.gateway import Addresses, nginx_conf
from compose.native.ports import free_ports, is_listening
from gateway.operations import OPERATIONS, UNMODELLED, Operation
from tests.server import clean_environment

START_SECONDS = 20


class Role(ThreadingHTTPServer):
    """Answers with its name and with the request as it came."""

    daemon_threads = True

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), Echo)
        self.name = name
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        assert isinstance(self.server, Role)
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.send_header("x-role", self.server.name)
        self.send_header("x-target", self.requestline.split()[1])
        self.send_header("x-host", self.headers["host"])
        self.send_header("content-length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_OPTIONS = answer

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing to standard error."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """Its ports for S3 and for the API."""
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed")
    folder: Path = tmp_path_factory.mktemp("nginx")
    roles = [Role("ingest"), Role("ingest api"), Role("query"), Role("query api")]
    places = [f"127.0.0.1:{role.server_port}" for role in roles]
    s3, api = free_ports(2)
    listen = f"127.0.0.1:{s3}", f"127.0.0.1:{api}"
    addresses = Addresses((places[0], places[1]), (places[2], places[3]), listen)
    conf = nginx_conf(addresses).replace("/tmp/nginx", f"{folder}/nginx")
    (folder / "nginx.conf").write_text(conf)
    process = subprocess.Popen(
        ["nginx", "-c", str(folder / "nginx.conf"), "-g", "daemon off;", "-e", "stderr"],
        env=clean_environment(),
    )
    try:
        limit = time.monotonic() + START_SECONDS
        while not (is_listening("127.0.0.1", s3) and is_listening("127.0.0.1", api)):
            assert process.poll() is None, "nginx ended"
            assert time.monotonic() < limit, "nginx did not start"
            time.sleep(0.05)
        yield s3, api
    finally:
        process.terminate()
        process.wait(START_SECONDS)
        for role in roles:
            role.shutdown()
            role.server_close()


def ask(port: int, method: str, target: str) -> dict[str, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, target, headers={"host": "s3.example:9000"})
        answer = connection.getresponse()
        answer.read()
        return {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


def targets(operation: Operation) -> list[str]:
    """Requests for it: its parameters in both orders, and others beside them."""
    path = {"service": "/", "bucket": "/bucket", "object": "/bucket/a/key"}[operation.level]
    parameters = [one if "=" in one else f"{one}=x" for one in operation.parameters.split()]
    if not parameters:
        return [path, f"{path}?x-id=1"]
    return [f"{path}?{'&'.join(order)}" for order in (parameters, [*parameters[::-1], "x-id=1"])]


@pytest.mark.parametrize("operation", OPERATIONS + UNMODELLED, ids=lambda operation: operation.name)
def test_an_operation_reaches_its_role(gateway: tuple[int, int], operation: Operation) -> None:
    for target in targets(operation):
        answer = ask(gateway[0], operation.method, target)
        assert answer["x-role"] == ("query" if operation.reads else "ingest"), target


@pytest.mark.parametrize(
    "target", ["/b/k?select=1", "/b/k?preselect&select-type=2", "/b/k?selected=1&select-type=2"]
)
def test_a_post_that_only_looks_like_one_that_reads_is_a_write(gateway: tuple[int, int], target: str) -> None:
    assert ask(gateway[0], "POST", target)["x-role"] == "ingest"


@pytest.mark.parametrize("target", ["/b/a//b/../c%2Fd%20e?prefix=%2F", "/b/%E2%82%AC?x=+%20", "//b//"])
def test_path_query_and_host_arrive_as_they_were_signed(gateway: tuple[int, int], target: str) -> None:
    answer = ask(gateway[0], "GET", target)
    assert answer["x-target"] == target
    assert answer["x-host"] == "s3.example:9000"


def test_the_api_has_the_same_rules(gateway: tuple[int, int]) -> None:
    assert ask(gateway[1], "GET", "/buckets")["x-role"] == "query api"
    assert ask(gateway[1], "POST", "/buckets")["x-role"] == "ingest api"
    assert ask(gateway[1], "DELETE", "/buckets/b")["x-role"] == "ingest api"
