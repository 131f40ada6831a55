"""Settings: every flag, environment variable and key of the TOML file, in one model.

`load_settings` (strandline/load_settings.py) reads them from their sources; docs/configuration.md is
generated from this model.
"""

import os
import re
import sys
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic.config import JsonDict
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from access.master_files import MASTER_FILE, WRAPPED_FILE
from schemas.errors import ConfigurationError
from schemas.new_buckets import NewBuckets
from strandline.cluster.settings import ClusterSettings
from strandline.listen import parse_listen

MOST_WORKERS = 4  # unless more are asked for: beyond them the order of writes is the limit

ENVIRONMENT_PREFIX = "STRANDLINE_"

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

_UNITS = {"": 1, "B": 1, "KIB": KIB, "MIB": MIB, "GIB": GIB, "TIB": 1024 * GIB}
_SIZE = re.compile(r"(\d+)\s*([A-Za-z]*)")
_VISIBLE = re.compile(r"[!-~]*")
_HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")


def parse_size(value: object) -> object:
    """Bytes from `65536`, "65536" or "64KiB" (KiB, MiB, GiB, TiB)."""
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value.strip())
    if match is None or match[2].upper() not in _UNITS:
        raise ValueError("must be a number of bytes, or a number with KiB, MiB, GiB or TiB, like 64MiB")
    return int(match[1]) * _UNITS[match[2].upper()]


def size_text(size: int) -> str:
    """A size the way people write it: 64MiB rather than 67108864, where that is exact."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size and size % unit == 0:
            return f"{size // unit}{name}"
    return str(size)


def _cores() -> int:
    """Processor cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _checked_listen(value: str) -> str:
    try:
        return str(parse_listen(value))
    except ConfigurationError as error:
        raise ValueError(error.message.partition(": ")[2]) from None


def _split(value: object) -> object:
    """A list written as text, as flags and environment variables do: `a.example,b.example`."""
    return (
        tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    )


def _checked_networks(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        try:
            network = ip_network(value)
        except ValueError:
            raise ValueError(
                f"{value!r} is neither an address nor a CIDR block without host bits, like 10.0.0.0/8"
            ) from None
        if network.prefixlen == 0:
            raise ValueError(f"{value!r} is everybody, and would let any client choose its address")
    return values


Size = Annotated[int, BeforeValidator(parse_size)]
Listen = Annotated[str, AfterValidator(_checked_listen)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Networks = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_checked_networks)]
NO_FLAG: JsonDict = {"flag": False}  # secrets: a command line is readable by every user of the machine


class Settings(BaseSettings):
    """All that can be set. Immutable; reads no environment by itself, so that a test is not at its mercy."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, extra="forbid", frozen=True, env_ignore_empty=True
    )

    data_dir: Path = Field(
        default=Path("strandline-data"),
        description="Folder that holds everything: log, index, object bytes, keys. Made with mode 0700.",
    )
    s3_listen: Listen = Field(
        default="127.0.0.1:9000",
        description="Address of the S3 wire protocol, HOST:PORT; :PORT is every interface.",
    )
    api_listen: Listen = Field(
        default="127.0.0.1:9001", description="Address of the REST API, health checks and metrics, HOST:PORT."
    )
    website_listen: Listen | None = Field(
        default=None,
        description="Address where buckets are served as websites, HOST:PORT; none by default. Visitors see "
        "what buckets allow to everybody.",
    )
    worker_listen: Listen | None = Field(
        default=None,
        description="Address of health checks and metrics of a `strandline worker`, HOST:PORT, and of "
        "questions to the audit trail where that worker is the auditor; none by default. For machines of the "
        "cluster alone.",
    )
    website_domains: Names = Field(
        default=("localhost",),
        description="Domains of websites: with example.org here, photos.example.org is that of the bucket "
        "photos. Any other host is a bucket of that whole name. With commas between.",
    )
    tls_certificate: Path | None = Field(
        default=None,
        description="PEM file of the certificate, then of those that it depends on. With it, all ports "
        "speak TLS only. A file that changes is taken up within seconds, without a restart.",
    )
    tls_key: Path | None = Field(
        default=None, description="PEM file of the private key of tls_certificate, not encrypted."
    )
    tls_minimum: Literal["1.2", "1.3"] = Field(
        default="1.2", description="The lowest version of TLS that is spoken."
    )
    tls_client_ca: Path | None = Field(
        default=None,
        description="PEM file of authorities. With it, all ports take only clients that show a certificate "
        "signed by one of them, beside what their requests are signed with.",
    )
    tls_hsts_seconds: int = Field(
        default=0,
        ge=0,
        le=2**31,
        description="How long a browser may reach this host by HTTPS only (Strict-Transport-Security), "
        "seconds; 0 sends no such header. It holds for every port of the host.",
    )
    workers: int = Field(
        default=0,
        ge=0,
        le=64,
        description="Processes that share the ports. With 1 the same process orders the writes, with "
        f"more another one does. 0: one for each processor core that there is, {MOST_WORKERS} at most.",
    )
    root_access_key: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_-]{3,128}$",
        description="Access key of the root identity. With its secret unset too, both are generated at the "
        "first start, printed once and kept in the data folder with mode 0600.",
        json_schema_extra=NO_FLAG,
    )
    root_secret_key: SecretStr | None = Field(
        default=None,
        min_length=8,
        max_length=256,
        description="Secret key of the root identity, 8 to 256 characters of visible ASCII.",
        json_schema_extra=NO_FLAG,
    )
    master_key: SecretStr | None = Field(
        default=None,
        min_length=64,
        max_length=64,
        description="Master key of the folder of keys, 64 hex digits (`openssl rand -hex 32`), the same for "
        "every process of the store. Unset, it is in the file master.key of that folder, made at the first "
        "start, or under a transit endpoint.",
        json_schema_extra=NO_FLAG,
    )
    transit_url: str | None = Field(
        default=None,
        description="Transit engine of a Vault-compatible server, https://HOST:PORT/v1/transit (http to this "
        "machine only). With it, the master key is kept wrapped by that engine, in the file master.wrapped "
        "of the folder of keys; every process asks it when it starts. The same for every process of the "
        "store.",
    )
    transit_key: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_.-]{1,128}$",
        description="Name of the key of that engine that wraps the master key.",
    )
    transit_token_file: Path | None = Field(
        default=None,
        description="File with the token for that engine; it may encrypt, decrypt and rewrap with that key. "
        "Read for every call, so that an agent may renew it.",
    )
    transit_ca: Path | None = Field(
        default=None,
        description="PEM file of the authorities that the certificate of that server may be from; unset, "
        "those that this machine trusts.",
    )
    region: str = Field(
        default="us-east-1",
        pattern=r"^[a-z0-9-]{1,63}$",
        description="Region name that clients sign with and that new buckets are in.",
    )
    domains: Names = Field(
        default=(),
        description="Base domains for virtual-host style requests: with s3.example.org here, a request to "
        "photos.s3.example.org means the bucket photos. Several are separated by commas.",
    )
    trusted_proxies: Networks = Field(
        default=(),
        description="Proxies in front, as addresses or CIDR blocks (10.0.0.0/8, 2001:db8::1) with commas "
        "between. Of their requests the client's address is the last one in X-Forwarded-For that is not one "
        "of theirs: for aws:SourceIp, audit and access logs; and it came by TLS where X-Forwarded-Proto says "
        "https: for aws:SecureTransport. Nobody else's headers are believed.",
    )
    inline_limit: Size = Field(
        default=512,
        ge=0,
        le=64 * KIB,
        description="Objects up to this size ride in the log and the index themselves.",
    )
    pack_limit: Size = Field(
        default=MIB,
        ge=0,
        le=64 * MIB,
        description="Objects up to this size share pack files, many to one sync; larger ones: one file each.",
    )
    segment_bytes: Size = Field(
        default=64 * MIB,
        ge=MIB,
        le=4 * GIB,
        description="Size at which a segment of the log ends and the next begins.",
    )
    min_free_bytes: Size = Field(
        default=64 * MIB,
        ge=0,
        description="Space that stays free on the device: objects are refused (507) when less would be left, "
        "deletions and other small changes when less than half of it would be. So what was begun can be "
        "ended, and reads go on.",
    )
    unsafe_unsynced_large_objects: bool = Field(
        default=False,
        description="UNSAFE. Acknowledge objects above pack_limit without waiting for the disk: a power "
        "failure can lose them after the client was told they are stored. The log and smaller objects are "
        "always synced. For benchmarks and data that can be made again.",
    )
    gc_grace_seconds: int = Field(
        default=60,
        ge=0,
        le=30 * 86400,
        description="How long bytes that nothing refers to are kept for reads still running, seconds.",
    )
    snapshot_log_bytes: Size = Field(
        default=GIB,
        ge=MIB,
        description="A verified snapshot is made when the log has grown by this much since the last one; "
        "the log before it can then go.",
    )
    audit: bool = Field(
        default=True, description="Write one hash-chained record per request and per fact to audit/."
    )
    audit_keep_days: int = Field(
        default=90, ge=0, le=36500, description="Days that audit files are kept; 0 keeps them for ever."
    )
    access_log_seconds: int = Field(
        default=300,
        ge=1,
        le=86400,
        description="How long records of requests to buckets with access logging are collected before they "
        "are written to the target bucket, seconds; sooner when there are many.",
    )
    key_use_seconds: int = Field(
        default=60,
        ge=1,
        le=86400,
        description="How long the use of an access key is collected before the log is told when it was used "
        "last, seconds.",
    )
    max_requests: int = Field(
        default=1024,
        ge=1,
        le=65536,
        description="Requests in progress at once, per process; beyond it the answer is 503 SlowDown.",
    )
    client_window_seconds: int = Field(
        default=60,
        ge=1,
        le=3600,
        description="A client for whose bytes the server waits so long, without one, is given up (400 "
        "RequestTimeout), seconds. Over every such span it must keep client_min_rate.",
    )
    client_min_rate: Size = Field(
        default=KIB,
        ge=0,
        le=64 * MIB,
        description="Bytes a second that a client must send of a body, or take of an answer, on average over "
        "client_window_seconds of waiting for it; else its connection is closed.",
    )
    customer_keys_over_http: bool = Field(
        default=False,
        description="Take customers' keys (SSE-C) over plain HTTP from other machines too, as AWS never "
        "does: for a network that nobody listens on. From this machine they are always taken.",
    )
    oidc_ca: Path | None = Field(
        default=None,
        description="PEM file of authorities that issuers of OpenID Connect tokens may have their "
        "certificates from, beside those that this machine trusts anyway.",
    )
    oidc_loopback_issuers: bool = Field(
        default=False,
        description="Take OpenID Connect issuers on this machine (127.0.0.1, ::1, localhost), over plain "
        "HTTP too: for tests, and for an issuer beside the server. Whoever may make a provider in some "
        "account can then have the server send GET requests to any port of this machine.",
    )
    new_buckets: NewBuckets = Field(
        default="acls-disabled",
        description="What a new bucket is like unless its request says otherwise. acls-disabled: everything "
        "in it belongs to its owner (BucketOwnerEnforced) and public access is blocked, as in AWS since "
        "April 2023. acls-enabled: ACLs count (ObjectWriter) and nothing is blocked, as in AWS before, for "
        "tools that make buckets and objects with ACLs. Buckets that are there already stay as they are.",
    )
    drain_seconds: int = Field(
        default=30,
        ge=0,
        le=3600,
        description="After SIGTERM, how long requests in progress may take to finish, seconds.",
    )
    cluster: ClusterSettings | None = Field(
        default=None,
        description="The cluster that this process is a part of, as the tables below; with it there is no "
        "store of our own in data_dir. In the environment it is one JSON object.",
        json_schema_extra=NO_FLAG,
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe message that goes to standard error."
    )

    def without_secrets(self) -> str:
        """JSON for a process that this one starts: it gets secrets by its environment only."""
        return self.model_dump_json(exclude={"root_access_key", "root_secret_key", "master_key"})

    @property
    def master_file(self) -> str | None:
        """The file in the folder of keys that has the master key; None: it is given."""
        if self.master_key is not None:
            return None
        return MASTER_FILE if self.transit_url is None else WRAPPED_FILE

    @property
    def worker_count(self) -> int:
        """How many workers there are to be."""
        return self.workers or min(MOST_WORKERS, _cores())

    @property
    def scheme(self) -> str:
        """Of the URLs of all ports."""
        return "http" if self.tls_certificate is None else "https"

    @property
    def listens(self) -> tuple[str, ...]:
        """Every address to listen on."""
        websites = () if self.website_listen is None else (self.website_listen,)
        return (self.s3_listen, self.api_listen, *websites)

    @field_validator("domains", "website_domains")
    @classmethod
    def _host_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if _HOST_NAME.fullmatch(name) is None:
                raise ValueError(f"{name!r} is not a host name in lower case, like s3.example.org")
        return names

    @field_validator("root_secret_key")
    @classmethod
    def _visible(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and _VISIBLE.fullmatch(secret.get_secret_value()) is None:
            raise ValueError("must be visible ASCII characters only")
        return secret

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.root_access_key is None) != (self.root_secret_key is None):
            raise ValueError("root_access_key and root_secret_key must be set together, or neither")
        if self.inline_limit > self.pack_limit:
            raise ValueError(
                f"inline_limit ({self.inline_limit}) must not be greater than pack_limit ({self.pack_limit})"
            )
        if parse_listen(self.s3_listen) == parse_listen(self.api_listen):
            raise ValueError(f"s3_listen and api_listen must differ, and both are {self.s3_listen}")
        if self.website_listen is not None and parse_listen(self.website_listen) in (
            parse_listen(self.s3_listen), parse_listen(self.api_listen),
        ):  # fmt: skip
            raise ValueError(f"website_listen must differ from the other ports, and is {self.website_listen}")
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key must be set together, or neither")
        if self.tls_certificate is None and (self.tls_client_ca is not None or self.tls_hsts_seconds):
            raise ValueError("tls_client_ca and tls_hsts_seconds need tls_certificate and tls_key")
        if self.transit_url is not None and None in (self.transit_key, self.transit_token_file):
            raise ValueError("transit_url needs transit_key and transit_token_file")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_others: Any,
        **_more: Any,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what the constructor is given; `load_settings` layers the sources, and knows which one
        a wrong value came from."""
        return (init_settings,)


def flag_of(name: str) -> str | None:
    """The command line flag of a setting; None for one that has none."""
    extra = Settings.model_fields[name].json_schema_extra
    return None if extra == NO_FLAG else "--" + name.replace("_", "-")


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return ENVIRONMENT_PREFIX + name.upper()


def default_of(name: str) -> str | None:
    """The default of a setting as one would write it; None when it has none."""
    field = Settings.model_fields[name]
    if field.default in (None, ()):
        return None
    if isinstance(field.default, bool):
        return "true" if field.default else "false"
    is_size = any(getattr(mark, "func", None) is parse_size for mark in field.metadata)
    return size_text(field.default) if is_size else str(field.default)
