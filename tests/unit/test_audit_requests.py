"""The request log: bounded in memory, cut into batches, nothing lost while the topic cannot take it."""

import asyncio

import pytest

import processors.request_log
from processors.request_log import BATCH_RECORDS, RequestLog, decode_batch
from schemas.errors import LogBroken, StorageFull, StrandlineError


class Topic:
    """What was published; raises `error` while it is set."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []
        self.error: StrandlineError | None = None

    def publish(self, payload: bytes) -> None:
        if self.error is not None:
            raise self.error
        self.payloads.append(payload)

    def keys(self) -> list[str]:
        return [record.key for payload in self.payloads for record in decode_batch(payload).records]

    def lost(self) -> int:
        return sum(decode_batch(payload).lost for payload in self.payloads)


def observe(log: RequestLog, count: int, start: int = 0) -> None:
    for i in range(start, start + count):
        log.observe("GetObject", "b", str(i), 200, 0, 0, 0.1, "who", "::1", "ab", "")


def test_batches_are_bounded() -> None:
    topic = Topic()
    log = RequestLog(topic.publish)
    observe(log, 2 * BATCH_RECORDS + 1)
    log.flush()
    assert [len(decode_batch(payload).records) for payload in topic.payloads] == [BATCH_RECORDS] * 2 + [1]
    assert topic.keys() == [str(i) for i in range(2 * BATCH_RECORDS + 1)]
    log.flush()
    assert len(topic.payloads) == 3


@pytest.mark.parametrize("error", [StorageFull("full"), LogBroken("broken")])
def test_records_wait_while_the_topic_takes_none(error: StrandlineError) -> None:
    topic = Topic()
    log = RequestLog(topic.publish)
    topic.error = error
    observe(log, 3)
    log.flush()
    observe(log, 2, start=3)
    topic.error = None
    log.flush()
    assert topic.keys() == ["0", "1", "2", "3", "4"]
    assert topic.lost() == 0


def test_what_does_not_fit_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors.request_log, "QUEUE_RECORDS", 10)
    topic = Topic()
    log = RequestLog(topic.publish)
    topic.error = StorageFull("full")
    observe(log, 14)
    log.flush()
    observe(log, 1)
    topic.error = None
    log.flush()
    assert (len(topic.keys()), topic.lost()) == (10, 5)
    observe(log, 1)
    log.flush()
    assert (len(topic.keys()), topic.lost()) == (11, 5)


def test_stop_publishes_what_there_is() -> None:
    async def main() -> None:
        topic = Topic()
        log = RequestLog(topic.publish)
        log.start()
        observe(log, 1)
        await log.stop()
        assert topic.keys() == ["0"]

    asyncio.run(main())


def test_a_text_without_utf8_holds_nothing_up() -> None:
    published: list[bytes] = []
    log = RequestLog(published.append)
    log.observe("GetObject", "b", "k\ud800", 200, 0, 0, 0.1, "who", "::1", "ab", "")
    observe(log, 1)
    log.flush()
    (batch,) = map(decode_batch, published)
    assert [record.key for record in batch.records] == ["k?", "0"]
