"""Requests as Hypothesis makes them: of every operation, with values that are right, wrong or nonsense."""

from dataclasses import dataclass, field
from urllib.parse import quote

from hypothesis import strategies as st

from gateway.operations import OPERATIONS, Operation
from tests.fuzz import values

BUCKET, LOCKED, KEY, KEPT = "fuzz-bucket", "fuzz-locked", "a/key", "kept"


@dataclass
class Wire:
    """A request. signed: "" for no signature; after: what replaces the value of a signed header."""

    method: str
    path: str
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    signed: str = "s3"
    after: dict[str, str] = field(default_factory=dict)
    cut: int | None = None  # bytes of the body that are sent

    @property
    def target(self) -> str:
        query = "&".join(
            f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in self.query
        )
        return f"{self.path}?{query}" if query else self.path


buckets = st.sampled_from([BUCKET] * 12 + [LOCKED, "no-such-bucket", "UPPER", "a", "a" * 64, "x..y", ".."])
keys = st.one_of(
    st.just(KEY),
    st.just(KEY),
    st.sampled_from(
        ["b", "multi", "..", "../../etc/passwd", "a//b", "a/./b", "%2e%2e", "k" * 1025, "\x00", "ü\u202e"]
    ),
    st.text(min_size=1, max_size=12),
)


def _few(names: list[str]) -> st.SearchStrategy[list[str]]:
    """None of them, mostly, or some."""
    some = st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True)
    return st.one_of(st.just([]), st.just([]), some)


@st.composite
def s3_requests(draw: st.DrawFn) -> Wire:
    """One of an operation of S3."""
    operation: Operation = draw(st.sampled_from(OPERATIONS))
    path = "/"
    if operation.level != "service":
        path += draw(buckets)
    if operation.level == "object":
        path += "/" + quote(draw(keys), safe="/-_.~")
    query = [_parameter(draw, one) for one in operation.parameters.split()]
    for name in draw(_few(sorted(values.QUERY))):
        query.append((name, draw(values.QUERY[name])))
    if draw(st.integers(0, 15)) == 0:
        query.append((draw(st.text(max_size=8)), draw(values.nonsense)))
    wire = Wire(operation.method, path, query)
    if operation.header:
        wire.headers[operation.header] = draw(values.HEADERS[operation.header])
    _add_headers(draw, wire)
    if operation.method in ("PUT", "POST") or draw(st.integers(0, 9)) == 0:
        wire.body = draw(values.bodies)
    _spoil(draw, wire)
    return wire


@st.composite
def rest_requests(draw: st.DrawFn) -> Wire:
    """One of the REST API."""
    bucket, key = quote(draw(buckets)), quote(draw(keys), safe="/")
    path = draw(st.sampled_from([
        "/buckets", f"/buckets/{bucket}", f"/buckets/{bucket}/objects", f"/buckets/{bucket}/objects/{key}",
        f"/buckets/{bucket}/objects/{key}/versions", f"/buckets/{bucket}/versions",
        f"/buckets/{bucket}/versioning", f"/buckets/{bucket}/policy", f"/buckets/{bucket}/policy/{key}",
        "/health/ready", "/metrics", "/openapi.json", "/docs", f"/{key}",
    ]))  # fmt: skip
    names = ["prefix", "delimiter", "limit", "continuation", "key", "version", "start_after", "other"]
    query = [
        (name, draw(values.nonsense))
        for name in draw(st.lists(st.sampled_from(names), max_size=3, unique=True))
    ]
    wire = Wire(draw(st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"])), path, query)
    _add_headers(draw, wire)
    if wire.method in ("PUT", "POST"):
        wire.body = draw(values.documents)
    _spoil(draw, wire)
    return wire


@st.composite
def query_requests(draw: st.DrawFn) -> Wire:
    """One of IAM, STS or the KMS."""
    if draw(st.booleans()):
        action = draw(st.sampled_from(values.KMS_ACTIONS))
        headers = {"x-amz-target": f"TrentService.{action}", "content-type": "application/x-amz-json-1.1"}
        return Wire("POST", "/", [], headers, draw(values.documents), "kms")
    service = draw(st.sampled_from(["iam", "sts"]))
    fields = [("Action", draw(st.sampled_from(values.QUERY_ACTIONS))), ("Version", "2010-05-08")]
    for name in draw(st.lists(st.sampled_from(values.QUERY_FIELDS), max_size=4)):
        fields.append((name, draw(values.nonsense)))
    body = "&".join(f"{quote(name)}={quote(value, safe='')}" for name, value in fields).encode()
    return Wire("POST", "/", [], {"content-type": "application/x-www-form-urlencoded"}, body, service)


def _parameter(draw: st.DrawFn, text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if value or name not in values.QUERY:
        return name, value
    return name, draw(values.QUERY[name])


def _add_headers(draw: st.DrawFn, wire: Wire) -> None:
    for name in draw(_few(sorted(values.HEADERS))):
        wire.headers.setdefault(name, draw(values.HEADERS[name]))


def _spoil(draw: st.DrawFn, wire: Wire) -> None:
    """One request in four is not as it was signed, not signed, or does not send what it promised."""
    match draw(st.integers(0, 23)):
        case 0:
            wire.signed = ""
        case 1:
            wire.after["authorization"] = draw(values.authorizations)
        case 2:
            wire.after["x-amz-date"] = draw(values.nonsense)
        case 3:
            wire.after["x-amz-content-sha256"] = draw(values.content_hashes)
        case 4:
            wire.after["content-length"] = draw(values.lengths)
        case 5:
            wire.cut = draw(st.integers(0, max(0, len(wire.body) - 1)))
