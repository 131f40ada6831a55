"""Listen addresses as people write them: `HOST:PORT`, `[IPv6]:PORT`, `:PORT` for every interface."""

from typing import NamedTuple

from schemas.errors import ConfigurationError

RULE = "write HOST:PORT with a port from 1 to 65535, like 127.0.0.1:9000, [::1]:9000 or :9000"


class ListenAddress(NamedTuple):
    """Where a server listens. `host` is a name or an address without brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_listen(text: str) -> ListenAddress:
    """The address in `text`. Raises ConfigurationError, naming the text and the rule.

    Without a host it means every IPv4 interface, as in other servers.
    """
    host, colon, port = text.strip().rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if bracketed:
        host = host[1:-1]
    plausible = colon and port.isascii() and port.isdigit() and 0 < int(port) < 65536
    if not plausible or (":" in host) != bracketed or any(c in host for c in " /@[]"):
        raise ConfigurationError(f"{text!r} is not a listen address: {RULE}")
    return ListenAddress(host or "0.0.0.0", int(port))
