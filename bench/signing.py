"""Requests made ready before the clock starts: raw HTTP/1.1 heads with AWS Signature Version 4.

The rules are those of "Signature Calculations for the Authorization Header" and "Authenticating Requests:
Using Query Parameters" in the Amazon S3 API reference. Written out here, and not taken from botocore,
because a run needs tens of thousands of signatures for each target.
"""

import hashlib
import hmac
import time
from dataclasses import dataclass, field
from urllib.parse import quote

UNSIGNED = "UNSIGNED-PAYLOAD"
EXPIRES_SECONDS = 86_400


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


@dataclass
class Signer:
    """Makes request heads for one endpoint and one access key.

    `style` is "presigned" (signature in the query) or "header" (Authorization header, as SDKs send it).
    Heads made in the header style are good for 15 minutes, presigned ones for a day.
    """

    host: str
    access_key: str
    secret_key: str
    style: str = "presigned"
    region: str = "us-east-1"
    _date: str = field(init=False)
    _scope: str = field(init=False)
    _key: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.refresh()

    def refresh(self) -> None:
        """Sign from now on with the present time."""
        self._date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        day = self._date[:8]
        self._scope = f"{day}/{self.region}/s3/aws4_request"
        key = _hmac(b"AWS4" + self.secret_key.encode(), day)
        for step in (self.region, "s3", "aws4_request"):
            key = _hmac(key, step)
        self._key = key

    def head(
        self, method: str, path: str, query: dict[str, str] | None = None, length: int | None = None
    ) -> str:
        """The request line and headers, up to and with the empty line.

        `path` is unquoted; `length` is the body's length in bytes, None for a request without a body.
        """
        quoted = quote(path, safe="/-_.~")
        make = self._presigned if self.style == "presigned" else self._signed_header
        target, extra = make(method, quoted, query or {})
        body = "" if length is None else f"Content-Length: {length}\r\n"
        return f"{method} {target} HTTP/1.1\r\nHost: {self.host}\r\n{extra}{body}\r\n"

    def _signature(self, canonical: str) -> str:
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        to_sign = f"AWS4-HMAC-SHA256\n{self._date}\n{self._scope}\n{digest}"
        return hmac.new(self._key, to_sign.encode(), hashlib.sha256).hexdigest()

    def _presigned(self, method: str, path: str, query: dict[str, str]) -> tuple[str, str]:
        full = {
            **query,
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{self.access_key}/{self._scope}",
            "X-Amz-Date": self._date,
            "X-Amz-Expires": str(EXPIRES_SECONDS),
            "X-Amz-SignedHeaders": "host",
        }
        line = _canonical_query(full)
        canonical = f"{method}\n{path}\n{line}\nhost:{self.host}\n\nhost\n{UNSIGNED}"
        return f"{path}?{line}&X-Amz-Signature={self._signature(canonical)}", ""

    def _signed_header(self, method: str, path: str, query: dict[str, str]) -> tuple[str, str]:
        line = _canonical_query(query)
        names = "host;x-amz-content-sha256;x-amz-date"
        canonical = (
            f"{method}\n{path}\n{line}\nhost:{self.host}\nx-amz-content-sha256:{UNSIGNED}\n"
            f"x-amz-date:{self._date}\n\n{names}\n{UNSIGNED}"
        )
        headers = (
            f"x-amz-content-sha256: {UNSIGNED}\r\nx-amz-date: {self._date}\r\n"
            f"Authorization: AWS4-HMAC-SHA256 Credential={self.access_key}/{self._scope}, "
            f"SignedHeaders={names}, Signature={self._signature(canonical)}\r\n"
        )
        return f"{path}?{line}" if line else path, headers


def _canonical_query(query: dict[str, str]) -> str:
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in query.items())
    return "&".join(f"{name}={value}" for name, value in pairs)
