"""Preconditions: of reads and of copy sources decided here; of writes only parsed, apply decides them."""

from collections.abc import Iterator, Mapping
from typing import Literal

from gateway.dates import parse_http_date
from schemas.errors import NotImplementedOperation, PreconditionFailed
from schemas.events import Condition

Verdict = Literal["", "not-modified", "failed"]

CONDITIONAL = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")
COPY_PREFIX = "x-amz-copy-source-"
COPY_CONDITIONAL = tuple(COPY_PREFIX + name for name in CONDITIONAL)


def _tags(header: str) -> Iterator[tuple[str, bool]]:
    """The entity tags of a list, without quotes, each with whether it is weak."""
    for item in header.split(","):
        tag = item.strip()
        weak = tag.startswith("W/")
        yield (tag[2:] if weak else tag).strip('"'), weak


def matches(header: str, etag: str, *, weakly: bool) -> bool:
    """Whether `etag` (unquoted) is among those of the header, or the header is "*".

    If-Match compares strongly, If-None-Match weakly (RFC 9110 §8.8.3.2).
    """
    if header.strip() == "*":
        return True
    return any(tag == etag and (weakly or not weak) for tag, weak in _tags(header))


def judge(headers: Mapping[str, str], etag: str, created_at: int, prefix: str = "") -> tuple[Verdict, str]:
    """What the request's conditions say of an object, and which of them decided.

    `created_at` in Unix milliseconds; compared by whole seconds, as Last-Modified shows them. Order as in
    RFC 9110 §13.2.2: a date counts only without its entity-tag sibling; a date that cannot be read is
    ignored.
    """
    second = created_at // 1000
    if (tags := headers.get(f"{prefix}if-match")) is not None:
        if not matches(tags, etag, weakly=False):
            return "failed", "If-Match"
    elif (date := _date(headers, f"{prefix}if-unmodified-since")) is not None and second > date:
        return "failed", "If-Unmodified-Since"
    if (tags := headers.get(f"{prefix}if-none-match")) is not None:
        if matches(tags, etag, weakly=True):
            return "not-modified", "If-None-Match"
    elif (date := _date(headers, f"{prefix}if-modified-since")) is not None and second <= date:
        return "not-modified", "If-Modified-Since"
    return "", ""


def _date(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name)
    return None if text is None else parse_http_date(text)


def check_read(headers: Mapping[str, str], etag: str, created_at: int) -> bool:
    """False when the client's copy is still good (304). Raises PreconditionFailed."""
    verdict, condition = judge(headers, etag, created_at)
    if verdict == "failed":
        raise failed(condition)
    return verdict == ""


def same_state(if_range: str, etag: str, created_at: int) -> bool:
    """Whether If-Range, one strong ETag or the date of the last change, names the object as it is."""
    date = parse_http_date(if_range)
    return matches(if_range, etag, weakly=False) if date is None else created_at // 1000 == date


def check_copy_source(headers: Mapping[str, str], etag: str, created_at: int) -> None:
    """Raises PreconditionFailed: a copy has no 304."""
    verdict, condition = judge(headers, etag, created_at, COPY_PREFIX)
    if verdict:
        raise failed(COPY_PREFIX + condition)


def failed(condition: str) -> PreconditionFailed:
    return PreconditionFailed(
        "At least one of the pre-conditions you specified did not hold", Condition=condition
    )


def write_condition(headers: Mapping[str, str]) -> Condition | None:
    """The condition of Put, Copy and Complete: If-Match with one ETag, or If-None-Match with "*".

    Raises NotImplementedOperation for what S3 does not accept there.
    """
    if_match = headers.get("if-match")
    if_none_match = headers.get("if-none-match")
    if if_match is None and if_none_match is None:
        return None
    if if_match is not None and if_none_match is not None:
        raise _refused(
            "If-Match,If-None-Match", "Multiple conditional request headers present in the request"
        )
    if if_none_match is not None:
        if if_none_match.strip() != "*":
            raise _refused(
                "If-None-Match", "We don't accept the provided value of If-None-Match header for this API"
            )
        return Condition(if_none_match="*")
    etag = single_etag(if_match or "")
    if etag == "*":
        raise _refused("If-Match", "We don't accept the provided value of If-Match header for this API")
    return Condition(if_match=etag)


def delete_condition(headers: Mapping[str, str]) -> Condition | None:
    """The condition of a delete: If-Match with one ETag, or "*" for an object that must be there."""
    if "if-none-match" in headers:
        raise _refused(
            "If-None-Match", "We don't accept the provided value of If-None-Match header for this API"
        )
    if_match = headers.get("if-match")
    return None if if_match is None else Condition(if_match=single_etag(if_match))


def single_etag(text: str) -> str:
    """An ETag as a client sends it, with or without quotes."""
    return text.strip().strip('"')


def _refused(header: str, why: str) -> NotImplementedOperation:
    return NotImplementedOperation(
        "A header you provided implies functionality that is not implemented",
        Header=header,
        AdditionalMessage=why,
    )
