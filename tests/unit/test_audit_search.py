"""Requests looked up in the audit trail, and what its lines say."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from access.claim import claimed_access_key
from processors import audit_search, audit_trail
from processors.audit_lines import lost_line, request_line
from processors.audit_search import search
from processors.audit_trail import AuditTrail, trail_files
from processors.request_log import RequestRecord
from schemas.audit import Question
from schemas.errors import ConfigurationError
from strandline.commands.audit_query import parse_moment

ANN = "arn:aws:iam::111122223333:user/staff/ann"
ROOT = "arn:aws:iam::111122223333:root"


def request(time: int, operation: str = "GetObject", bucket: str = "photos", **more: Any) -> RequestRecord:
    return RequestRecord(
        time, operation, bucket, more.pop("key", "k"), 200, 1, 2, 0.5, "canonical", "192.0.2.1",
        more.pop("request_id", f"{time:08x}"), more.pop("error", ""), **more,
    )  # fmt: skip


def trail(folder: Path, *requests: RequestRecord) -> Path:
    made = AuditTrail(folder)
    made.append([request_line(one, "us-east-1") for one in requests], {"audit": len(requests)})
    made.close()
    return folder


def found(folder: Path, **question: Any) -> list[str]:
    return [line["requestID"] for line in search(folder, Question(**question), 100).lines]


# --- what a line says ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        (ROOT, {"type": "Root", "principalId": "U", "arn": ROOT, "accountId": "111122223333"}),
        (
            ANN,
            {
                "type": "IAMUser",
                "principalId": "U",
                "arn": ANN,
                "accountId": "111122223333",
                "userName": "ann",
            },
        ),
        (
            "arn:aws:sts::111122223333:assumed-role/reader/s1",
            {
                "type": "AssumedRole",
                "principalId": "U",
                "arn": "arn:aws:sts::111122223333:assumed-role/reader/s1",
                "accountId": "111122223333",
            },
        ),
    ],
)
def test_who_it_was(arn: str, expected: dict[str, str]) -> None:
    line = request_line(request(1, arn=arn, unique_id="U", access_key="AKIA"), "eu-west-1")
    assert line["userIdentity"] == {**expected, "accessKeyId": "AKIA"}
    assert line["awsRegion"] == "eu-west-1"


def test_whom_an_issuer_vouched_for() -> None:
    line = request_line(request(1, "sts:AssumeRoleWithWebIdentity", unique_id="issuer:aud:sub"), "us-east-1")
    assert line["userIdentity"] == {"type": "WebIdentityUser", "principalId": "issuer:aud:sub"}


def test_who_was_refused_is_told_by_the_key_it_named() -> None:
    line = request_line(request(1, error="InvalidAccessKeyId", access_key="AKIAX"), "us-east-1")
    assert line["userIdentity"] == {
        "type": "AWSAccount", "principalId": "", "accountId": "anonymous", "accessKeyId": "AKIAX"
    }  # fmt: skip
    assert line["errorCode"] == "InvalidAccessKeyId"


@pytest.mark.parametrize(
    ("operation", "key", "expected"),
    [
        ("GetObject", "k", ("s3.amazonaws.com", "GetObject", True, "Data")),
        ("ListObjectsV2", "", ("s3.amazonaws.com", "ListObjectsV2", True, "Data")),
        ("PutBucketPolicy", "", ("s3.amazonaws.com", "PutBucketPolicy", False, "Management")),
        ("iam:CreateUser", "", ("iam.amazonaws.com", "CreateUser", False, "Management")),
        ("kms:Decrypt", "", ("kms.amazonaws.com", "Decrypt", True, "Management")),
    ],
)
def test_what_it_was(operation: str, key: str, expected: tuple[Any, ...]) -> None:
    line = request_line(request(1, operation, key=key), "us-east-1")
    names = ("eventSource", "eventName", "readOnly", "eventCategory")
    assert tuple(line[name] for name in names) == expected
    assert line["managementEvent"] == (expected[3] == "Management")


@pytest.mark.parametrize(
    ("authorization", "query", "expected"),
    [
        ("AWS4-HMAC-SHA256 Credential=AKIA1/20260101/us-east-1/s3/aws4_request, Signature=0", "", "AKIA1"),
        ("AWS AKIA2:c2ln", "", "AKIA2"),
        ("", "X-Amz-Credential=AKIA3%2F20260101%2Fus-east-1&X-Amz-Signature=0", "AKIA3"),
        ("", "AWSAccessKeyId=AKIA4&Signature=0", "AKIA4"),
        ("Bearer secret", "prefix=a", ""),
        ("", "x-Credential=AKIA5&prefix=AWSAccessKeyId=AKIA5", ""),
        ("Bearer Credential=AKIA6", "", ""),
        ("AWS4-HMAC-SHA256 SignedHeaders=host, Credential=AKIA7/20260101", "", "AKIA7"),
        ("AWS " + "A" * 200, "", "A" * 128),
    ],
)
def test_the_key_that_a_request_names(authorization: str, query: str, expected: str) -> None:
    assert claimed_access_key(authorization, query) == expected


# --- what is found ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ({}, ["a", "b", "c", "d"]),
        ({"since": 2000}, ["b", "c", "d"]),
        ({"until": 3000}, ["a", "b"]),
        ({"since": 2000, "until": 2001}, ["b"]),
        ({"bucket": "photos"}, ["a", "c"]),
        ({"bucket": "photo"}, []),
        ({"action": "PutObject"}, ["b"]),
        ({"action": "s3:PutObject"}, ["b"]),
        ({"action": "iam:CreateUser"}, ["d"]),
        ({"action": "s3:CreateUser"}, []),
        ({"principal": ANN}, ["b", "c"]),
        ({"principal": "ann"}, ["b", "c"]),
        ({"principal": "AKIA1"}, ["a"]),
        ({"principal": "111122223333"}, ["a", "b", "c"]),
        ({"principal": "anonymous"}, ["d"]),
        ({"principal": "IAMUser"}, []),
        ({"principal": "ann", "bucket": "photos"}, ["c"]),
        ({"request": "c"}, ["c"]),
    ],
)
def test_requests_are_found(tmp_path: Path, question: dict[str, Any], expected: list[str]) -> None:
    folder = trail(
        tmp_path,
        request(1000, request_id="a", arn=ROOT, access_key="AKIA1"),
        request(2000, "PutObject", 'mu"sic', request_id="b", arn=ANN),
        request(3000, request_id="c", arn=ANN),
        request(4000, "iam:CreateUser", "", key="", request_id="d"),
    )
    assert found(folder, **question) == expected


def test_a_trail_without_lines_has_no_requests(tmp_path: Path) -> None:
    AuditTrail(tmp_path).close()
    assert search(tmp_path, Question(), 10) == ([], None)


def test_what_came_late_to_the_trail_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an auditor was away, a file may begin with what has just happened, and go on with last night."""
    monkeypatch.setattr(audit_trail, "FILE_BYTES", 1)
    night, day = 1_000_000_000, 1_000_000_000 + 12 * 3600 * 1000
    trail(tmp_path, request(day, request_id="day"))
    trail(tmp_path, request(night, request_id="night"))
    assert found(tmp_path, since=night, until=night + 1) == ["night"]


@pytest.mark.parametrize("field", ["since", "until"])
def test_the_last_of_all_times_can_be_asked_for(tmp_path: Path, field: str) -> None:
    folder = trail(tmp_path, request(1, request_id="a"))
    assert found(folder, **{field: 253_402_336_799_000}) == (["a"] if field == "until" else [])


def test_names_with_quotes_are_found(tmp_path: Path) -> None:
    folder = trail(tmp_path, request(1, bucket='mu"sic', request_id="a"), request(2, request_id="b"))
    assert found(folder, bucket='mu"sic') == ["a"]


def test_pages_go_on_where_the_one_before_ended(tmp_path: Path) -> None:
    folder = trail(tmp_path, *(request(i, request_id=str(i), bucket=f"b{i % 2}") for i in range(10)))
    seen, after = [], 0
    while True:
        page = search(folder, Question(bucket="b1"), 2, after)
        seen += [line["requestID"] for line in page.lines]
        if page.after is None:
            break
        assert page.after > after
        after = page.after
    assert seen == ["1", "3", "5", "7", "9"]


def test_a_call_reads_a_part_and_says_where_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_search, "SCAN_BYTES", 2000)
    folder = trail(tmp_path, *(request(i, request_id=str(i)) for i in range(20)))
    page = search(folder, Question(request="19"), 10)
    assert page.lines == []
    assert page.after is not None
    while page.after is not None:
        page = search(folder, Question(request="19"), 10, page.after)
    assert [line["requestID"] for line in page.lines] == ["19"]


def test_files_that_hold_nothing_asked_for_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_trail, "FILE_BYTES", 1)
    made = AuditTrail(tmp_path)
    hour = 3600 * 1000
    for number in range(5):
        line = request_line(request(number * hour + 5, request_id=str(number)), "us-east-1")
        made.append([line], {"audit": number + 1})
    made.close()
    files = trail_files(tmp_path)
    assert len(files) == 5
    for number, path in enumerate(files):
        os.utime(path, (number * 3600 + 1, number * 3600 + 1))
    files[0].write_bytes(b"x" * 100 + b"\n")  # which would be told
    os.utime(files[0], (1, 1))
    assert found(tmp_path, since=hour, until=2 * hour) == ["1"]


@pytest.mark.parametrize("harm", [lambda line: line.replace(b"GetObject", b"PutObject"), bytes.upper])
def test_an_altered_line_is_told_and_not_shown(tmp_path: Path, harm: Callable[[bytes], bytes]) -> None:
    folder = trail(tmp_path, request(1, request_id="a"), request(2, request_id="b"))
    (path,) = trail_files(folder)
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(harm(first) + second)
    lines = search(folder, Question(), 10).lines
    assert lines[0] == {"type": "damaged", "n": 1}
    assert lines[1]["requestID"] == "b"


def test_what_was_lost_is_told_whatever_is_asked_for(tmp_path: Path) -> None:
    made = AuditTrail(tmp_path)
    made.append([lost_line(5000, 7)], {"audit": 1})
    made.close()
    (line,) = search(tmp_path, Question(bucket="photos", principal="ann"), 10).lines
    assert (line["type"], line["requests"]) == ("lost", 7)
    assert search(tmp_path, Question(since=9_000_000), 10).lines == []


# --- times on the command line ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("90s", 910_000),
        ("15m", 100_000),
        ("2h", 0),
        ("1970-01-02", 86_400_000),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T00:00:01.5Z", 1500),
    ],
)
def test_moments(text: str | None, expected: int | None) -> None:
    assert parse_moment("--since", text, 1000) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "5", "5w", "2026-13-01"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^--since: '.*' is not a time"):
        parse_moment("--since", text, 1000)
