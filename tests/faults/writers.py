"""Clients that write until the server dies under them, telling the ledger before and after every request."""

import http.client
import random
import threading
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field

from tests.faults.ledger import History, Joined, Ledger, Write
from tests.s3.raw import Answer, Raw

KEYS_EACH = 8
# Inline, packed, large; and the edges between them.
SIZES = [0, 1, 300, 512, 513, 4096, 4096, 60_000, 1_048_576, 1_048_577, 1_500_000]
MIB = 1024 * 1024


class Refused(AssertionError):
    """The server answered a good request with an error."""


@dataclass
class Part:
    """A part of an open upload that was acknowledged."""

    number: int
    etag: str
    write: Write


@dataclass
class Upload:
    """An open multipart upload: its acknowledged parts; `ending` while its end is under way."""

    key: str
    upload_id: str
    parts: list[Part] = field(default_factory=list)
    ending: bool = False


class Writer:
    """One client. Owns its keys in both buckets, so that nothing else changes them."""

    def __init__(self, number: int, raw: Raw, plain: str, versioned: str, ledger: Ledger) -> None:
        self.name = f"writer-{number}"
        self.raw, self.plain, self.versioned, self.ledger = raw, plain, versioned, ledger
        self.keys = [f"{self.name}/{i}" for i in range(KEYS_EACH)]
        self.histories = {key: History() for key in self.keys}
        self.uploads: list[Upload] = []
        self.step = 0
        self.failure: BaseException | None = None

    def run(self, chosen: random.Random, stop: threading.Event) -> None:
        """Write until told to stop or until the connection fails, as it does when the server is killed."""
        try:
            while not stop.is_set():
                self.step += 1
                action = chosen.choices(
                    [self.put, self.delete, self.put_version, self.delete_marker, self.remove_version,
                     self.begin_upload, self.put_part, self.complete],
                    [30, 10, 25, 8, 8, 5, 8, 5],
                )[0]  # fmt: skip
                action(chosen)
        except (OSError, http.client.HTTPException):
            pass  # the server is gone; what this request did is open
        except BaseException as failure:
            self.failure = failure

    def _new(self, key: str, chosen: random.Random) -> Write:
        return Write(key, self.step, chosen.choice(SIZES))

    def _send(
        self, method: str, target: str, body: bytes = b"", good: tuple[int, ...] = (200, 204)
    ) -> Answer:
        answer = self.raw.send(method, target, {}, body)
        if answer.status not in (200, 204):
            raise Refused(f"{method} {target}: {answer.status} {answer.body[:500]!r}")
        return answer

    # --- without versioning --------------------------------------------------------------------------
    def put(self, chosen: random.Random) -> None:
        write = self._new(chosen.choice(self.keys), chosen)
        self.ledger.intend(write.key, write)
        self._send("PUT", f"/{self.plain}/{write.key}", write.content())
        self.ledger.acknowledge(write.key, write)

    def delete(self, chosen: random.Random) -> None:
        key = chosen.choice(self.keys)
        self.ledger.intend(key, None)
        self._send("DELETE", f"/{self.plain}/{key}")
        self.ledger.acknowledge(key, None)

    # --- versions ------------------------------------------------------------------------------------
    def put_version(self, chosen: random.Random) -> None:
        write = self._new(chosen.choice(self.keys), chosen)
        history = self.histories[write.key]
        history.intend(write)
        answer = self._send("PUT", f"/{self.versioned}/{write.key}", write.content())
        history.acknowledge(answer.headers["x-amz-version-id"])

    def delete_marker(self, chosen: random.Random) -> None:
        key = chosen.choice(self.keys)
        self.histories[key].intend(None)
        answer = self._send("DELETE", f"/{self.versioned}/{key}")
        self.histories[key].acknowledge(answer.headers["x-amz-version-id"])

    def remove_version(self, chosen: random.Random) -> None:
        """Remove some version for good; the more a key has, the likelier, so that histories stay short."""
        key = max(self.keys, key=lambda key: len(self.histories[key].versions))
        history = self.histories[key]
        if not history.versions:
            return
        version = chosen.choice(history.versions)
        history.remove(version.version_id)
        self._send("DELETE", f"/{self.versioned}/{key}?versionId={version.version_id}")
        history.removed()

    # --- multipart uploads into the plain bucket --------------------------------------------------------
    def begin_upload(self, chosen: random.Random) -> None:
        if len(self.uploads) < 2:
            key = chosen.choice(self.keys)
            answer = self._send("POST", f"/{self.plain}/{key}?uploads=")
            upload_id = ElementTree.fromstring(answer.body).findtext("{*}UploadId")
            assert upload_id
            self.uploads.append(Upload(key, upload_id))

    def put_part(self, chosen: random.Random) -> None:
        for upload in self.uploads:
            if len(upload.parts) < 2:
                number = len(upload.parts) + 1
                size = 5 * MIB if number == 1 else chosen.choice(SIZES[1:])
                write = Write(upload.key, self.step, size)
                target = f"/{self.plain}/{upload.key}?partNumber={number}&uploadId={upload.upload_id}"
                answer = self._send("PUT", target, write.content())
                upload.parts.append(Part(number, answer.headers["etag"], write))
                return

    def complete(self, chosen: random.Random) -> None:
        """End an upload: most often by joining its parts, sometimes by giving it up."""
        ready = [upload for upload in self.uploads if upload.parts]
        if not ready:
            return
        upload = ready[0]
        upload.ending = True
        target = f"/{self.plain}/{upload.key}?uploadId={upload.upload_id}"
        if chosen.random() < 0.2:
            self._send("DELETE", target)
        else:
            joined = Joined(upload.key, tuple(part.write for part in upload.parts))
            self.ledger.intend(upload.key, joined)
            lines = "".join(
                f"<Part><PartNumber>{part.number}</PartNumber><ETag>{part.etag}</ETag></Part>"
                for part in upload.parts
            )
            body = f"<CompleteMultipartUpload>{lines}</CompleteMultipartUpload>".encode()
            self._send("POST", target, body)
            self.ledger.acknowledge(upload.key, joined)
        self.uploads.remove(upload)
