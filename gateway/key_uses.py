"""Which access keys were used, and when last: noted with every request, told to the log now and then.

A request pays one entry in a dictionary. The store holds a time that is at most `key_use_seconds` too early;
what a process had noted when it was killed is lost.
"""

import logging
import time
from time import perf_counter

from access.directory import Directory
from ingest.producer import Producer
from schemas.configurations.documents import encode_document
from schemas.errors import StrandlineError
from schemas.events import IdentityChange, Origin
from schemas.identities import KEY_USE, KeyUse
from schemas.ids import uuid7

IN_ONE_EVENT = 500
S3 = "s3"

log = logging.getLogger("strandline.keys")


class KeyUses:
    """The uses that one process has seen since it last told of them.

    s3  when each access key was used on the S3 port, as of `time.perf_counter`; also the keys of sessions,
        and "" of who did not sign
    """

    def __init__(self, region: str) -> None:
        self.s3: dict[str, float] = {}
        self._others: dict[str, tuple[float, str]] = {}
        self._region = region

    def note(self, access_key: str, service: str) -> None:
        """A request of another port was signed with that key, or with a token made of it."""
        self._others[access_key] = (perf_counter(), service)

    async def tell(self, producer: Producer, directory: Directory, seconds: float) -> None:
        """Append what is news: of each key at most every so many `seconds`, whichever process tells it. What
        cannot be appended is told the next time."""
        noted = self._take()
        now = time.time()
        began = now - perf_counter()
        changes = []
        for access_key, (at, service) in noted.items():
            owner = directory.owner_of(access_key)
            use = KeyUse(int(began + at), service, self._region)
            known = directory.key_use(access_key)
            if owner is None or (known is not None and known.used_at >= use.used_at):
                continue
            if known is None or known.used_at <= now - seconds:
                changes.append(IdentityChange(owner[0], KEY_USE, access_key, encode_document(use)))
            else:
                self._keep(access_key, at, service)  # another process has told of one just now
        try:
            for start in range(0, len(changes), IN_ONE_EVENT):
                origin = Origin(uuid7(), cause=KEY_USE)
                await producer.change_identities({}, tuple(changes[start : start + IN_ONE_EVENT]), origin)
        except StrandlineError as error:
            log.warning("when access keys were used last cannot be stored now: %s", error)
            for change in changes:
                self._keep(change.name, *noted[change.name])

    def _take(self) -> dict[str, tuple[float, str]]:
        """What was noted, the last use of each key."""
        others, self._others = self._others, {}
        for access_key, at in self.s3.items():
            if access_key and (access_key not in others or others[access_key][0] < at):
                others[access_key] = (at, S3)
        self.s3.clear()
        return others

    def _keep(self, access_key: str, at: float, service: str) -> None:
        if access_key not in self._others:
            self._others[access_key] = (at, service)
