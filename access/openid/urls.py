"""URLs of issuers and of their documents: https, and where the operator allows it plain http on loopback."""

import re
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

URL_LIMIT = 255  # characters of an issuer's URL, as IAM has it
DOCUMENT_URL_LIMIT = 2048

_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_is_host = re.compile(rf"{_LABEL}(\.{_LABEL})*|[0-9a-f:.]+", re.I).fullmatch
_is_visible = re.compile(r"[!-~]+").fullmatch
_PORTS = {"https": 443, "http": 80}


class Place(NamedTuple):
    """Where a URL leads. authority: host and port as written; target: path and query."""

    scheme: str
    host: str
    port: int
    authority: str
    target: str


def place_of(url: str, loopback: bool) -> Place | None:
    """Where the URL of a document leads; None for one that is not taken. loopback: whether the operator lets
    issuers be on this machine."""
    if len(url) > DOCUMENT_URL_LIMIT or not _is_visible(url):
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if not _is_host(host) or "@" in parts.netloc or parts.fragment or port == 0:
        return None
    local = is_loopback(host)
    schemes = ("https", "http") if local else ("https",)
    if parts.scheme not in schemes or (local and not loopback):
        return None
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(parts.scheme, host, port or _PORTS[parts.scheme], parts.netloc, target)


def is_issuer(url: str, loopback: bool) -> bool:
    """Whether an issuer may be called so: OpenID Connect Discovery 1.0, 3 (no query, no fragment)."""
    plain = not set(url) & set("?#\\")
    return plain and len(url) <= URL_LIMIT and place_of(url, loopback) is not None


def discovery_url(issuer: str) -> str:
    """Where an issuer says where its keys are: OpenID Connect Discovery 1.0, 4."""
    return f"{issuer.rstrip('/')}/.well-known/openid-configuration"


def is_loopback(host: str) -> bool:
    """Whether a host's name says by itself that it is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def may_connect(address: str, scheme: str, loopback: bool) -> bool:
    """Whether an address that a name stands for may be connected to. Link-local ones are where clouds tell
    machines their secrets; a name must not lead to this machine where none is to."""
    ip = ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    ip = ip if mapped is None else mapped
    if ip.is_loopback:
        return loopback
    nowhere = ip.is_link_local or ip.is_multicast or ip.is_unspecified or ip.is_reserved
    return scheme == "https" and not nowhere
