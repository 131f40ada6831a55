"""A zone's S3 endpoint, and the client that speaks to it: connections, timeouts, certificates."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from urllib3.util import Timeout


@dataclass(frozen=True)
class ZoneEndpoint:
    """A zone as configuration gives it.

    name    its name in the zone map
    url     http://host:port or https://host:port
    bucket  bucket that holds the bytes; made when it is not there
    region  region that requests are signed for
    ca      PEM file of certificates to trust instead of the system's
    """

    name: str
    url: str
    access_key: str
    secret_key: str = field(repr=False)
    bucket: str = "strandline"
    region: str = "us-east-1"
    ca: Path | None = None


@dataclass(frozen=True)
class Timing:
    """How long to wait for zones, in seconds, and how often to try.

    connect   for a connection to be made
    answer    for a zone that says nothing
    deadline  for one request to one zone, all attempts together
    patience  for a zone, once the others have done what is enough
    attempts  of one request to one zone
    probe     between the first two questions whether a zone is back; doubles up to `probe_longest`
    """

    connect: float = 1.0
    answer: float = 5.0
    deadline: float = 10.0
    patience: float = 1.0
    attempts: int = 3
    probe: float = 0.5
    probe_longest: float = 10.0


def open_pool(endpoint: ZoneEndpoint, connections: int, timing: Timing) -> urllib3.PoolManager:
    """Connections to the zone for as many threads as `connections`; close them with its `clear`.

    Each request is sent once: whether and when to send it again is for `Zone` to decide, which knows the
    deadline. A proxy set for the machine is not used."""
    secure = endpoint.url.startswith("https:")
    return urllib3.PoolManager(
        maxsize=connections,
        block=True,
        timeout=Timeout(connect=timing.connect, read=timing.answer),
        retries=False,
        ssl_context=ssl.create_default_context(cafile=endpoint.ca) if secure else None,
    )


def open_client(endpoint: ZoneEndpoint, pool: urllib3.PoolManager) -> Minio:
    """A client that uses these connections. Nothing is sent yet."""
    parts = urlsplit(endpoint.url)
    return Minio(
        parts.netloc,
        endpoint.access_key,
        endpoint.secret_key,
        secure=parts.scheme == "https",
        region=endpoint.region,
        http_client=pool,
    )
