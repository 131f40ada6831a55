"""Every role over TLS and with logins: to Kafka, Cassandra and the zones, with self-made certificates."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster, NoHostAvailable
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key, pkcs12

from compose.native.cassandra import CassandraNodes
from compose.native.jars import NotAvailable
from compose.native.kafka import KafkaBrokers
from compose.native.minio import MinioZones, Zone
from compose.native.ports import free_ports
from compose.native.process import Process, start_all, stop_all
from strandline.cluster.connections import client_context
from strandline.cluster.settings import ClientCertificate
from tests.certificates import Certificates, make_certificates
from tests.cluster.server import ClusterServer, client
from tests.cluster.services import Cassandra, Kafka, Zones, unavailable
from tests.server import strandline

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

USER, PASSWORD = "strandline", "a password"
STORE_PASSWORD = "of the key store"
LOGIN_SECONDS = 60


@dataclass(frozen=True)
class Secured:
    """Services that want TLS and logins, and the authority that vouches for them."""

    kafka: Kafka
    cassandra: Cassandra
    zones: Zones
    certificates: Certificates


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("secured")
    certificates = make_certificates(folder / "certificates")
    ports = free_ports(6)
    try:
        kafka = KafkaBrokers(folder, ports[:1], properties=kafka_properties(folder, certificates))
        settings = cassandra_settings(folder, certificates)
        cassandra = CassandraNodes(folder, 1, ports[1], ports[2], settings=settings)
        zones = MinioZones(folder, ports[3:], certs=certificates.cert.parent)
    except NotAvailable as missing:
        unavailable(str(missing))
    processes: list[Process] = [*kafka.brokers, *cassandra.nodes, *zones.processes]
    try:
        start_all(processes)
        until_login(cassandra, certificates)
        named = tuple(Zone(zone.name, zone.endpoint) for zone in zones.zones)
        nodes = Cassandra(tuple(cassandra.contact_points), cassandra.port)
        yield Secured(Kafka(kafka.bootstrap_servers), nodes, Zones(named), certificates)
    finally:
        stop_all(processes)


def kafka_properties(folder: Path, certificates: Certificates) -> dict[str, str]:
    """TLS for clients that show a certificate, and a login."""
    both = folder / "broker.pem"
    both.write_bytes(certificates.key.read_bytes() + certificates.cert.read_bytes())
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    return {
        "listener.security.protocol.map": "CLIENT:SASL_SSL,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(both),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(certificates.ca),
        "ssl.client.auth": "required",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.client.plain.sasl.jaas.config": f'{module} required user_{USER}="{PASSWORD}";',
    }


def cassandra_settings(folder: Path, certificates: Certificates) -> dict[str, Any]:
    """TLS for clients, and a login."""
    store = folder / "node.p12"
    key = load_pem_private_key(certificates.key.read_bytes(), None)
    chain = x509.load_pem_x509_certificate(certificates.cert.read_bytes())
    password = BestAvailableEncryption(STORE_PASSWORD.encode())
    store.write_bytes(pkcs12.serialize_key_and_certificates(b"node", key, chain, None, password))  # type: ignore[arg-type]
    return {
        "authenticator": "PasswordAuthenticator",
        "client_encryption_options": {
            "enabled": True,
            "optional": False,
            "keystore": str(store),
            "keystore_password": STORE_PASSWORD,
            "store_type": "PKCS12",
        },
    }


def until_login(nodes: CassandraNodes, certificates: Certificates) -> None:
    """The first superuser is made some moments after the start."""
    limit = time.monotonic() + LOGIN_SECONDS
    while True:
        cluster = Cluster(
            nodes.contact_points,
            port=nodes.port,
            auth_provider=PlainTextAuthProvider("cassandra", "cassandra"),
            ssl_context=client_context(ClientCertificate(ca=certificates.ca)),
        )
        try:
            cluster.connect().execute(f"CREATE ROLE {USER} WITH PASSWORD = '{PASSWORD}' AND LOGIN = true")
        except NoHostAvailable:
            if time.monotonic() > limit:
                raise
            time.sleep(0.2)
        else:
            return
        finally:
            cluster.shutdown()


def with_security(text: str, certificates: Certificates) -> str:
    """The configuration with what is needed to log in everywhere."""
    ca, cert, key = (json.dumps(str(file)) for file in (certificates.ca, certificates.cert, certificates.key))
    text = text.replace(
        "[cluster.cassandra]", f'[cluster.cassandra]\nuser = "{USER}"\npassword = "{PASSWORD}"'
    )
    text = text.replace("bucket = ", f"ca = {ca}\nbucket = ")
    return f"""{text}
[cluster.kafka.tls]
ca = {ca}
cert = {cert}
key = {key}
[cluster.kafka.sasl]
mechanism = "PLAIN"
user = "{USER}"
password = "{PASSWORD}"
[cluster.cassandra.tls]
ca = {ca}
"""


def test_a_store_over_tls_and_with_logins(secured: Secured, tmp_path: Path) -> None:
    server = ClusterServer(tmp_path / "one", secured.kafka, secured.cassandra, secured.zones)
    plain = server.config.read_text()
    server.config.write_text(with_security(plain, secured.certificates))
    try:
        server.prepare()
        server.start_worker("--processors", "materializer,housekeeper,auditor,collector")
        server.start()
        s3 = client(server)
        s3.create_bucket(Bucket="safe")
        for size in (10, 100_000):
            s3.put_object(Bucket="safe", Key=str(size), Body=b"x" * size)
            assert s3.get_object(Bucket="safe", Key=str(size))["Body"].read() == b"x" * size
        assert server.stop() == 0, server.log_tail()
        assert strandline("index", "verify", STRANDLINE_CONFIG=str(server.config)).returncode == 0
    finally:
        server.kill()


def test_a_wrong_password_and_an_unknown_authority_are_refused(secured: Secured, tmp_path: Path) -> None:
    server = ClusterServer(tmp_path / "one", secured.kafka, secured.cassandra, secured.zones)
    text = with_security(server.config.read_text(), secured.certificates)
    other = make_certificates(tmp_path / "other")
    wrong = {
        tmp_path / "password.toml": text.replace(PASSWORD, "a wrong one"),
        tmp_path / "authority.toml": text.replace(str(secured.certificates.ca), str(other.ca)),
    }
    commands = ((("topics", "check"), "Kafka"), (("schema", "migrate"), "Cassandra"))
    with ThreadPoolExecutor() as threads:  # each of them waits for its service as long as it may
        started = []
        for config, lines in wrong.items():
            config.write_text(lines)
            run = partial(strandline, STRANDLINE_CONFIG=str(config))
            started += [(threads.submit(run, *command), service) for command, service in commands]
    for ended, service in started:
        done = ended.result()
        assert done.returncode == 1
        assert f"{service} does not answer" in done.stderr.splitlines()[-1]
        assert "a wrong one" not in done.stderr
