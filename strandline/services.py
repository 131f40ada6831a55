"""What the HTTP edge stands on, built over the embedded engines: producer and reader of one process."""

import os
from pathlib import Path

from access.credentials import Root, load_root
from access.directory import open_directory
from access.keyring import KeyRing
from access.kms_envelope import KmsEnvelope
from access.openid.fetching import Fetcher
from access.openid.issuer_keys import IssuerKeys
from blobs.local import LocalBlobs
from bus.contract import Submitter
from disk.files import Files
from disk.room import Room
from gateway.pace import Pace
from gateway.request import Services
from gateway.token_buckets import MEMORY_BYTES, TokenBuckets
from index.directory import BucketDirectory, GenerationCounter
from index.head_cache import HeadStamps
from index.mapped_file import map_shared
from index.sqlite.reader import SqliteReader
from ingest.ports import Ports
from ingest.producer import Producer
from query.identities import FreshIdentities
from query.reader import Reader
from strandline.data_dir import DataDir
from strandline.listen import parse_listen
from strandline.settings import Settings

GENERATION_FILE = "generation"
STAMPS_FILE = "stamps"
TOKENS_FILE = "tokens"


def open_blobs(
    settings: Settings, data: DataDir, keys: KeyRing, files: Files | None = None, carry_limit: int = 0
) -> LocalBlobs:
    """The bytes of the data folder; call its start() before use and close() at the end. `files` is the
    file layer: fault tests put their own in. `carry_limit`: see LocalBlobs."""
    return LocalBlobs(
        data.blobs,
        keys,
        inline_limit=settings.inline_limit,
        carry_limit=carry_limit,
        pack_limit=settings.pack_limit,
        fsync=not settings.unsafe_unsynced_large_objects,
        files=files,
        room=Room(data.blobs, settings.min_free_bytes),
    )


class EmbeddedStore:
    """What reads and writes one data folder, for one process; it knows nobody who may do so."""

    def __init__(
        self, settings: Settings, data: DataDir, submitter: Submitter, blobs: LocalBlobs, keys: KeyRing
    ) -> None:
        self._stamps = HeadStamps(data.index / STAMPS_FILE)
        self.index = SqliteReader(index_file(data), self._stamps)
        self.generation = GenerationCounter(data.index / GENERATION_FILE)
        directory = BucketDirectory(self.index, self.generation)
        self.ports = Ports(submitter, blobs, self.index, directory, keys, settings.region)
        self.producer = Producer(self.ports)
        self.reader = Reader(self.index, directory, blobs)

    def close(self) -> None:
        self.index.close()
        self.generation.close()
        self._stamps.close()


class EmbeddedServices:
    """Producer, reader and identities over one data folder, for one process."""

    def __init__(
        self, settings: Settings, data: DataDir, submitter: Submitter, blobs: LocalBlobs, keys: KeyRing
    ) -> None:
        store = EmbeddedStore(settings, data, submitter, blobs, keys)
        identities = open_directory(root_of(settings, data).credential, keys)
        self.ports, self._store = store.ports, store
        self._tokens = SharedTokens(data.index / TOKENS_FILE)
        self.services = Services(
            producer=store.producer,
            reader=store.reader,
            identities=FreshIdentities(identities, store.index, store.generation),
            region=settings.region,
            domains=settings.domains,
            pace=Pace(settings.client_window_seconds, settings.client_min_rate),
            customer_keys_over_http=settings.customer_keys_over_http,
            new_buckets=settings.new_buckets,
            s3_port=parse_listen(settings.s3_listen)[1],
            issuers=IssuerKeys(Fetcher(settings.oidc_loopback_issuers, settings.oidc_ca)),
            kms=KmsEnvelope(keys.kms_keys, settings.region),
            token_buckets=self._tokens.buckets,
        )

    def close(self) -> None:
        self._tokens.close()
        self._store.close()


class SharedTokens:
    """Token buckets that all processes of a server share. What they hold counts for one run of the machine,
    so the engine removes the file when it starts."""

    def __init__(self, path: Path) -> None:
        self._map = map_shared(path, MEMORY_BYTES)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)  # to lock
        self.buckets = TokenBuckets(memoryview(self._map), self._descriptor)

    def close(self) -> None:
        self.buckets.close()
        self._map.close()
        os.close(self._descriptor)


def index_file(data: DataDir) -> Path:
    """The SQLite file of the live index."""
    return data.index / "index.sqlite"


def root_of(settings: Settings, data: DataDir) -> Root:
    """The operator's credentials: those of the settings, else those kept in the data folder. Raises
    ConfigurationError."""
    secret = settings.root_secret_key
    return load_root(data.keys, settings.root_access_key, secret.get_secret_value() if secret else None)
