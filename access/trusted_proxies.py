"""Whose request it is that a proxy passed on, and how it came there: the address that policies, audit and
access logs go by, and whether TLS was used.

A proxy appends the address of its own client to X-Forwarded-For; what stands before that, the client may have
written itself. So the header is read from its end, and only as far as proxies that are trusted vouch for it.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

FORWARDED_FOR = "x-forwarded-for"
FORWARDED_PROTO = "x-forwarded-proto"
HOPS = 32  # of one request that are looked at

Address = IPv4Address | IPv6Address


class TrustedProxies:
    """The networks whose X-Forwarded-For and X-Forwarded-Proto are believed.

    networks  CIDR blocks or single addresses, IPv4 or IPv6. Raises ValueError for anything else.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = tuple(ip_network(one) for one in networks)

    def trusts(self, peer: str) -> bool:
        """Whether what that address tells is believed."""
        address = _address(peer)
        return address is not None and self._trusted(address)

    def client(self, peer: str, forwarded: str) -> str:
        """The address of the client of a request: the last of the hops that is no trusted proxy.

        peer       who connected
        forwarded  the values of X-Forwarded-For, joined with "," in their order

        A hop that is no address ends the search: who is before it is not known, and the proxy that told it
        stands for the client.
        """
        found = _address(peer)
        if found is None or not self._trusted(found):
            return peer
        for hop in reversed(forwarded.rsplit(",", HOPS)[-HOPS:]):
            address = _address(_without_port(hop.strip()))
            if address is None:
                break
            found = address
            if not self._trusted(address):
                break
        return str(found)

    def _trusted(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def forwarded_scheme(told: str, connected: str) -> str:
    """ "https" or "http" of a request that a trusted proxy passed on.

    told       the values of X-Forwarded-Proto, joined with "," in their order; "": the proxy tells nothing
    connected  how the proxy itself connected

    Of several hops every one must have used TLS, so that what a client wrote before them makes nothing
    safer. What is no scheme is no TLS.
    """
    if not told:
        return connected
    return "https" if all([hop.strip().lower() == "https" for hop in told.split(",")]) else "http"


def _address(text: str) -> Address | None:
    """An address; IPv4 in IPv6 (::ffff:192.0.2.1), as ports of both kinds see it, is IPv4."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _without_port(hop: str) -> str:
    """192.0.2.1 of 192.0.2.1:4711, 2001:db8::1 of [2001:db8::1]:4711, as some proxies write them."""
    if hop[:1] == "[":
        return hop[1:].partition("]")[0]
    host, _, port = hop.partition(":")
    return host if port.isdigit() else hop
