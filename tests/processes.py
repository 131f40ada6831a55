"""The processes of a server under test, as /proc shows them."""

import contextlib
import os
from pathlib import Path

PROC = Path("/proc")
ESTABLISHED, LISTENING = "01", "0A"  # states of a socket in /proc/net/tcp


def children(pid: int) -> list[int]:
    """Processes that it started and that have not ended."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in (PROC / str(pid) / "task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return [one for one in found if is_running(one)]


def is_running(pid: int) -> bool:
    """Whether there is such a process that is not a zombie."""
    try:
        state = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def command_line(pid: int) -> str:
    """Program and arguments, "" for a process that has ended."""
    try:
        return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def resident(pid: int) -> int:
    """Bytes of memory that the process holds now (RSS), 0 when it has ended."""
    try:
        return int((PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def connected_ports(pid: int, port: int) -> set[int]:
    """The clients' ports of the process's established connections on a port of its own."""
    return _remote_ports(pid, port, ESTABLISHED)


def listens(pid: int, port: int) -> bool:
    """Whether the process listens on the port."""
    return bool(_remote_ports(pid, port, LISTENING))


def _remote_ports(pid: int, port: int, state: str) -> set[int]:
    try:
        links = [os.readlink(link) for link in descriptors(pid)]
        table = (PROC / str(pid) / "net" / "tcp").read_text()
    except OSError:
        return set()
    found = set()
    for line in table.splitlines()[1:]:
        fields = line.split()
        local, remote = (int(address.rpartition(":")[2], 16) for address in fields[1:3])
        if local == port and fields[3] == state and f"socket:[{fields[9]}]" in links:
            found.add(remote)
    return found


def descriptors(pid: int) -> list[Path]:
    """Files, sockets and the like that the process holds open."""
    return [link for link in (PROC / str(pid) / "fd").iterdir() if link.is_symlink()]
