"""Access logs: lines, keys and stored form of records; what the queue of a gateway takes."""

import re
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from processors.access_log import line, log_key
from processors.request_log import ACCESS_BATCH_BYTES, RequestLog, decode_access, decode_batch
from schemas.access_record import AccessRecord, weight
from schemas.configurations.logging import LoggingEnabled, PartitionedPrefix, TargetObjectKeyFormat
from schemas.errors import StorageFull

# Only the time is in brackets with a space between them: an IPv6 host is "[::1]:9000".
FIELD = re.compile(r'\[\d\d/\w{3}/[\d:]+ \+0000\]|"[^"]*"|[^ ]+')
RECORD = AccessRecord(
    "bucket", "owner", "012345678901", 1_700_000_000_123, "127.0.0.1", "arn:who", "AB01", "REST.GET.OBJECT",
    "a b",
    "GET /bucket/a%20b HTTP/1.1", 206, "", 2, 5, 12, 7, "", "tool", "v", "id2", "SigV4", "AuthHeader",
    "host:1",
)  # fmt: skip
GOLDEN = bytes.fromhex(
    "93900091dc0019a66275636b6574a56f776e6572ac303132333435363738393031cf0000018bcfe5687ba93132372e30"
    "2e302e31a761726e3a77686fa441423031af524553542e4745542e4f424a454354a3612062ba474554202f6275636b65"
    "742f612532306220485454502f312e31cccea002050c07a0a4746f6f6ca176a3696432a55369675634aa417574684865"
    "61646572a6686f73743a31a0c2"
)
DAY = 24 * 3600 * 1000


def test_the_line() -> None:
    assert line(RECORD) == (
        "owner bucket [14/Nov/2023:22:13:20 +0000] 127.0.0.1 arn:who AB01 REST.GET.OBJECT a%20b "
        '"GET /bucket/a%20b HTTP/1.1" 206 - 2 5 12 7 "-" "tool" v id2 SigV4 - AuthHeader host:1 - - -'
    )


@example({"source": "[]0"})
@given(st.fixed_dictionaries({name: st.text() for name in (
    "requester", "key", "uri", "error", "referer", "user_agent", "version", "host", "source",
)}))  # fmt: skip
def test_no_request_breaks_a_line(chosen: dict[str, Any]) -> None:
    made = line(msgspec.structs.replace(RECORD, **chosen))
    assert made.isascii()
    assert made.isprintable()
    assert len(FIELD.findall(made)) == 26


@pytest.mark.parametrize(
    ("source", "key"),
    [
        (None, "p/1970-01-03-00-00-01-U"),
        ("DeliveryTime", "p/012345678901/region/bucket/1970/01/03/1970-01-03-00-00-01-U"),
        ("EventTime", "p/012345678901/region/bucket/1970/01/02/1970-01-02-00-00-00-U"),
    ],
)
def test_keys(source: Any, key: str) -> None:
    form = None if source is None else TargetObjectKeyFormat(partitioned_prefix=PartitionedPrefix(source))
    enabled = LoggingEnabled("target", "p/", form)
    assert log_key(enabled, "012345678901", "region", "bucket", DAY + 5000, 2 * DAY + 1000, "U") == key


def test_the_queue_is_bounded_by_bytes_and_batches_are_small() -> None:
    published: list[bytes] = []
    log = RequestLog(published.append, audited=False)
    long = msgspec.structs.replace(RECORD, uri="x" * 24 * 1024, user_agent="y" * 8 * 1024)
    for _ in range(3000):
        log.access(long)
    log.flush()
    kept = sum(len(decode_access(payload)) for payload in published)
    assert 32 * 1024 * 1024 <= kept * weight(long) <= 32 * 1024 * 1024 + weight(long)
    assert max(map(len, published)) <= ACCESS_BATCH_BYTES + weight(long)
    log.access(long)  # there is room again
    log.flush()
    assert sum(len(decode_access(payload)) for payload in published) == kept + 1


def test_what_cannot_be_published_is_kept_in_order() -> None:
    published: list[bytes] = []
    full = True

    def publish(payload: bytes) -> None:
        if full:
            raise StorageFull("full")
        published.append(payload)

    log = RequestLog(publish)
    for number in range(3):
        log.access(msgspec.structs.replace(RECORD, key=str(number)))
    log.observe("GetObject", "b", "k", 200, 0, 0, 0.1, "who", "::1", "ab", "")
    log.flush()
    full = False
    log.flush()
    assert [record.key for payload in published for record in decode_access(payload)] == ["0", "1", "2"]
    assert [record.key for payload in published for record in decode_batch(payload).records] == ["k"]


def test_the_stored_form_is_frozen() -> None:
    published: list[bytes] = []
    log = RequestLog(published.append)
    log.access(RECORD)
    log.flush()
    assert published == [GOLDEN]
    assert decode_access(GOLDEN) == decode_batch(GOLDEN).access == [RECORD]
    short = msgspec.msgpack.encode(([], 0, [["b", "o", "a", 1, "s", "r", "i", "op", "k", "u", 200, "", 0]]))
    assert decode_access(short) == [AccessRecord("b", "o", "a", 1, "s", "r", "i", "op", "k", "u", 200, "", 0)]


def test_batches_of_before_have_no_access_records() -> None:
    assert decode_access(msgspec.msgpack.encode(([], 0))) == []
