"""Requests byte for byte, signed or not: for what an SDK would refuse to send."""

import base64
import contextlib
import hashlib
import hmac
import http.client
import time
import xml.etree.ElementTree as ElementTree
from types import TracebackType
from typing import NamedTuple
from urllib.parse import urlsplit

REGION = "us-east-1"


class Answer(NamedTuple):
    """Status, headers (lower-case names) and body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The S3 error code in the body, "" when there is none."""
        if not self.body.lstrip().startswith(b"<"):
            return ""
        return ElementTree.fromstring(self.body).findtext("Code") or ""


def content_md5(body: bytes) -> dict[str, str]:
    """The header Content-MD5 of a body."""
    return {"Content-MD5": base64.b64encode(hashlib.md5(body).digest()).decode()}


class Raw:
    """Sends requests, each over a new connection. One that does not answer is given up after `seconds`."""

    def __init__(self, endpoint: str, access_key: str, secret_key: str, seconds: float = 60) -> None:
        self.endpoint = endpoint
        self.host = urlsplit(endpoint).netloc
        self.access_key, self.secret_key = access_key, secret_key
        # Seconds by which the clock that signs is ahead.
        self.clock_ahead = 0.0
        self._connection = http.client.HTTPConnection(self.host, timeout=seconds)

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let the connection go."""
        self._connection.close()

    def signing_key(self, day: str) -> bytes:
        """The key that signatures of that day are made with."""
        key = b"AWS4" + self.secret_key.encode()
        for step in (day, REGION, "s3", "aws4_request"):
            key = hmac.new(key, step.encode(), hashlib.sha256).digest()
        return key

    def sign(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> dict[str, str]:
        """The headers with those of a header signature added (AWS Signature Version 4, over all of them).

        `target` is path and query as sent; the query's parameters must be in order and encoded.
        A hash of the payload given among the headers stays, right or wrong."""
        date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() + self.clock_ahead))
        named = {
            "Host": self.host,
            "X-Amz-Date": date,
            "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
            **headers,
        }
        lines = sorted((name.lower(), " ".join(value.split())) for name, value in named.items())
        names = ";".join(name for name, _ in lines)
        path, _, query = target.partition("?")
        query = "&".join(sorted(one if "=" in one else one + "=" for one in query.split("&") if one))
        canonical = [method, path, query, *(f"{name}:{value}" for name, value in lines), "", names]
        canonical.append(named["x-amz-content-sha256"])
        scope = f"{date[:8]}/{REGION}/s3/aws4_request"
        digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{digest}"
        signature = hmac.new(self.signing_key(date[:8]), text.encode(), hashlib.sha256).hexdigest()
        named["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}, SignedHeaders={names}, "
            f"Signature={signature}"
        )
        return named

    def send(
        self,
        method: str,
        target: str,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        signed: bool = True,
        change: dict[str, str] | None = None,
    ) -> Answer:
        """Send a request. `change` replaces headers after signing."""
        named = dict(headers or {})
        if signed:
            named = self.sign(method, target, body, named)
        named |= change or {}
        # A reused connection may just have been closed by the server: each request gets a new one.
        self._connection.close()
        self._connection.connect()
        self._connection.putrequest(method, target, skip_host="Host" in named, skip_accept_encoding=True)
        if not {"Content-Length", "Transfer-Encoding"} & named.keys() and (body or method in ("PUT", "POST")):
            named["Content-Length"] = str(len(body))
        for name, value in named.items():
            self._connection.putheader(name, value)
        # A server that refuses by the headers may answer, and close, before it has taken the whole body.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._connection.endheaders(body or None)
        return self.receive()

    def receive(self) -> Answer:
        """The answer to what was sent."""
        answer = self._connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, found, answer.read())
