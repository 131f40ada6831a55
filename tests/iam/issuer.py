"""An OpenID Connect issuer of our own on loopback: it publishes keys that it makes, and signs tokens."""

import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.certificates import Certificates
from tests.server import free_port

jwt = pytest.importorskip("jwt")

CLIENT = "app.example"
SUBJECT = "repo:strandline/strandline:ref:refs/heads/main"
DISCOVERY, KEYS = "/.well-known/openid-configuration", "/keys"
CURVES: dict[str, ec.EllipticCurve] = {
    "ES256": ec.SECP256R1(),
    "ES384": ec.SECP384R1(),
    "ES512": ec.SECP521R1(),
}


def new_key(algorithm: str = "RS256") -> Any:
    """A private key for that algorithm."""
    if algorithm in CURVES:
        return ec.generate_private_key(CURVES[algorithm])
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 2048)


def public_jwk(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    """What an issuer publishes of a key."""
    algorithm: Any = jwt.algorithms.RSAAlgorithm
    if isinstance(key, ec.EllipticCurvePrivateKey):
        algorithm = jwt.algorithms.ECAlgorithm
    elif isinstance(key, ed25519.Ed25519PrivateKey):
        algorithm = jwt.algorithms.OKPAlgorithm
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", **more}


class Issuer:
    """Answers from a thread until it is closed. `answers` says what comes at a path instead of the usual:
    status, headers, body."""

    def __init__(self, path: str = "", port: int = 0, certificates: Certificates | None = None) -> None:
        self.port = port or free_port()
        self.url = f"{'https' if certificates else 'http'}://127.0.0.1:{self.port}{path}"
        self.name = self.url.partition("://")[2]
        self.kid, self.key = "first", new_key()
        self.published = [public_jwk(self.key, self.kid)]
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[str] = []
        self._path, self._certificates = path, certificates
        self._server: ThreadingHTTPServer | None = None
        self.start()

    def start(self) -> None:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.answer(self)

            def log_message(self, *_arguments: Any) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        if self._certificates is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._certificates.cert, self._certificates.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.removeprefix(self._path)
        self.asked.append(path)
        status, headers, body = self.answers.get(path) or self._usual(path)
        request.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        try:
            request.wfile.write(body)
        except OSError:
            request.close_connection = True  # whoever asked has seen enough

    def _usual(self, path: str) -> tuple[int, dict[str, str], bytes]:
        if path == DISCOVERY:
            return 200, {}, json.dumps({"issuer": self.url, "jwks_uri": self.url + KEYS}).encode()
        if path == KEYS:
            return 200, {}, json.dumps({"keys": self.published}).encode()
        return 404, {}, b""

    def claims(self, **other: Any) -> dict[str, Any]:
        """What a good token says; None leaves a claim out."""
        now = int(time.time())
        usual = {"iss": self.url, "sub": SUBJECT, "aud": CLIENT, "iat": now, "exp": now + 600}
        return {name: value for name, value in (usual | other).items() if value is not None}

    def token(self, **other: Any) -> str:
        """A good token, but for the claims given."""
        return self.signed(self.claims(**other))

    def signed(
        self,
        claims: dict[str, Any],
        key: Any = None,
        kid: str | None = "",
        algorithm: str = "RS256",
        **headers: Any,
    ) -> str:
        """Claims signed with a key; kid: "" for its usual one, None for none."""
        named = {} if kid is None else {"kid": kid or self.kid}
        token: str = jwt.encode(claims, key or self.key, algorithm, named | headers)
        return token

    def rotate(self) -> None:
        """Another key instead of the one there was."""
        self.kid, self.key = f"key-{time.time_ns()}", new_key()
        self.published = [public_jwk(self.key, self.kid)]
