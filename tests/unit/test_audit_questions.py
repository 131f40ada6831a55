"""Questions to the audit trail over a worker's port: who may ask, what comes back, and what failures say."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import urllib3

from access.keyring import KeyRing
from gateway.rest.worker_page import QUESTION_LIMIT
from processors.audit_search import search
from schemas.audit import Question
from schemas.errors import AccessDenied, ServiceUnavailable
from strandline.cluster import audit_questions
from strandline.cluster.audit_questions import AuditorAnswers, RemoteTrail, prepare_questions
from strandline.cluster.worker_port import worker_port
from strandline.exposition import ORPHANS, SWEEP_COUNTERS, SWEPT
from strandline.metrics import Metrics
from strandline.settings import Settings
from tests.server import free_port
from tests.unit.test_audit_search import request, trail


def ring(folder: Path) -> KeyRing:
    keys = KeyRing(folder)
    prepare_questions(keys)
    return keys


@pytest.fixture
def keys(tmp_path: Path) -> KeyRing:
    return ring(tmp_path / "keys")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A trail of three requests."""
    return trail(tmp_path / "audit", *(request(1000 * n, bucket=f"b{n}") for n in range(3)))


@asynccontextmanager
async def listening(answers: AuditorAnswers | None) -> AsyncIterator[str]:
    """A worker's port; its URL."""
    address = f"127.0.0.1:{free_port()}"
    metrics = Metrics((), SWEEP_COUNTERS, (SWEPT,))
    metrics.add(ORPHANS, 3)
    async with worker_port(Settings(), address, metrics, None if answers is None else answers.answer):
        yield f"http://{address}"


def test_what_is_asked_is_found(keys: KeyRing, folder: Path) -> None:
    async def scenario() -> None:
        async with listening(AuditorAnswers(keys, partial(search, folder))) as endpoint:
            remote = RemoteTrail(endpoint, keys, None)
            for question in (
                Question(),
                Question(bucket="b1"),
                Question(since=1500),
                Question(bucket="none"),
            ):
                assert await asyncio.to_thread(remote, question, 2) == search(folder, question, 2)
            found = await asyncio.to_thread(remote, Question(), 2, 2)
            assert [line["n"] for line in found.lines] == [3]

    asyncio.run(scenario())


def test_a_stranger_gets_nothing(keys: KeyRing, folder: Path, tmp_path: Path) -> None:
    stranger = ring(tmp_path / "other")

    async def scenario() -> None:
        async with listening(AuditorAnswers(keys, partial(search, folder))) as endpoint:
            with pytest.raises(ServiceUnavailable, match=r"answers 403: .*not sealed under the keys"):
                await asyncio.to_thread(RemoteTrail(endpoint, stranger, None), Question(), 1)
            ask = partial(urllib3.request, "POST", f"{endpoint}/audit/questions", retries=False)
            assert (await asyncio.to_thread(ask, body=b"")).status == 403
            assert (await asyncio.to_thread(ask, body=bytes(QUESTION_LIMIT + 1))).status == 413
        async with listening(AuditorAnswers(stranger, partial(search, folder))) as endpoint:
            with pytest.raises(ServiceUnavailable, match="answers 403"):
                await asyncio.to_thread(RemoteTrail(endpoint, keys, None), Question(), 1)

    asyncio.run(scenario())


def test_an_answer_is_that_of_its_question(
    keys: KeyRing, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever stands between the two cannot give the answer to another question."""
    answers = AuditorAnswers(keys, partial(search, folder))
    asked: list[bytes] = []

    def replay(self: RemoteTrail, sealed: bytes) -> tuple[int, bytes]:
        asked.append(sealed)
        return 200, answers.answer(asked[0])

    monkeypatch.setattr(RemoteTrail, "_post", replay)
    remote = RemoteTrail("http://auditor.example:9003", keys, None)
    assert remote(Question(bucket="b1"), 10).lines
    with pytest.raises(ServiceUnavailable, match="its answer is not sealed"):
        remote(Question(bucket="b2"), 10)


@pytest.mark.parametrize("seconds", [-400, 400])
def test_an_old_question_is_not_answered(
    keys: KeyRing, folder: Path, seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = AuditorAnswers(keys, partial(search, folder), lambda: time.time() + seconds)
    monkeypatch.setattr(RemoteTrail, "_post", lambda _, sealed: (200, answers.answer(sealed)))
    with pytest.raises(
        AccessDenied, match=f"asked {'-' if seconds < 0 else ''}[34]..? s ago.*may be 300 s old"
    ):
        RemoteTrail("http://auditor.example:9003", keys, None)(Question(), 1)


def test_an_auditor_that_is_away_or_hangs(keys: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ServiceUnavailable, match=r"127\.0\.0\.1:.* cannot be asked: .*refused"):
        RemoteTrail(f"http://127.0.0.1:{free_port()}", keys, None)(Question(), 1)
    monkeypatch.setattr(audit_questions, "SECONDS", 0.1)

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ServiceUnavailable, match=r"no answer within 0\.1 s"):
            RemoteTrail(endpoint, keys, None)(Question(), 1)


def test_a_damaged_trail_is_told(keys: KeyRing, folder: Path) -> None:
    (folder / "head").unlink()

    async def scenario() -> None:
        async with listening(AuditorAnswers(keys, partial(search, folder))) as endpoint:
            with pytest.raises(ServiceUnavailable, match=r"answers 503: .*head"):
                await asyncio.to_thread(RemoteTrail(endpoint, keys, None), Question(), 1)

    asyncio.run(scenario())


def test_a_worker_without_a_trail(keys: KeyRing) -> None:
    """It has health checks and metrics."""

    async def scenario() -> None:
        async with listening(None) as endpoint:
            with pytest.raises(ServiceUnavailable, match="answers 404"):
                await asyncio.to_thread(RemoteTrail(endpoint, keys, None), Question(), 1)
            get = partial(urllib3.request, "GET", retries=False)
            assert (await asyncio.to_thread(get, f"{endpoint}/health/ready")).json() == {"status": "ready"}
            page = (await asyncio.to_thread(get, f"{endpoint}/metrics")).data.decode()
            assert "strandline_orphans_found_total 3.0\n" in page
            assert "strandline_orphan_freed_bytes_total 0.0\n" in page
            assert "strandline_orphan_sweep_timestamp_seconds 0.0\n" in page

    asyncio.run(scenario())
