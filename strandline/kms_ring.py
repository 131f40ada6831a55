"""The KMS of a store for commands: its folder of keys, beside a server or without one."""

from access.credentials import load_root
from access.keyring import KeyRing
from access.kms import Kms
from schemas.errors import ConfigurationError
from strandline.key_ring import open_key_ring
from strandline.keys_folder import keys_folder
from strandline.settings import Settings


def open_ring(settings: Settings) -> KeyRing:
    """The key ring of a store that has been started before. Raises ConfigurationError."""
    folder = keys_folder(settings)
    if not (folder / "bucket-keys").is_dir():
        raise ConfigurationError(f"there are no keys in {folder}: no server has been started on it yet")
    return open_key_ring(settings, folder)


def open_kms(settings: Settings) -> Kms:
    """The KMS as the operator's account sees it. Raises ConfigurationError."""
    ring = open_ring(settings)
    secret = settings.root_secret_key
    root = load_root(
        ring.directory, settings.root_access_key, secret.get_secret_value() if secret else None, create=False
    )
    return Kms(ring.kms_keys, settings.region, root.credential.principal.account)
