"""TLS on both ports: who may connect, and a new certificate without a broken transfer."""

import http.client
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import SSLError

from tests.certificates import Certificates, make_certificates
from tests.s3.conftest import REGION
from tests.server import ACCESS_KEY, SECRET_KEY, DidNotStart, Server, clean_environment

pytestmark = pytest.mark.embedded

SECONDS = 30.0
MIB = 1024 * 1024


class TlsServer(Server):
    """A server whose ports speak TLS, with the certificates in its folder."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.files = make_certificates(folder / "tls")
        self.client_files: Certificates | None = None
        named = ("--tls-certificate", str(self.files.cert), "--tls-key", str(self.files.key))
        super().__init__(folder / "data", folder / "log", *named, *flags)

    @property
    def endpoint(self) -> str:
        return f"https://localhost:{self.port}"

    def context(self) -> ssl.SSLContext:
        """Of a client that trusts the authority as it is now, and shows its certificate if it has one."""
        context = ssl.create_default_context(cafile=str(self.files.ca))
        if self.client_files is not None:
            context.load_cert_chain(self.client_files.cert, self.client_files.key)
        return context

    def ready(self) -> bool:
        connection = http.client.HTTPSConnection(
            "localhost", self.api_port, context=self.context(), timeout=5
        )
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def client(self, ca: Path | None = None, **config: Any) -> Any:
        """A boto3 client that trusts that authority."""
        return boto3.client(
            "s3", endpoint_url=self.endpoint, aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY, region_name=REGION, verify=str(ca or self.files.ca),
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, **config),
        )  # fmt: skip

    def shown(self) -> bytes:
        """The certificate that a new connection sees."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("localhost", self.port), timeout=SECONDS) as plain:
            with context.wrap_socket(plain) as connection:
                found = connection.getpeercert(binary_form=True)
        assert found is not None
        return found


def until(holds: Callable[[], bool]) -> None:
    limit = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.05)


def curl(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["curl", "--silent", "--show-error", *arguments],
        capture_output=True, text=True, env=clean_environment(), timeout=60,
    )  # fmt: skip


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    server = TlsServer(tmp_path_factory.mktemp("tls"), "--tls-hsts-seconds", "86400")
    server.start()
    try:
        yield server
        assert server.stop() == 0, server.log_tail()
    finally:
        server.kill()


def test_boto3_moves_data_over_tls(tls: TlsServer) -> None:
    s3 = tls.client()
    s3.create_bucket(Bucket="photos")
    body = bytes(range(256)) * 4096 * 9  # 9 MiB, streamed both ways
    s3.put_object(Bucket="photos", Key="a", Body=body)
    answer = s3.get_object(Bucket="photos", Key="a")
    assert answer["Body"].read() == body
    assert answer["ResponseMetadata"]["HTTPHeaders"]["strict-transport-security"] == "max-age=86400"


def test_the_payload_need_not_be_signed_over_tls(tls: TlsServer) -> None:
    """As botocore does over HTTPS: x-amz-content-sha256 is STREAMING-UNSIGNED-PAYLOAD-TRAILER."""
    s3 = tls.client()
    s3.create_bucket(Bucket="unsigned")
    sent: list[str] = []
    s3.meta.events.register(
        "before-send.s3.PutObject",
        lambda request, **_: sent.append(request.headers["x-amz-content-sha256"].decode()),
    )
    s3.put_object(Bucket="unsigned", Key="a", Body=b"body")
    assert sent == ["STREAMING-UNSIGNED-PAYLOAD-TRAILER"]
    assert s3.get_object(Bucket="unsigned", Key="a")["Body"].read() == b"body"


def test_a_client_that_does_not_trust_the_authority_sends_nothing(tls: TlsServer, tmp_path: Path) -> None:
    other = make_certificates(tmp_path).ca
    with pytest.raises(SSLError):
        tls.client(other).list_buckets()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_on_both_ports(tls: TlsServer) -> None:
    ca = ("--cacert", str(tls.files.ca))
    user = ("--user", f"{ACCESS_KEY}:{SECRET_KEY}", "--aws-sigv4", f"aws:amz:{REGION}:s3")
    answer = curl(*ca, *user, "--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD", tls.endpoint + "/")
    assert "<ListAllMyBucketsResult" in answer.stdout, answer.stderr
    api = f"https://localhost:{tls.api_port}/"
    head = curl(*ca, "--head", api).stdout.lower()
    assert "strict-transport-security: max-age=86400" in head
    older = curl(*ca, "--tls-max", "1.1", "--ciphers", "DEFAULT:@SECLEVEL=0", tls.endpoint + "/")
    assert older.returncode != 0
    assert curl(*ca, "--tls-max", "1.2", tls.endpoint + "/").returncode == 0


def test_plain_http_is_not_answered(tls: TlsServer) -> None:
    connection = http.client.HTTPConnection("localhost", tls.port, timeout=SECONDS)
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        _answer(connection)
    connection.close()


def _answer(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
    connection.request("GET", "/")
    return connection.getresponse()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_new_certificate_is_shown_and_a_running_transfer_ends_well(tmp_path: Path, workers: int) -> None:
    server = TlsServer(tmp_path, "--workers", str(workers))
    server.start()
    try:
        s3 = server.client()
        s3.create_bucket(Bucket="photos")
        body = bytes(64 * MIB)
        s3.put_object(Bucket="photos", Key="large", Body=body)
        stream = s3.get_object(Bucket="photos", Key="large")["Body"]
        got = len(stream.read(MIB))  # the rest waits in the server, and what is taken up slowly
        before = server.shown()
        renewed = make_certificates(tmp_path / "renewed")
        shutil.copy(renewed.key, server.files.key)  # first the key alone: that pair cannot be used
        until(lambda: "the certificate stays the old one" in server.log_tail())
        assert server.shown() == before
        shutil.copy(renewed.cert, server.files.cert)
        seen = 0

        def renewed_everywhere() -> bool:
            nonlocal seen  # with workers, each connection falls to one of them
            seen = 0 if server.shown() == before else seen + 1
            return seen >= 20

        until(renewed_everywhere)
        server.client(renewed.ca).head_object(Bucket="photos", Key="large")
        while piece := stream.read(MIB):
            got += len(piece)
        assert got == len(body)
        shutil.copy(renewed.ca, server.files.ca)
        assert server.stop() == 0, server.log_tail()
    finally:
        server.kill()


def test_no_request_is_lost_while_the_certificate_changes(tmp_path: Path) -> None:
    """Clients that connect anew for each request, and one that keeps its connection, as SDKs do with retries
    of a connection that was closed while idle."""
    server = TlsServer(tmp_path)
    server.start()
    try:
        server.client().create_bucket(Bucket="photos")
        ca = tmp_path / "both.pem"
        second = make_certificates(tmp_path / "renewed")
        ca.write_bytes(server.files.ca.read_bytes() + second.ca.read_bytes())
        done, failed, stopping = [0], [], threading.Event()

        def write() -> None:
            s3 = server.client(ca)
            number = 0
            while not stopping.is_set():
                try:
                    s3.put_object(Bucket="photos", Key=f"{number}", Body=b"x")
                    number += 1
                    done[0] += 1
                except Exception as error:
                    failed.append(error)

        writer = threading.Thread(target=write)
        writer.start()
        before = server.shown()
        shutil.copy(second.cert, server.files.cert)
        shutil.copy(second.key, server.files.key)
        until(lambda: server.shown() != before)
        reached = done[0]
        until(lambda: done[0] > reached + 50)
        stopping.set()
        writer.join()
        assert len(failed) <= 1, failed  # a request may meet the end of an idle connection
        shutil.copy(second.ca, server.files.ca)
        assert server.stop() == 0, server.log_tail()
    finally:
        server.kill()


def test_clients_must_show_a_certificate_where_that_is_asked(tmp_path: Path) -> None:
    clients = make_certificates(tmp_path / "clients")
    server = TlsServer(tmp_path, "--tls-client-ca", str(clients.ca), "--tls-minimum", "1.3")
    server.client_files = clients
    server.start()
    try:
        good = server.client(client_cert=(str(clients.cert), str(clients.key)))
        assert good.list_buckets()["Buckets"] == []
        strangers = make_certificates(tmp_path / "strangers")
        for config in ({}, {"client_cert": (str(strangers.cert), str(strangers.key))}):
            with pytest.raises(Exception, match=r"certificate|Connection was closed|SSL"):
                server.client(**config).list_buckets()
        assert server.stop() == 0, server.log_tail()
    finally:
        server.kill()


def test_a_certificate_that_cannot_be_used_is_told_at_the_start(tmp_path: Path) -> None:
    files, other = make_certificates(tmp_path / "one"), make_certificates(tmp_path / "other")
    server = Server(
        tmp_path / "data", tmp_path / "log", "--tls-certificate", str(files.cert), "--tls-key", str(other.key)
    )
    with pytest.raises(DidNotStart) as caught:
        server.start()
    assert "exit code 2" in str(caught.value)
    assert f"the key in {other.key} is not that of the first certificate in {files.cert}" in str(caught.value)
