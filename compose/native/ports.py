"""Ports on loopback: free ones, and whether somebody listens."""

import socket

CONNECT_SECONDS = 2.0


def free_ports(count: int) -> list[int]:
    """Different ports that nothing listens on now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def is_listening(host: str, port: int) -> bool:
    """Whether a connection to it is accepted."""
    try:
        socket.create_connection((host, port), CONNECT_SECONDS).close()
    except OSError:
        return False
    return True
