"""Ports on loopback: free ones, and whether somebody listens."""

import random
import socket
from pathlib import Path

CONNECT_SECONDS = 2.0
LOWEST = 10_000
OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")
FIRST_OUTGOING = 32_768  # where the system does not say
SHARE = 0, 1  # which of how many parts of the ports to choose from: tests that run side by side have one each
CHOICE = random.SystemRandom()  # a test that seeds the common one must not meet its neighbour's ports


def free_ports(count: int) -> list[int]:
    """Different ports that nothing listens on now.

    None of those that the kernel gives to outgoing connections: a service that is stopped would find its
    port taken when it starts again."""
    probes: list[socket.socket] = []
    try:
        while len(probes) < count:
            probe = socket.socket()
            try:
                probe.bind(("127.0.0.1", _choose()))
            except OSError:  # somebody has it
                probe.close()
            else:
                probes.append(probe)
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def _choose() -> int:
    part, parts = SHARE
    return LOWEST + part + parts * CHOICE.randrange((_first_outgoing() - LOWEST) // parts)


def is_listening(host: str, port: int) -> bool:
    """Whether a connection to it is accepted."""
    try:
        socket.create_connection((host, port), CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def _first_outgoing() -> int:
    try:
        first = int(OUTGOING.read_text().split()[0])
    except OSError:
        return FIRST_OUTGOING
    return first if first > LOWEST else FIRST_OUTGOING
