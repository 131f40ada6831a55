"""Whose request it is that a proxy passed on."""

import pytest

from access.trusted_proxies import HOPS, TrustedProxies, forwarded_scheme
from schemas.errors import ConfigurationError
from strandline.load_settings import load_settings

CLIENT, PROXY = "203.0.113.7", "10.0.0.1"
PROXIES = TrustedProxies(("10.0.0.0/8", "2001:db8:1::/48", "192.0.2.1"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        (PROXY, CLIENT, CLIENT),
        (PROXY, "", PROXY),
        (PROXY, f"1.1.1.1, {CLIENT}", CLIENT),
        (PROXY, f"1.1.1.1,{CLIENT} , 10.9.9.9,192.0.2.1", CLIENT),
        (PROXY, "10.0.0.9, 10.0.0.8", "10.0.0.9"),
        (PROXY, f"{CLIENT}, unknown", PROXY),
        (PROXY, f"{CLIENT}, _hidden, 10.0.0.8", "10.0.0.8"),
        (PROXY, f"{CLIENT}:4711", CLIENT),
        (PROXY, "[2001:db8::7]:4711", "2001:db8::7"),
        (PROXY, "2001:DB8:0::7", "2001:db8::7"),
        (PROXY, f"::ffff:{CLIENT}", CLIENT),
        (f"::ffff:{PROXY}", CLIENT, CLIENT),
        ("2001:db8:1::5", CLIENT, CLIENT),
        ("192.0.2.2", CLIENT, "192.0.2.2"),
        ("", CLIENT, ""),
    ],
)
def test_the_last_hop_that_is_no_trusted_proxy(peer: str, forwarded: str, client: str) -> None:
    assert PROXIES.client(peer, forwarded) == client


def test_a_long_list_is_not_read_to_its_begin() -> None:
    assert PROXIES.client(PROXY, ",".join([CLIENT, *["10.0.0.2"] * HOPS])) == "10.0.0.2"
    assert PROXIES.client(PROXY, ",".join([CLIENT, *["10.0.0.2"] * (HOPS - 1)])) == CLIENT


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("10.0.0.1/8", "'10.0.0.1/8' is neither an address nor a CIDR block without host bits"),
        ("10.0.0.0/8,proxy.example.org", "'proxy.example.org' is neither"),
        ("0.0.0.0/0", "'0.0.0.0/0' is everybody"),
        ("::/0", "'::/0' is everybody"),
    ],
)
def test_settings_that_trust_nobody_or_everybody(value: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings({"trusted_proxies": value})
    assert says in caught.value.message
    assert "\n" not in caught.value.message


def test_the_setting_as_text() -> None:
    assert load_settings({"trusted_proxies": "10.0.0.0/8, ::1"}).trusted_proxies == ("10.0.0.0/8", "::1")


@pytest.mark.parametrize("connected", ["http", "https"])
def test_the_scheme_that_every_hop_used(connected: str) -> None:
    assert forwarded_scheme("", connected) == connected
    assert forwarded_scheme("https", connected) == forwarded_scheme("https, HTTPS", connected) == "https"
    for told in ("http", "https,http", "http,https", "https,", "wss"):
        assert forwarded_scheme(told, connected) == "http"
