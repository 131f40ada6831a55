"""One S3 request and its answer, between the HTTP server and the handlers of operations."""

from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from access.evaluation.callers import Callers
from access.forwarded import FORWARDED_HOST
from access.identity import Principal
from access.kms_envelope import KmsEnvelope
from access.openid.issuer_keys import IssuerKeys
from access.post_form import FormVerifier
from access.sigv4 import Signed
from blobs.contract import Lent
from gateway.encryption_headers import Asked
from gateway.key_uses import KeyUses
from gateway.pace import DEFAULT_PACE, Pace
from gateway.patience import Patience
from gateway.quotas import Quotas, Reservation
from gateway.throttle import Throttle
from gateway.token_buckets import MEMORY_BYTES, TokenBuckets
from ingest.payload import Payload
from ingest.producer import Producer
from query.bucket_rules import BucketRules
from query.identities import FreshIdentities
from query.reader import Reader
from query.select.running import Queries
from schemas.events import Origin
from schemas.new_buckets import NewBuckets
from schemas.rows import Bucket, Grant, ObjectLock, ObjectVersion

UNSIGNED = Signed(None, "UNSIGNED-PAYLOAD")  # of a request that is not verified yet


@dataclass(slots=True)
class Services:
    """What handlers work with; made once at start by the composition root."""

    producer: Producer
    reader: Reader
    identities: FreshIdentities
    region: str = "us-east-1"
    domains: tuple[str, ...] = ()
    pace: Pace = DEFAULT_PACE
    customer_keys_over_http: bool = False
    new_buckets: NewBuckets = "acls-disabled"
    s3_port: int = 9000
    kms: KmsEnvelope = field(kw_only=True)
    issuers: IssuerKeys = field(default_factory=IssuerKeys)
    queries: Queries = field(default_factory=Queries)
    token_buckets: TokenBuckets = field(default_factory=lambda: TokenBuckets(bytearray(MEMORY_BYTES)))
    callers: Callers = field(init=False)
    key_uses: KeyUses = field(init=False)
    quotas: Quotas = field(init=False)
    patience: Patience = field(init=False)

    def __post_init__(self) -> None:
        self.callers = Callers(self.identities.directory)
        self.key_uses = KeyUses(self.region)
        self.quotas = Quotas(self.reader, self.identities.directory)
        self.patience = Patience(self.pace.window)

    def rules(self, bucket: Bucket) -> Awaitable[BucketRules]:
        """What its owner has set about access to a bucket, and about public access in the whole account."""
        return self.reader.rules(bucket, self.identities.directory.public_block(bucket.owner_id))


class Deleted(NamedTuple):
    """One object of a DeleteObjects: status and S3's code ("": none) that a DeleteObject would have had."""

    key: str
    version: str
    status: int
    error: str


@dataclass(slots=True)
class Request:
    """A parsed and authenticated request.

    bucket, key  decoded names, "" where there is none
    query        decoded query parameters; a parameter without "=" has the value ""
    headers      lower-case names; a repeated header is joined with ","
    body         the HTTP server's exchange; read it only through `gateway.body`
    received     bytes of the body that have come so far
    acl          of the object to be written, where the headers ask for one that is not the owner's alone
    lock         likewise: what is to keep the object from being removed
    encryption   what it asks for, or the customer's key that it brings; source_encryption of a copy's source
    forms        verifies the form that signs an otherwise unsigned PostObject
    owner        who is to own the object to be written; "": the bucket's owner
    found        the object, where it was looked up to decide whether it may be read
    deleted      what became of each object of a DeleteObjects
    reservation  what it has been let through for, where there are quotas
    throttle     paces its body and that of its answer, where bandwidth is limited
    """

    method: str
    path: str
    bucket: str
    key: str
    query: dict[str, str]
    headers: dict[str, str]
    request_id: bytes
    source: str
    operation: str
    principal: Principal
    services: Services
    body: Any = None
    signing: Signed = UNSIGNED
    raw_query: str = ""
    scheme: str = "http"
    received: int = 0
    acl: tuple[Grant, ...] | None = None
    lock: ObjectLock | None = None
    forms: FormVerifier | None = None
    encryption: Asked | None = None
    source_encryption: Asked | None = None
    owner: str = ""
    found: ObjectVersion | None = None
    deleted: list[Deleted] = field(default_factory=list)
    throttle: Throttle | None = None
    reservation: Reservation | None = None

    def origin(self) -> Origin:
        """Who asked, for the event."""
        return Origin(self.request_id, self.principal.id, self.source, self.operation)


def base_url(request: Request) -> str:
    """Scheme and host as the client addressed them, for URLs that only it is told."""
    headers = request.headers
    scheme = headers.get("x-forwarded-proto", request.scheme)
    host = request.signing.host or headers.get(FORWARDED_HOST) or headers.get("host", "")
    return f"{scheme if scheme in ('http', 'https') else request.scheme}://{host}"


class Response(NamedTuple):
    """Status, headers and body.

    `headers` belongs to this answer alone: the server appends to it. With a stream, `content-length` must
    be among them; its chunks may be lent (blobs.contract).
    """

    status: int
    headers: list[tuple[str, str]]
    body: bytes | AsyncIterator[Lent] = b""


__all__ = ["UNSIGNED", "Payload", "Request", "Response", "Services"]
