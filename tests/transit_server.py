"""A small server of the transit API, on this machine: keys with versions, AES-256-GCM, tokens, and faults."""

import json
import os
import ssl
import threading
from base64 import b64decode, b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.certificates import Certificates

TOKEN = "s.TransitTokenOfTheTests"


class Refused(Exception):
    """Status and what is said."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status, self.said = status, said


class TransitServer:
    """Serves while it is entered, on the same port each time.

    minimum  the oldest version of a key that still decrypts
    calls    actions in their order
    fault    None; "sealed", "hang", "garbage", "huge" or "redirect"
    """

    def __init__(self, certificates: Certificates | None = None) -> None:
        self.keys: dict[str, list[bytes]] = {}
        self.minimum = 1
        self.calls: list[str] = []
        self.fault: str | None = None
        self._certificates = certificates
        self._port = 0
        self._released = threading.Event()

    @property
    def url(self) -> str:
        scheme = "http" if self._certificates is None else "https"
        return f"{scheme}://127.0.0.1:{self._port}/v1/transit"

    def start(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer._serve(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._released.clear()
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_port
        if self._certificates is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._certificates.cert, self._certificates.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def __enter__(self) -> "TransitServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def rotate(self, key: str) -> None:
        self.keys[key].append(os.urandom(32))

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        asked = json.loads(request.rfile.read(int(request.headers["content-length"])))
        action, key = request.path.removeprefix("/v1/transit/").split("/")
        self.calls.append(action)
        if self.fault == "hang":
            self._released.wait(60)
            return
        try:
            status, answer = 200, json.dumps({"data": self._answer(request, action, key, asked)})
        except Refused as refused:
            status, answer = refused.status, json.dumps({"errors": [refused.said]})
        body = {"garbage": b"<html>", "huge": b"x" * 100_000}.get(self.fault or "", answer.encode())
        request.send_response(status)
        request.send_header("content-length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def _answer(self, request: BaseHTTPRequestHandler, action: str, key: str, asked: Any) -> dict[str, str]:
        if self.fault == "sealed":
            raise Refused(503, "Vault is sealed")
        if self.fault == "redirect":
            raise Refused(307, "")
        if request.headers["x-vault-token"] != TOKEN:
            raise Refused(403, "permission denied\n* invalid token")
        versions = self.keys.setdefault(key, [os.urandom(32)])
        if action == "encrypt":
            return {"ciphertext": self._sealed(versions, b64decode(asked["plaintext"]))}
        plain = self._opened(versions, asked["ciphertext"])
        if action == "rewrap":
            return {"ciphertext": self._sealed(versions, plain)}
        return {"plaintext": b64encode(plain).decode()}

    def _sealed(self, versions: list[bytes], plain: bytes) -> str:
        nonce = os.urandom(12)
        sealed = nonce + AESGCM(versions[-1]).encrypt(nonce, plain, None)
        return f"vault:v{len(versions)}:{b64encode(sealed).decode()}"

    def _opened(self, versions: list[bytes], ciphertext: str) -> bytes:
        _, version, text = ciphertext.split(":")
        number, sealed = int(version[1:]), b64decode(text)
        if number < self.minimum:
            raise Refused(400, "ciphertext version is disallowed by policy (too old)")
        try:
            return AESGCM(versions[number - 1]).decrypt(sealed[:12], sealed[12:], None)
        except (InvalidTag, IndexError):
            raise Refused(400, "cipher: message authentication failed") from None
