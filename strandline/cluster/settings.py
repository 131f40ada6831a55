"""Settings of a cluster: the table `[cluster]` of the TOML file, as models.

A cluster is described in a file, never by flags: it has lists, secrets and certificates, and every role on
every machine should read the same lines. Engines never see these models; the composition
(strandline/cluster_*.py) hands each engine arguments of its own.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator


class ClusterModel(BaseModel):
    """A table of the file: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ClientCertificate(ClusterModel):
    """TLS towards a service: whom to trust, and how to prove who we are. PEM files."""

    ca: Path | None = Field(
        default=None, description="Certificates to trust; without it those of the system."
    )
    cert: Path | None = Field(default=None, description="Our certificate, when the service asks for one.")
    key: Path | None = Field(default=None, description="The private key of `cert`.")
    verify_host_name: bool = Field(
        default=True, description="Refuse a certificate that is not made out to the host connected to."
    )

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if (self.cert is None) != (self.key is None):
            raise ValueError("cert and key must be set together, or neither")
        return self


class Sasl(ClusterModel):
    """How to log in at Kafka."""

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="SCRAM-SHA-512", description="The mechanism that the brokers offer."
    )
    user: str = Field(min_length=1, description="User name.")
    password: SecretStr = Field(description="Password.")


class KafkaSettings(ClusterModel):
    """The log. TLS is used when `tls` is there, SASL when `sasl` is."""

    bootstrap_servers: tuple[str, ...] = Field(
        default=("127.0.0.1:9092",), min_length=1, description="Some brokers, HOST:PORT each."
    )
    topic_prefix: str = Field(
        default="strandline.",
        pattern=r"^[A-Za-z0-9._-]{0,100}$",
        description="Begins the name of every topic and consumer group, so that stores can share brokers.",
    )
    object_partitions: int = Field(
        default=12, ge=1, le=1024, description="Partitions of object-versions; fixed once it is made."
    )
    policy_partitions: int = Field(
        default=4, ge=1, le=64, description="Partitions of policies; fixed once it is made."
    )
    receipt_partitions: int = Field(
        default=32, ge=1, le=1024, description="Partitions of receipts: as many gateways may run at once."
    )
    replication_factor: int = Field(
        default=3, ge=1, le=15, description="Copies of every partition, for `strandline topics create`."
    )
    min_insync_replicas: int = Field(
        default=2, ge=1, le=15, description="Copies that must have an event before it counts as written."
    )
    tls: ClientCertificate | None = Field(default=None, description="TLS towards the brokers.")
    sasl: Sasl | None = Field(default=None, description="Login at the brokers.")

    @model_validator(mode="after")
    def _writable(self) -> Self:
        if self.min_insync_replicas > self.replication_factor:
            raise ValueError(
                f"min_insync_replicas ({self.min_insync_replicas}) must not be greater than "
                f"replication_factor ({self.replication_factor})"
            )
        return self


class CassandraSettings(ClusterModel):
    """The metadata."""

    contact_points: tuple[str, ...] = Field(
        default=("127.0.0.1",), min_length=1, description="Some nodes: host names or addresses."
    )
    port: int = Field(default=9042, ge=1, le=65535, description="Port of the CQL protocol on every node.")
    keyspace: str = Field(
        default="strandline", pattern=r"^[a-z][a-z0-9_]{0,47}$", description="The keyspace of this store."
    )
    datacenter: str = Field(default="datacenter1", description="The data centre whose nodes are asked.")
    replication_factor: int = Field(
        default=3, ge=1, le=15, description="Copies of every row, for `strandline schema migrate`."
    )
    user: str | None = Field(default=None, description="User name, when the nodes want a login.")
    password: SecretStr | None = Field(default=None, description="Password of `user`.")
    tls: ClientCertificate | None = Field(default=None, description="TLS towards the nodes.")

    @model_validator(mode="after")
    def _login(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password must be set together, or neither")
        return self


class ZoneSettings(ClusterModel):
    """A zone: an S3-compatible endpoint that keeps object bytes, on machines that fail apart from others."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,31}$",
        description="Its name, part of the placement: never give it to another store.",
    )
    endpoint: str = Field(pattern=r"^https?://[^/\s]+$", description="URL, like https://zone-a.example:9000.")
    access_key: str = Field(min_length=1, description="Access key.")
    secret_key: SecretStr = Field(description="Secret key.")
    bucket: str = Field(default="strandline", min_length=3, max_length=63, description="Bucket of the bytes.")
    region: str = Field(default="us-east-1", description="Region that requests are signed for.")
    ca: Path | None = Field(default=None, description="Certificates to trust, PEM; else those of the system.")


class ZoneMapSettings(ClusterModel):
    """How much each zone should hold beside the others, from one change of the zones to the next."""

    version: int = Field(ge=1, description="Grows with every change of the zones.")
    weights: dict[str, float] = Field(
        min_length=1,
        description="By the zone's name: one of weight 2 holds twice as much as one of weight 1.",
    )


class AuditorSettings(ClusterModel):
    """The worker that writes the audit trail, for who asks what is in it. TLS of an https endpoint may be set
    in `tls`."""

    endpoint: str = Field(
        pattern=r"^https?://[^/?#@\s]+$",
        description="URL of its worker_listen, like http://auditor.example:9003.",
    )
    tls: ClientCertificate | None = Field(
        default=None, description="TLS towards it; without it, https trusts the authorities of the system."
    )


class ClusterSettings(ClusterModel):
    """Everything a role needs to know to join the cluster."""

    kafka: KafkaSettings = Field(default_factory=KafkaSettings, description="The log.")
    cassandra: CassandraSettings = Field(default_factory=CassandraSettings, description="The metadata.")
    zones: tuple[ZoneSettings, ...] = Field(min_length=1, description="Where object bytes are kept.")
    zone_maps: tuple[ZoneMapSettings, ...] = Field(
        default=(),
        description="The zone map in force, and older ones whose copies may not have moved yet. Without any, "
        "all zones hold the same.",
    )
    inline_limit: int = Field(
        default=16 * 1024,
        ge=0,
        le=64 * 1024,
        description="Objects of up to so many bytes are kept in Cassandra, larger ones in the zones.",
    )
    write_lease_seconds: int = Field(
        default=86400,
        ge=1,
        le=30 * 86400,
        description="How long a write may take from its first byte on, seconds; then it is refused. Bytes in "
        "the zones that nothing names are freed once they are twice as old. The same for all roles: before "
        "it is made shorter, stop the housekeepers until the gateways' longer one has passed.",
    )
    auditor: AuditorSettings | None = Field(
        default=None,
        description="Where gateways and `strandline audit query` look requests up in the audit trail.",
    )
    keys_dir: Path = Field(
        description="Folder of the key ring and the root credentials: one folder, shared by all gateways and "
        "workers."
    )

    @field_validator("zones")
    @classmethod
    def _distinct(cls, zones: tuple[ZoneSettings, ...]) -> tuple[ZoneSettings, ...]:
        names = [zone.name for zone in zones]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two zones are named {name!r}")
        return zones
