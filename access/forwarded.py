"""Requests that came through a proxy: which host and port the client may have signed.

A signature covers the Host header as the client sent it. A proxy that puts its own there tells the client's
in X-Forwarded-Host and X-Forwarded-Port. They need not be trusted: they say what to verify the signature
against, and a wrong host makes no signature right.
"""

from collections.abc import Iterator, Mapping

FORWARDED_HOST = "x-forwarded-host"
FORWARDED_PORT = "x-forwarded-port"


def is_forwarded(headers: Mapping[str, str]) -> bool:
    """Whether a proxy tells of another host or port."""
    return FORWARDED_HOST in headers or FORWARDED_PORT in headers


def forwarded_hosts(headers: Mapping[str, str]) -> Iterator[str]:
    """What the client's Host header may have been; of several proxies the first one knows."""
    host = _first(headers.get(FORWARDED_HOST, "")) or headers.get("host", "")
    port = _first(headers.get(FORWARDED_PORT, ""))
    yield host
    name = _without_port(host)
    if name != host:
        yield name
    if _is_port(port):
        yield f"{name}:{port}"


def _first(values: str) -> str:
    return values.partition(",")[0].strip()


def _without_port(host: str) -> str:
    name, _, port = host.rpartition(":")
    return name if name and _is_port(port) else host


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit()
