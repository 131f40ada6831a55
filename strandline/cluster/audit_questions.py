"""Questions to the audit trail of a cluster: a gateway asks the auditor's worker, which has the trail.

Both sides hold the cluster's keys. A question is sealed under one of them, an answer under the same and bound
to its question: so who cannot read the keys can neither ask, nor read, nor answer in the auditor's place,
over plain HTTP either.

    POST /audit/questions   nonce (12) ‖ AES-256-GCM of the question as JSON ‖ tag (16)
    200                     the same of the answer
"""

import hashlib
import http.client
import ssl
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec

from access.keyring import KeyRing
from schemas.audit import QUESTIONS, Found, LookUp, Question
from schemas.errors import AccessDenied, KeyMissing, ServiceUnavailable

KEY_ID = hashlib.blake2b(b"strandline/audit-questions/1", digest_size=16).hexdigest()
ASKED = b"SLaudit?1\n"
ANSWERED = b"SLaudit=1\n"
NONCE_BYTES = 12
CLOCK_MILLISECONDS = 5 * 60 * 1000  # that the clocks of two machines may differ by
SECONDS = 30.0  # for one question: the auditor answers one at a time, and reads about SCAN_BYTES for each
ANSWER_LIMIT = 64 * 1024 * 1024  # bytes
TOLD_LIMIT = 200  # characters of a refusal that are repeated


class _Asked(msgspec.Struct, array_like=True):
    at: int  # Unix milliseconds
    question: Question
    limit: int
    after: int


def prepare_questions(keys: KeyRing) -> None:
    """Make the key that they are sealed under. For one process at a time: the one that holds the lock of the
    cluster's keys."""
    keys.ensure(KEY_ID)


class AuditorAnswers:
    """The auditor's side."""

    def __init__(self, keys: KeyRing, look_up: LookUp, now: Callable[[], float] = time.time) -> None:
        self._keys, self._look_up, self._now = keys, look_up, now

    def answer(self, sealed: bytes) -> bytes:
        """A sealed answer to a sealed question. Raises AccessDenied for what no gateway of this cluster has
        asked just now, AuditDamaged."""
        content = self._keys.open(KEY_ID, sealed, ASKED)
        if content is None:
            raise AccessDenied("the question is not sealed under the keys of this cluster")
        asked = msgspec.json.decode(content, type=_Asked)
        apart = int(self._now() * 1000) - asked.at
        if abs(apart) > CLOCK_MILLISECONDS:
            raise AccessDenied(
                f"the question was asked {apart / 1000:.0f} s ago by the auditor's clock, and may be "
                f"{CLOCK_MILLISECONDS // 1000} s old: set the clocks of both machines"
            )
        found = self._look_up(asked.question, asked.limit, asked.after)
        return self._keys.seal(KEY_ID, msgspec.json.encode(found), ANSWERED + sealed[:NONCE_BYTES])


class RemoteTrail:
    """The gateway's side, a `schemas.audit.LookUp` (blocking).

    endpoint  of the auditor's worker: http://HOST:PORT or https://HOST:PORT
    tls       for https; None: the authorities that this machine trusts
    """

    def __init__(self, endpoint: str, keys: KeyRing, tls: ssl.SSLContext | None) -> None:
        self._endpoint, self._keys = endpoint, keys
        parts = urlsplit(endpoint)
        self._host, self._port = parts.hostname or "", parts.port
        self._tls = (tls or ssl.create_default_context()) if parts.scheme == "https" else None

    def __call__(self, question: Question, limit: int, after: int = 0) -> Found:
        """Ask. Raises ServiceUnavailable when the auditor does not answer, or refuses."""
        asked = _Asked(int(time.time() * 1000), question, limit, after)
        sealed = self._sealed(msgspec.json.encode(asked))
        status, body = self._post(sealed)
        if status != 200:
            text = body[:TOLD_LIMIT].decode(errors="replace")
            said = " ".join("".join(c if c.isprintable() else " " for c in text).split())
            raise self._failed(f"it answers {status}: {said}")
        content = self._keys.open(KEY_ID, body, ANSWERED + sealed[:NONCE_BYTES])
        if content is None:
            raise self._failed("its answer is not sealed under the keys of this cluster")
        return msgspec.json.decode(content, type=Found)

    def _sealed(self, content: bytes) -> bytes:
        try:
            return self._keys.seal(KEY_ID, content, ASKED)
        except KeyMissing as error:
            raise self._failed(error.message) from None

    def _post(self, body: bytes) -> tuple[int, bytes]:
        connection = self._connection()
        try:
            connection.request("POST", QUESTIONS, body, {"content-type": "application/octet-stream"})
            with connection.getresponse() as answer:
                found = answer.read(ANSWER_LIMIT + 1)
                if len(found) > ANSWER_LIMIT:
                    raise self._failed(f"its answer has more than {ANSWER_LIMIT} bytes")
                return answer.status, found
        except TimeoutError:
            raise self._failed(f"no answer within {SECONDS:g} s") from None
        except (OSError, http.client.HTTPException) as error:
            raise self._failed(str(error) or type(error).__name__) from None
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=SECONDS)
        return http.client.HTTPSConnection(self._host, self._port, timeout=SECONDS, context=self._tls)

    def _failed(self, why: str) -> ServiceUnavailable:
        return ServiceUnavailable(f"the auditor at {self._endpoint} cannot be asked: {why}")
