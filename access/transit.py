"""A Vault-compatible transit endpoint: encrypts and decrypts small secrets under a key that never leaves it.

Source: HashiCorp Vault's HTTP API, "Transit secrets engine": encrypt, decrypt, rewrap. OpenBao has the same.
"""

import http.client
import json
import ssl
import time
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

from access.openid.urls import place_of
from schemas.errors import ConfigurationError

SECONDS = 5.0  # for one call: connecting, TLS, the answer
ANSWER_LIMIT = 64 * 1024  # bytes
TOKEN_LIMIT = 4096  # bytes
TOLD_LIMIT = 200  # characters of what the endpoint says that are repeated


class Transit:
    """One key of one endpoint.

    url         of the engine, https://HOST:PORT/v1/transit; http only to this machine
    token_file  holds the token, and is read for every call: whoever renews it needs no restart
    ca          PEM file of the only authorities that are trusted; None: those of this machine

    Calls raise ConfigurationError, in one line that has neither token nor secret.
    """

    def __init__(
        self, url: str, key: str, token_file: Path, ca: Path | None = None, seconds: float = SECONDS
    ) -> None:
        place = place_of(url, loopback=True)
        if place is None or "?" in url:
            raise ConfigurationError(
                f"transit_url is {url!r}; it is an https URL without a query, or http to this machine"
            )
        self._place, self._key, self._url = place, key, url.rstrip("/")
        self._token_file, self._seconds = token_file, seconds
        self._trust = _trusted(ca) if place.scheme == "https" else None

    def encrypt(self, secret: bytes) -> str:
        """The ciphertext, as the endpoint writes it: vault:v1:…"""
        return self._text("encrypt", "ciphertext", plaintext=b64encode(secret).decode())

    def decrypt(self, ciphertext: str) -> bytes:
        """What was encrypted."""
        text = self._text("decrypt", "plaintext", ciphertext=ciphertext)
        try:
            return b64decode(text, validate=True)
        except ValueError:
            raise self._failed("decrypt", "its plaintext is not base64") from None

    def rewrap(self, ciphertext: str) -> str:
        """The ciphertext of the same secret under the newest version of the key."""
        return self._text("rewrap", "ciphertext", ciphertext=ciphertext)

    def _text(self, action: str, field: str, **asked: str) -> str:
        status, body = self._post(action, json.dumps(asked).encode())
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            answer = None
        if status != 200:
            raise self._failed(action, f"it answers {status}{_told(answer)}")
        text = answer.get("data", {}).get(field) if isinstance(answer, dict) else None
        if not isinstance(text, str) or not text.isprintable():
            raise self._failed(action, f"its answer has no {field}")
        return text

    def _post(self, action: str, body: bytes) -> tuple[int, bytes]:
        headers = {
            "content-type": "application/json",
            "x-vault-token": self._token(),
            "x-vault-request": "true",
        }
        target = f"{self._place.target.rstrip('/')}/{action}/{self._key}"
        until = time.monotonic() + self._seconds
        connection = self._connection()
        try:
            connection.request("POST", target, body, headers)
            with connection.getresponse() as answer:
                return answer.status, self._read(connection, answer, until)
        except ssl.SSLCertVerificationError as error:
            raise self._failed(action, f"its certificate is not trusted: {error.verify_message}") from None
        except TimeoutError:
            raise self._failed(action, f"no answer within {self._seconds:g} s") from None
        except (OSError, http.client.HTTPException) as error:
            raise self._failed(action, str(error) or type(error).__name__) from None
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._place.host, self._place.port
        if self._trust is None:
            return http.client.HTTPConnection(host, port, timeout=self._seconds)
        return http.client.HTTPSConnection(host, port, timeout=self._seconds, context=self._trust)

    def _read(
        self, connection: http.client.HTTPConnection, answer: http.client.HTTPResponse, until: float
    ) -> bytes:
        body = b""
        while len(body) <= ANSWER_LIMIT:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if connection.sock is not None:
                connection.sock.settimeout(left)
            more = answer.read1(ANSWER_LIMIT)
            if not more:
                return body
            body += more
        raise http.client.HTTPException(f"its answer has more than {ANSWER_LIMIT} bytes")

    def _token(self) -> str:
        try:
            with self._token_file.open("rb") as file:
                text = file.read(TOKEN_LIMIT).decode().strip()
        except OSError as error:
            raise ConfigurationError(
                f"transit_token_file {self._token_file} cannot be read: {error.strerror}"
            ) from None
        except UnicodeDecodeError:
            text = ""
        if not text or not text.isascii() or not text.isprintable():
            raise ConfigurationError(f"transit_token_file {self._token_file} does not hold a token")
        return text

    def _failed(self, action: str, why: str) -> ConfigurationError:
        return ConfigurationError(
            f"the transit endpoint {self._url} did not {action} with {self._key}: {why}"
        )


def _trusted(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"transit_ca {ca} cannot be used: {error}") from None


def _told(answer: Any) -> str:
    """What the endpoint says of an error, on one line."""
    found = answer.get("errors") if isinstance(answer, dict) else None
    text = "; ".join(str(one) for one in found) if isinstance(found, list) else ""
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return f": {text[:TOLD_LIMIT]}" if text else ""
