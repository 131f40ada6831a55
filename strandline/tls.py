"""TLS of our own ports: the certificate files, checked before the HTTP server gets them.

The HTTP server ends the whole process on a file that it cannot use. So each one is read once, checked here,
and handed over as a copy that nobody else changes meanwhile.
"""

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from granian.constants import SSLProtocols

from schemas.errors import ConfigurationError
from strandline.settings import Settings

RSA_BITS = (2048, 8192)
_CURVES = (ec.SECP256R1, ec.SECP384R1)
_MINIMUM = {"1.2": SSLProtocols.tls12, "1.3": SSLProtocols.tls13}
_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class Identity(NamedTuple):
    """What a server shows and whom it trusts, as PEM that the HTTP server takes.

    client_ca  who signs the certificates that clients must show; None when they need none
    until      when the certificate ends
    """

    chain: bytes
    key: bytes
    client_ca: bytes | None
    until: datetime


class TlsFiles:
    """The files that the settings name. `read` checks them, `state` tells whether they changed."""

    def __init__(self, certificate: Path, key: Path, client_ca: Path | None, minimum: str) -> None:
        self._certificate, self._key, self._client_ca = certificate, key, client_ca
        self._minimum = minimum

    def read(self) -> Identity:
        """The identity in the files. Raises ConfigurationError, naming the file and the rule."""
        chain = _certificates(self._certificate)
        key = _private_key(self._key)
        if _public_bytes(chain[0]) != _public_bytes(key):
            raise ConfigurationError(
                f"the key in {self._key} is not that of the first certificate in {self._certificate}"
            )
        until = chain[0].not_valid_after_utc
        if until < datetime.now(UTC):
            raise ConfigurationError(f"the certificate in {self._certificate} ended at {until}")
        trusted = None if self._client_ca is None else _pem(_certificates(self._client_ca))
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return Identity(_pem(chain), secret, trusted, until)

    def state(self) -> tuple[object, ...]:
        """Changes whenever a file is replaced or written, behind links too."""
        files = (self._certificate, self._key, self._client_ca)
        return tuple(_state(file) for file in files if file is not None)

    def context(self, identity: Identity) -> ssl.SSLContext:
        """The context of the S3 port's server. Python takes certificates from files only."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = _VERSIONS[self._minimum]
        context.set_alpn_protocols(["http/1.1"])
        with tempfile.TemporaryDirectory(prefix="strandline-tls-") as name:
            chain = _written(Path(name) / "chain.pem", identity.chain)
            context.load_cert_chain(chain, _written(Path(name) / "key.pem", identity.key))
        if identity.client_ca is not None:
            context.load_verify_locations(cadata=identity.client_ca.decode())
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    @contextmanager
    def arguments(self, identity: Identity) -> Iterator[dict[str, Any]]:
        """What the server of the API port (granian) takes, over files that are there until the block ends."""
        with tempfile.TemporaryDirectory(prefix="strandline-tls-") as name:
            folder = Path(name)
            arguments = {
                "ssl_cert": _written(folder / "chain.pem", identity.chain),
                "ssl_key": _written(folder / "key.pem", identity.key),
                "ssl_protocol_min": _MINIMUM[self._minimum],
            }
            if identity.client_ca is not None:
                arguments["ssl_ca"] = _written(folder / "clients.pem", identity.client_ca)
                arguments["ssl_client_verify"] = True
            yield arguments


def tls_files(settings: Settings) -> TlsFiles | None:
    """The files for the ports of a server; None when it speaks plain HTTP."""
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    return TlsFiles(settings.tls_certificate, settings.tls_key, settings.tls_client_ca, settings.tls_minimum)


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        found = x509.load_pem_x509_certificates(_read(path))
    except ValueError as error:
        raise ConfigurationError(f"{path} is not a PEM file of certificates: {error}") from None
    for certificate in found:
        if certificate.version is not x509.Version.v3:
            raise ConfigurationError(f"a certificate in {path} is not of version 3")
    return found


def _private_key(path: Path) -> "rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey":
    try:
        key = load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"{path} is not a PEM file of an unencrypted private key: {error}") from None
    if isinstance(key, rsa.RSAPrivateKey) and RSA_BITS[0] <= key.key_size <= RSA_BITS[1]:
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, _CURVES):
        return key
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    raise ConfigurationError(
        f"the key in {path} cannot be used: it must be RSA of {RSA_BITS[0]} to {RSA_BITS[1]} bits, ECDSA on "
        "P-256 or P-384, or Ed25519"
    )


def _public_bytes(of: Any) -> bytes:
    raw: bytes = of.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return raw


def _pem(certificates: list[x509.Certificate]) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None


def _state(path: Path) -> tuple[int, ...]:
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _written(path: Path, content: bytes) -> Path:
    path.touch(mode=0o600)
    path.write_bytes(content)
    return path
