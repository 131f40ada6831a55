"""How a process reaches the brokers: addresses, TLS, login, and the prefix of every name."""

import logging
from dataclasses import dataclass
from typing import Any

# Brokers that hang are given up after this long, so that another one can be asked.
SOCKET_MILLISECONDS = 4_000
METADATA_MILLISECONDS = 5_000  # a new leader is looked for at least this often

log = logging.getLogger(__name__)
# What librdkafka thinks of the settings chosen here is known.
log.addFilter(lambda record: "CONFWARN" not in record.getMessage())


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS towards the brokers; paths of PEM files. Without `ca` the system's certificates are trusted."""

    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    verify_host_name: bool = True


@dataclass(frozen=True, slots=True)
class Login:
    """SASL: mechanism ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"), user and password."""

    mechanism: str
    user: str
    password: str


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """Where the brokers are and how to log in. `prefix` begins the names of topics and groups."""

    bootstrap_servers: str
    prefix: str = "strandline."
    tls: Tls | None = None
    login: Login | None = None

    def name(self, name: str) -> str:
        """The broker's name of a topic or group of ours."""
        return self.prefix + name

    def settings(self, **more: Any) -> dict[str, Any]:
        """The configuration of a client; `more` has underscores for dots."""
        common: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap_servers,
            "socket.timeout.ms": SOCKET_MILLISECONDS,
            "socket.nagle.disable": True,
            "topic.metadata.refresh.interval.ms": METADATA_MILLISECONDS,
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 1_000,
            "log.connection.close": False,
            "logger": log,
        }
        chosen = {name.replace("_", "."): value for name, value in more.items()}
        return {**common, **self._security(), **chosen}

    def _security(self) -> dict[str, Any]:
        chosen: dict[str, Any] = {}
        if self.tls is not None:
            named = {
                "ssl.ca.location": self.tls.ca,
                "ssl.certificate.location": self.tls.cert,
                "ssl.key.location": self.tls.key,
            }
            chosen |= {name: path for name, path in named.items() if path is not None}
            verification = "https" if self.tls.verify_host_name else "none"
            chosen["ssl.endpoint.identification.algorithm"] = verification
        if self.login is not None:
            chosen["sasl.mechanism"] = self.login.mechanism
            chosen["sasl.username"] = self.login.user
            chosen["sasl.password"] = self.login.password
        if chosen:
            parts = ("SASL" if self.login else "", "SSL" if self.tls else "PLAINTEXT")
            chosen["security.protocol"] = "_".join(part for part in parts if part)
        return chosen
