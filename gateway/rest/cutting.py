"""Ends the connection of a client that takes nothing of its answer, which the HTTP server would wait for
without end and has no way to be told about: by finding it among the descriptors of this process."""

import contextlib
import os
import socket
import sys


def cut(client: tuple[str, int], server_port: int) -> None:
    """Shut down the TCP connection between that client and that port of ours, if it is still there."""
    if not sys.platform.startswith("linux"):
        return
    for fd in map(int, os.listdir("/proc/self/fd")):
        with contextlib.suppress(OSError):
            connection = socket.socket(fileno=fd)
            try:
                if _joins(connection, client, server_port):
                    connection.shutdown(socket.SHUT_RDWR)
            finally:
                connection.detach()


def _joins(connection: socket.socket, client: tuple[str, int], server_port: int) -> bool:
    return (
        connection.family in (socket.AF_INET, socket.AF_INET6)
        and connection.getpeername()[:2] == client
        and connection.getsockname()[1] == server_port
    )
