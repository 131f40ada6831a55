"""Before and after listening: whether an address is free, and whether this very process listens on it."""

import asyncio
import contextlib
import errno
import os
import socket
import sys

from schemas.errors import ConfigurationError
from strandline.listen import ListenAddress, parse_listen

START_SECONDS = 10.0
LOOK_SECONDS = 0.02


def check_free(*addresses: str) -> None:
    """Raises ConfigurationError when something listens on one of the addresses already. The listeners
    themselves would share a port without complaint."""
    for text in addresses:
        address = parse_listen(text)
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address.host, address.port))
                probe.listen(1)
            except OSError as error:
                in_use = error.errno == errno.EADDRINUSE
                why = "is in use" if in_use else f"cannot be used: {error.strerror}"
                raise ConfigurationError(f"the listen address {address} {why}") from None


async def until_listening(address: ListenAddress, count: int = 1) -> None:
    """Return once `count` sockets of this process listen there. Raises ConfigurationError when they do not in
    time.

    A connection would prove nothing: other workers listen on the same port."""
    limit = asyncio.get_running_loop().time() + START_SECONDS
    while not (listeners(address.port) >= count if sys.platform == "linux" else await _answers(address)):
        if asyncio.get_running_loop().time() > limit:
            raise ConfigurationError(f"cannot listen on {address} within {START_SECONDS:.0f} s")
        await asyncio.sleep(LOOK_SECONDS)


def listeners(port: int) -> int:
    """How many of this process's descriptors are sockets that listen on the port; 0 where that cannot be
    told."""
    if sys.platform != "linux":
        return 0
    return sum(_is_listener(int(fd), port) for fd in os.listdir("/proc/self/fd"))


def _is_listener(fd: int, port: int) -> bool:
    try:
        found = socket.socket(fileno=fd)
    except OSError:
        return False
    try:
        with contextlib.suppress(OSError):
            listening = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            is_tcp = found.family in (socket.AF_INET, socket.AF_INET6)
            return bool(listening and is_tcp and found.getsockname()[1] == port)
        return False
    finally:
        found.detach()


async def _answers(address: ListenAddress) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, address.port), START_SECONDS)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
