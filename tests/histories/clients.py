"""Clients that read and write the same few keys through all gateways, and record what they were told."""

import hashlib
import http.client
import random
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence

from tests.histories.operation import NEVER, Answer, Kind, Operation
from tests.histories.recorder import Recorder
from tests.s3.raw import Answer as Response
from tests.s3.raw import Raw

PATIENCE_SECONDS = 30.0  # longer than any deadline of the store
PAUSE_SECONDS = 0.03  # between two requests of a client: many requests a second would only heat the machine
AWAY_SECONDS = 0.3  # the same after a 503 or none: clients of S3 hold back then
# Beside the row, in a pack or as blocks in the zones; files of their own.
SIZES = (60, 900, 5_000, 20_000, 200_000, 1_100_000)
SIZE_WEIGHTS = (40, 20, 10, 20, 8, 2)
KIND_WEIGHTS = {
    Kind.PUT: 24,
    Kind.CREATE: 12,
    Kind.REPLACE: 14,
    Kind.DELETE: 12,
    Kind.READ: 26,
    Kind.LIST: 12,
}


class NotSent(Exception):
    """Nothing listens at the gateway: the request had no effect, and never will."""


class WrongAnswer(AssertionError):
    """The store answered a good request with something other than its outcome or 503."""


class Client:
    """One client. Each request goes to one of the gateways; every body it writes is unlike any other.

    keys  of `bucket`, shared with the other clients: listings show them all
    """

    def __init__(
        self, name: str, gateways: Sequence[Raw], bucket: str, keys: Sequence[str], recorder: Recorder
    ) -> None:
        self.name, self.bucket, self.keys = name, bucket, list(keys)
        self._gateways, self._recorder = list(gateways), recorder
        self._number = 0
        self.failure: BaseException | None = None

    def run(self, chosen: random.Random, stop: threading.Event) -> None:
        """Until told to stop. Whatever should not happen is kept in `failure`."""
        kinds, weights = list(KIND_WEIGHTS), list(KIND_WEIGHTS.values())
        try:
            while not stop.is_set():
                try:
                    told = self.ask(chosen.choices(kinds, weights)[0], chosen.choice(self.keys), chosen)
                except NotSent:
                    told = False
                stop.wait((PAUSE_SECONDS if told else AWAY_SECONDS) * 2 * chosen.random())
        except BaseException as failure:
            self.failure = failure

    def ask(self, kind: Kind, key: str, chosen: random.Random) -> bool:
        """Send one request, and record what came of it. Whether its outcome was told. Raises NotSent."""
        gateway = chosen.choice(self._gateways)
        if kind is Kind.LIST:
            return self.list(gateway)
        if kind is Kind.READ:
            return self.read(gateway, key, "GET" if chosen.random() < 0.7 else "HEAD")
        size = chosen.choices(SIZES, SIZE_WEIGHTS)[0]
        return self.write(gateway, kind, key, size) is not Answer.UNKNOWN

    def write(self, gateway: Raw, kind: Kind, key: str, size: int) -> Answer:
        """A write of that kind. Returns what it was answered."""
        self._number += 1
        mark = f"{self.name} {self._number} of {self.bucket};".encode()
        body = b"" if kind is Kind.DELETE else (mark * (size // len(mark) + 1))[:size]
        value = None if kind is Kind.DELETE else hashlib.md5(body).hexdigest()
        expected = self._recorder.last_seen.get(key, "0" * 32) if kind is Kind.REPLACE else None
        headers = {"If-None-Match": "*"} if kind is Kind.CREATE else {}
        if expected is not None:
            headers["If-Match"] = f'"{expected}"'
        method = "DELETE" if kind is Kind.DELETE else "PUT"
        begun = self._recorder.now()
        response = self._send(gateway, method, f"/{self.bucket}/{key}", headers, body)
        answer = _outcome(kind, response)
        ended = NEVER if answer is Answer.UNKNOWN else self._recorder.now()
        self._recorder.add(Operation(self.name, key, kind, begun, ended, answer, value, expected))
        return answer

    def read(self, gateway: Raw, key: str, method: str = "GET") -> bool:
        """GET or HEAD. Whether it was answered."""
        begun = self._recorder.now()
        response = self._send(gateway, method, f"/{self.bucket}/{key}")
        ended = self._recorder.now()
        if response is None or response.status == 503:
            return False
        value = None
        if response.status == 200:
            value = response.headers["etag"].strip('"')
            if method == "GET" and hashlib.md5(response.body).hexdigest() != value:
                raise WrongAnswer(f"{key}: {len(response.body)} bytes that are not those of its ETag {value}")
        elif response.status != 404 or (method == "GET" and response.code != "NoSuchKey"):
            raise WrongAnswer(f"{method} {key}: {_told(response)}")
        self._recorder.add(Operation(self.name, key, Kind.READ, begun, ended, Answer.DONE, value))
        return True

    def list(self, gateway: Raw) -> bool:
        """A listing of the bucket: of every key, whether it is there. Whether it was answered."""
        begun = self._recorder.now()
        response = self._send(gateway, "GET", f"/{self.bucket}?list-type=2")
        ended = self._recorder.now()
        if response is None or response.status == 503:
            return False
        if response.status != 200:
            raise WrongAnswer(f"listing: {_told(response)}")
        shown = _etags(response.body)
        if unknown := shown.keys() - set(self.keys):
            raise WrongAnswer(f"a listing shows {sorted(unknown)}, which nobody wrote")
        for key in self.keys:
            done = Operation(self.name, key, Kind.LIST, begun, ended, Answer.DONE, shown.get(key))
            self._recorder.add(done)
        return True

    def _send(
        self, gateway: Raw, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> Response | None:
        """The answer, None when there was none: the gateway died meanwhile, or hangs. Raises NotSent."""
        try:
            return gateway.send(method, target, headers, body)
        except ConnectionRefusedError:
            raise NotSent(gateway.endpoint) from None
        except TimeoutError:
            self._recorder.unanswered += 1
        except (OSError, http.client.HTTPException):
            pass
        return None


def _outcome(kind: Kind, response: Response | None) -> Answer:
    if response is None or response.status == 503:
        return Answer.UNKNOWN
    if response.status in (200, 204):
        return Answer.DONE
    if response.status == 412 and kind in (Kind.CREATE, Kind.REPLACE):
        return Answer.FAILED
    if response.status == 404 and kind is Kind.REPLACE and response.code == "NoSuchKey":
        return Answer.MISSING
    raise WrongAnswer(f"{kind.value}: {_told(response)}")


def _told(response: Response) -> str:
    return f"{response.status} {response.body[:500]!r}"


def _etags(body: bytes) -> dict[str, str]:
    found = {}
    for entry in ElementTree.fromstring(body).iterfind("{*}Contents"):
        key, etag = entry.findtext("{*}Key"), entry.findtext("{*}ETag")
        assert key is not None
        assert etag is not None
        found[key] = etag.strip('"')
    return found


class Crowd:
    """Clients at work side by side, each on a thread of its own, each with connections of its own.

    endpoints  of the gateways
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        credentials: tuple[str, str],
        bucket: str,
        keys: Sequence[str],
        count: int,
        chosen: random.Random,
    ) -> None:
        self.recorder = Recorder()
        self._endpoints, self._credentials = endpoints, credentials
        self._senders: list[Raw] = []
        self.clients = [
            Client(f"client-{number}", self.connect(), bucket, keys, self.recorder) for number in range(count)
        ]
        self._chosen, self._stop = chosen, threading.Event()
        self._threads: list[threading.Thread] = []

    def connect(self) -> list[Raw]:
        """A sender to each gateway."""
        senders = [Raw(endpoint, *self._credentials, PATIENCE_SECONDS) for endpoint in self._endpoints]
        self._senders += senders
        return senders

    def close(self) -> None:
        """Let all connections go."""
        for sender in self._senders:
            sender.close()

    def start(self) -> None:
        """Let them work, until `stop`."""
        self._stop.clear()
        self._threads = [
            threading.Thread(target=client.run, args=(random.Random(self._chosen.random()), self._stop))
            for client in self.clients
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End them, each after its request. Raises what one of them met that should not be."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._threads = []
        for client in self.clients:
            if client.failure is not None:
                raise client.failure

    def more(self, count: int, seconds: float) -> None:
        """Wait until so many further writes were acknowledged. Raises AssertionError when it takes longer."""
        wanted = self.recorder.acknowledged() + count
        limit = self.recorder.now() + seconds
        while self.recorder.acknowledged() < wanted:
            if any(client.failure is not None for client in self.clients):
                return  # `stop` tells
            assert self.recorder.now() < limit, f"no {count} writes were acknowledged within {seconds:.0f} s"
            threading.Event().wait(0.02)

    def look(self, seconds: float) -> None:
        """Read every key and list the bucket through every gateway, each as soon as it answers."""
        limit = self.recorder.now() + seconds
        looker = self.clients[0]
        for gateway in self.connect():
            for ask in (looker.list, *(_reading(looker, key) for key in looker.keys)):
                while not _answered(ask, gateway):
                    assert self.recorder.now() < limit, f"{gateway.endpoint} answers no reads"
                    threading.Event().wait(0.1)


def _answered(ask: Callable[[Raw], bool], gateway: Raw) -> bool:
    try:
        return ask(gateway)
    except NotSent:
        return False


def _reading(client: Client, key: str) -> Callable[[Raw], bool]:
    return lambda gateway: client.read(gateway, key)
