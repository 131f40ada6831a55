"""A server of two worker processes is one store: every worker sees at once what any of them acknowledged."""

import contextlib
import http.client
import os
import re
import signal
import threading
import time
import uuid
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from tests.processes import children, command_line, connected_ports, is_running, listens
from tests.s3.raw import Answer, Raw
from tests.server import ACCESS_KEY, SECRET_KEY, Server, metric

pytestmark = pytest.mark.embedded

WORKERS = 2
CONNECTIONS = 12
WAIT_SECONDS = 60
ENABLED = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
SUSPENDED = b"<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"


class Kept(Raw):
    """A client that stays on one connection, and so with one worker."""

    @property
    def local_port(self) -> int:
        assert self._connection.sock is not None
        return int(self._connection.sock.getsockname()[1])

    def send(
        self,
        method: str,
        target: str,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        signed: bool = True,
        change: dict[str, str] | None = None,
    ) -> Answer:
        named = self.sign(method, target, body, dict(headers or {}))
        self._connection.request(method, target, body or None, named)
        return self.receive()


ANNOUNCED = re.compile(r"AWS_ACCESS_KEY_ID=(\S+)\s+export AWS_SECRET_ACCESS_KEY=(\S+)\s")
T = TypeVar("T")


def until(condition: Callable[[], T | None], what: str, seconds: float = WAIT_SECONDS) -> T:
    """Wait for a condition; returns what it gave."""
    limit = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < limit, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.02)
    return found


@contextlib.contextmanager
def connections(server: Server, keys: tuple[str, str] = (ACCESS_KEY, SECRET_KEY)) -> Iterator[list[Kept]]:
    """Clients of which every worker serves some. The kernel spreads connections by their ports' hash."""
    with contextlib.ExitStack() as stack:

        def connect() -> list[Kept] | None:
            clients = [Kept(server.endpoint, *keys) for _ in range(CONNECTIONS)]
            for client in clients:
                stack.callback(client.close)
                assert client.send("GET", "/").status == 200
            ports = {client.local_port for client in clients}
            served = [ports & connected_ports(pid, server.port) for pid in worker_pids(server)]
            return clients if len(served) == WORKERS and all(served) else None

        yield until(connect, "every worker has connections")


def worker_pids(server: Server) -> list[int]:
    return _children(server, "strandline.worker")


def processors_pids(server: Server) -> list[int]:
    return _children(server, "strandline.processors_role")


def _children(server: Server, module: str) -> list[int]:
    assert server.process is not None
    return [pid for pid in children(server.process.pid) if module in command_line(pid)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("workers")
    server = Server(folder / "data", folder / "log", "--workers", str(WORKERS))
    server.start()
    try:
        yield server
        assert server.stop() == 0, server.log_tail()
    finally:
        server.kill()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    """A server of this test alone, for what it does to the processes."""
    server = Server(tmp_path / "data", tmp_path / "log", "--workers", str(WORKERS))
    server.start()
    try:
        yield server
    except BaseException:
        print(server.log_tail())
        raise
    finally:
        server.kill()


@pytest.fixture
def raws(server: Server) -> Iterator[list[Kept]]:
    """Connections that reach every worker."""
    with connections(server) as clients:
        yield clients


@pytest.fixture
def bucket(raws: list[Kept]) -> str:
    name = f"w-{uuid.uuid4().hex[:20]}"
    assert raws[0].send("PUT", f"/{name}").status == 200
    return name


def listed(raw: Raw, bucket: str) -> list[str]:
    answer = raw.send("GET", f"/{bucket}?list-type=2")
    assert answer.status == 200, answer
    return [str(one.text) for one in ElementTree.fromstring(answer.body).iterfind("{*}Contents/{*}Key")]


def test_every_worker_reads_what_any_wrote(raws: list[Kept], bucket: str) -> None:
    for turn, writer in enumerate(raws):
        # Inline, packed and in a file; overwritten by each connection in turn.
        for size in (100, 5_000, 1_200_000 if turn % 4 == 0 else 60_000):
            content = os.urandom(size)
            answer = writer.send("PUT", f"/{bucket}/k", {}, content)
            assert answer.status == 200, answer
            for reader in raws:
                got = reader.send("GET", f"/{bucket}/k")
                assert (got.status, got.headers["etag"]) == (200, answer.headers["etag"])
                assert got.body == content
                head = reader.send("HEAD", f"/{bucket}/k")
                assert head.headers["content-length"] == str(size)
        for reader in raws:
            assert listed(reader, bucket) == ["k"]
        assert writer.send("DELETE", f"/{bucket}/k").status == 204
        for reader in raws:
            assert reader.send("GET", f"/{bucket}/k").status == 404
            assert reader.send("HEAD", f"/{bucket}/k").status == 404
            assert listed(reader, bucket) == []


def test_versioning_holds_everywhere_once_acknowledged(raws: list[Kept], bucket: str) -> None:
    for raw in raws:  # every worker has the bucket in its cache
        assert raw.send("PUT", f"/{bucket}/k", {}, b"before").status == 200
    assert raws[0].send("PUT", f"/{bucket}?versioning=", {}, ENABLED).status == 200
    versions = {raw.send("PUT", f"/{bucket}/k", {}, b"v").headers.get("x-amz-version-id") for raw in raws}
    assert len(versions - {None, "null"}) == len(raws)
    assert raws[1].send("PUT", f"/{bucket}?versioning=", {}, SUSPENDED).status == 200
    for raw in raws:
        assert raw.send("PUT", f"/{bucket}/k", {}, b"n").headers.get("x-amz-version-id") in (None, "null")
        assert b"Suspended" in raw.send("GET", f"/{bucket}?versioning=").body


def test_buckets_come_and_go_everywhere_at_once(raws: list[Kept]) -> None:
    for maker in raws:
        name = f"w-{uuid.uuid4().hex[:20]}"
        assert maker.send("PUT", f"/{name}").status == 200
        for raw in raws:
            assert raw.send("PUT", f"/{name}/k", {}, b"x" * 2000).status == 200
            assert raw.send("GET", f"/{name}/k").body == b"x" * 2000
            assert raw.send("DELETE", f"/{name}/k").status == 204
        assert maker.send("DELETE", f"/{name}").status == 204
        for raw in raws:
            assert raw.send("HEAD", f"/{name}").status == 404
            # Without a body: one that is refused unread may cost the connection.
            assert raw.send("PUT", f"/{name}/k").code == "NoSuchBucket"


def _put_new(start: threading.Barrier, target: str, raw: Kept, content: bytes) -> int:
    start.wait(WAIT_SECONDS)
    return raw.send("PUT", target, {"If-None-Match": "*"}, content).status


def _swap(target: str, etag: str, raw: Kept, content: bytes) -> Answer:
    return raw.send("PUT", target, {"If-Match": etag}, content)


def test_one_of_many_conditional_writers_wins(raws: list[Kept], bucket: str) -> None:
    with ThreadPoolExecutor(len(raws)) as pool:
        for turn in range(10):
            bodies = [f"{turn} {number}".encode() * 300 for number in range(len(raws))]
            start = threading.Barrier(len(raws))

            statuses = list(pool.map(partial(_put_new, start, f"/{bucket}/race-{turn}"), raws, bodies))
            assert sorted(statuses) == [200] + [412] * (len(raws) - 1)
            won = bodies[statuses.index(200)]
            assert all(raw.send("GET", f"/{bucket}/race-{turn}").body == won for raw in raws)


def test_one_of_many_swaps_of_the_same_etag_wins(raws: list[Kept], bucket: str) -> None:
    etag = raws[0].send("PUT", f"/{bucket}/k", {}, b"0").headers["etag"]
    with ThreadPoolExecutor(len(raws)) as pool:
        for turn in range(1, 10):
            bodies = [b"%d.%d" % (turn, number) for number in range(len(raws))]
            answers = list(pool.map(partial(_swap, f"/{bucket}/k", etag), raws, bodies))
            won = [answer for answer in answers if answer.status == 200]
            assert len(won) == 1, [answer.status for answer in answers]
            etag = won[0].headers["etag"]


def test_metrics_add_up_over_the_workers(server: Server, raws: list[Kept], bucket: str) -> None:
    line = 'strandline_requests_total{operation="HeadBucket",status="200"}'
    before = metric(server, line)
    for raw in raws:
        for _ in range(5):
            assert raw.send("HEAD", f"/{bucket}").status == 200
    # Whichever worker is asked: a request is counted just after its answer has gone out.
    for _ in range(CONNECTIONS):
        until(lambda: metric(server, line) == before + 5 * len(raws), "all requests counted")


class Writing:
    """A client that writes new objects until told to stop, and remembers those that were acknowledged."""

    def __init__(self, number: int, raw: Kept, acknowledged: dict[str, bytes]) -> None:
        self.number, self.raw, self.acknowledged = number, raw, acknowledged

    def run(self, stop: threading.Event) -> None:
        step = 0
        while not stop.is_set():
            step += 1
            key, content = f"{self.number}/{step}", os.urandom(100 if step % 2 else 9_000)
            try:
                answer = self.raw.send("PUT", f"/kept/{key}", {}, content)
            except (OSError, http.client.HTTPException):
                self.raw.close()  # its worker is gone: the next request makes a new connection
                continue
            assert answer.status == 200, answer
            self.acknowledged[key] = content


def test_a_killed_worker_is_replaced_and_nothing_is_lost(own: Server) -> None:
    acknowledged: dict[str, bytes] = {}
    stop = threading.Event()
    with connections(own) as raws, ThreadPoolExecutor(len(raws)) as pool:
        assert raws[0].send("PUT", "/kept").status == 200
        running = [pool.submit(Writing(n, raw, acknowledged).run, stop) for n, raw in enumerate(raws)]
        try:
            for turn in range(1, 4):
                until(partial(_more_than, acknowledged, 150 * turn), "writes")
                victim = worker_pids(own)[0]
                os.kill(victim, signal.SIGKILL)
                until(partial(all_listen, own, victim), "a new worker listens")
        finally:
            stop.set()
        for one in running:
            one.result(WAIT_SECONDS)
    check_all(own, acknowledged)
    assert own.stop() == 0, own.log_tail()
    own.start()
    check_all(own, acknowledged)
    assert own.stop() == 0, own.log_tail()


def _more_than(acknowledged: dict[str, bytes], count: int) -> bool:
    return len(acknowledged) > count


def all_listen(server: Server, gone: int = 0) -> bool:
    """Whether there are as many workers as there should be, all of them listening, `gone` not among them."""
    pids = worker_pids(server)
    return gone not in pids and len(pids) == WORKERS and all(listens(pid, server.port) for pid in pids)


def check_all(server: Server, acknowledged: dict[str, bytes]) -> None:
    """Read every acknowledged object, through one worker or the other."""
    with connections(server) as raws:
        for number, (key, content) in enumerate(acknowledged.items()):
            assert raws[number % len(raws)].send("GET", f"/kept/{key}").body == content, key


def test_sigterm_ends_every_process(own: Server) -> None:
    assert own.process is not None
    until(partial(all_listen, own), "all workers listen")
    mine = [own.process.pid, *children(own.process.pid)]
    assert len(mine) == 2 + WORKERS
    assert own.stop() == 0, own.log_tail()
    assert none_runs(mine)


def none_runs(pids: list[int]) -> bool:
    return not any(map(is_running, pids))


def test_the_others_end_when_the_parent_is_killed(own: Server) -> None:
    for turn in range(3):
        until(partial(all_listen, own), "all workers listen")
        assert own.process is not None
        others = children(own.process.pid)
        with Raw(own.endpoint, ACCESS_KEY, SECRET_KEY) as raw:
            assert raw.send("PUT", f"/bucket-{turn}").status == 200
        os.kill(own.process.pid, signal.SIGKILL)
        own.process.wait(WAIT_SECONDS)
        if turn == 0:
            until(partial(none_runs, others), "the other processes ended")
        # In later turns it is started again at once: what still ends may keep neither ports nor lock.
        own.start()
        until(partial(all_listen, own), "all new workers listen")
        assert not {pid for pid in others if listens(pid, own.port)}
        with Raw(own.endpoint, ACCESS_KEY, SECRET_KEY) as raw:
            assert raw.send("HEAD", f"/bucket-{turn}").status == 200
        until(partial(none_runs, others), "the old processes ended")
    assert own.stop() == 0, own.log_tail()


def test_generated_credentials_work_in_every_worker(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", tmp_path / "log", "--workers", str(WORKERS))
    server.without_credentials()
    server.start()
    try:
        # One worker may be ready before all are, and they are told only then.
        shown = until(lambda: ANNOUNCED.search(server.log_tail()), "the credentials are shown")
        with connections(server, (shown[1], shown[2])) as raws:
            assert len(raws) == CONNECTIONS
        assert server.stop() == 0
    finally:
        server.kill()


def test_workers_that_come_to_listen_later_refuse_nothing(tmp_path: Path) -> None:
    """The first worker says that the server is ready; from then on each connection may reach a later one."""
    server = Server(tmp_path / "data", tmp_path / "log", "--workers", "6")
    server.start()
    try:
        statuses = set()
        while "docs: /docs" not in server.log_tail():  # it says so once all of them listen
            connection = http.client.HTTPConnection("127.0.0.1", server.api_port, timeout=10)
            connection.request("GET", "/buckets")
            statuses.add(connection.getresponse().status)
            connection.close()
        assert 503 not in statuses
    finally:
        assert server.stop() == 0


def test_a_worker_that_is_killed_while_it_starts_is_started_again(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", tmp_path / "log", "--workers", str(WORKERS))
    starting = threading.Thread(target=server.start)
    starting.start()
    try:
        until(lambda: server.process is not None, "the server is there")
        killed = until(lambda: worker_pids(server), "a worker is there")[0]
        os.kill(killed, signal.SIGKILL)
        starting.join(WAIT_SECONDS)
        until(partial(all_listen, server, killed), "all workers listen")
        until(lambda: "docs: /docs" in server.log_tail(), "the server says so")
        assert "exit code -9: starting it again" in server.log_tail()
        assert server.stop() == 0
    finally:
        server.kill()
        starting.join(WAIT_SECONDS)
