"""Toxiproxy between the parts of a cluster, for tests to slow links down and to cut them."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from compose.native.binary import find_binary
from compose.native.ports import free_ports, is_listening
from compose.native.process import Process

ANSWER_SECONDS = 10.0
HOST = "127.0.0.1"


def find_toxiproxy() -> str:
    """Toxiproxy's binary: in the path, in .cache/bin, or built there with Go. Raises NotAvailable."""
    return find_binary("toxiproxy-server", "install-toxiproxy")


class Toxiproxy:
    """One process with any number of links. `start` the process first."""

    def __init__(self, folder: Path) -> None:
        (self._port,) = free_ports(1)
        command = [find_toxiproxy(), "-host", HOST, "-port", str(self._port)]
        self.process = Process("toxiproxy", folder, command, lambda: is_listening(HOST, self._port))
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def link(self, name: str, port: int, to: int) -> None:
        """Pass on what comes to `port` to the port `to`, both on loopback."""
        self._ask("POST", "proxies", {"name": name, "listen": f"{HOST}:{port}", "upstream": f"{HOST}:{to}"})

    @contextmanager
    def slow(self, links: Sequence[str], milliseconds: int, jitter: int) -> Iterator[None]:
        """Meanwhile everything on those links comes later by so much, one way."""
        toxic = {"type": "latency", "attributes": {"latency": milliseconds, "jitter": jitter}}
        with self._poisoned(links, toxic):
            yield

    @contextmanager
    def silent(self, links: Sequence[str]) -> Iterator[None]:
        """Meanwhile connections stay and nothing passes, as when a cable is pulled; then they break."""
        with self._poisoned(links, {"type": "timeout", "attributes": {"timeout": 0}}, both_ways=True):
            yield

    @contextmanager
    def cut(self, links: Sequence[str]) -> Iterator[None]:
        """Meanwhile connections are refused; those that were open break."""
        try:
            for link in links:
                self._ask("POST", f"proxies/{link}", {"enabled": False})
            yield
        finally:
            for link in links:
                self._ask("POST", f"proxies/{link}", {"enabled": True})

    @contextmanager
    def _poisoned(
        self, links: Sequence[str], toxic: dict[str, Any], both_ways: bool = False
    ) -> Iterator[None]:
        streams = ("downstream", "upstream") if both_ways else ("downstream",)
        names = [(link, stream) for link in links for stream in streams]
        try:
            for link, stream in names:
                self._ask("POST", f"proxies/{link}/toxics", {**toxic, "name": stream, "stream": stream})
            yield
        finally:
            for link, stream in names:
                self._ask("DELETE", f"proxies/{link}/toxics/{stream}")

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://{HOST}:{self._port}/{path}", data, method=method)
        try:
            self._opener.open(request, timeout=ANSWER_SECONDS).close()
        except urllib.error.HTTPError as error:
            raise RuntimeError(
                f"toxiproxy: {method} {path}: {error.read().decode(errors='replace')}"
            ) from error
