"""The keys of a cluster: one folder that all its processes share, opened by one of them at a time."""

import fcntl
import os

from access.credentials import Root, load_root
from access.keyring import KeyRing
from access.secrets import Secrets
from schemas.errors import ConfigurationError
from strandline.cluster.audit_questions import prepare_questions
from strandline.cluster.settings import ClusterSettings
from strandline.key_ring import open_key_ring
from strandline.settings import Settings

LOCK_FILE = "lock"


def open_keys(settings: Settings, cluster: ClusterSettings) -> tuple[KeyRing, Root]:
    """The key ring and the root identity. The first process of a new cluster makes what is missing, while
    the others wait: two master keys, or two accounts, would each know half of the objects.

    Raises ConfigurationError when the folder cannot be used.
    """
    folder = cluster.keys_dir
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigurationError(f"the folder of keys {folder} cannot be used: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        keys = open_key_ring(settings, folder)
        Secrets(keys).prepare()
        prepare_questions(keys)
        return keys, root_of(settings, cluster)
    finally:
        os.close(lock)


def root_of(settings: Settings, cluster: ClusterSettings) -> Root:
    """The operator's credentials: those of the settings, else those kept in the folder of keys. Raises
    ConfigurationError."""
    secret = settings.root_secret_key
    return load_root(
        cluster.keys_dir, settings.root_access_key, secret.get_secret_value() if secret else None
    )
