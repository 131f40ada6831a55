"""Single requests over a plain socket connection, for preparing and for checking what was stored."""

import http.client
from types import TracebackType

from bench.signing import Signer


class Client:
    """Sends prepared heads over one connection. Not for measuring."""

    def __init__(self, signer: Signer) -> None:
        self.signer = signer
        self._connection = http.client.HTTPConnection(signer.host, timeout=60)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._connection.close()

    def call(
        self, method: str, path: str, query: dict[str, str] | None = None, body: bytes | None = None
    ) -> tuple[int, bytes]:
        """Status and body of the answer."""
        length = None if body is None else len(body)
        line, *rest = self.signer.head(method, path, query, length).rstrip("\r\n").split("\r\n")
        headers = dict(header.split(": ", 1) for header in rest)
        self._connection.request(method, line.split(" ")[1], body=body, headers=headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def expect(
        self,
        status: int,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> bytes:
        """The body of an answer that must have this status. Raises RuntimeError otherwise."""
        got, data = self.call(method, path, query, body)
        if got != status:
            raise RuntimeError(f"{method} {path} on {self.signer.host}: {got}, not {status}: {data[:500]!r}")
        return data
