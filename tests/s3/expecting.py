"""What a call must answer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError


@contextmanager
def refused(code: str, status: int | None = None) -> Iterator["pytest.ExceptionInfo[ClientError]"]:
    """The block must end with this S3 error code, and status where one is given.

    A HEAD has no body to carry a code: there the status is the code."""
    with pytest.raises(ClientError) as caught:
        yield caught
    answer: Any = caught.value.response
    got = answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]
    assert got[0] == code, f"expected {code}, got {answer['Error']}"
    assert status in (None, got[1]), f"expected {status}, got {got[1]}"


def body(answer: Any) -> bytes:
    """The whole body of a GetObject."""
    with answer["Body"] as stream:
        return bytes(stream.read())


def headers(answer: Any) -> dict[str, str]:
    """Headers of the answer, names in lower case."""
    return dict(answer["ResponseMetadata"]["HTTPHeaders"])


def keys(page: Any) -> list[str]:
    """Keys on a page of a listing."""
    return [entry["Key"] for entry in page.get("Contents", [])]


def prefixes(page: Any) -> list[str]:
    """Common prefixes on a page of a listing."""
    return [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]


def every_page(call: Callable[..., Any], token: str, answer_token: str, **arguments: Any) -> list[Any]:
    """All pages of a listing; `token` names the argument that continues it."""
    pages = [call(**arguments)]
    while pages[-1]["IsTruncated"]:
        assert len(pages) < 10_000, "a listing that never ends"
        pages.append(call(**arguments, **{token: pages[-1][answer_token]}))
    return pages
