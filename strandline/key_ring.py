"""The key ring of a store, opened with the master key that the settings say."""

import os
from pathlib import Path

from pydantic import SecretStr

from access.keyring import KeyRing
from access.master_sources import GivenMaster, MasterSource
from access.transit import Transit
from access.transit_master import TransitMaster
from schemas.errors import ConfigurationError
from strandline.settings import Settings

MASTER_VARIABLE = "STRANDLINE_MASTER_KEY"
NEXT_VARIABLE = "STRANDLINE_NEXT_MASTER_KEY"  # of `strandline kms rotate-master` only


def open_key_ring(settings: Settings, folder: Path) -> KeyRing:
    """The ring in that folder; its master key is the one given, or one under a transit endpoint, else that of
    the file master.key. Raises ConfigurationError."""
    source: MasterSource | None = None
    if settings.master_key is not None and settings.transit_url is not None:
        raise ConfigurationError(
            f"transit_url and {MASTER_VARIABLE} are two places of one master key: set one of them"
        )
    if settings.master_key is not None:
        source = GivenMaster(settings.master_key.get_secret_value())
    elif settings.transit_url is not None:
        source = transit_master(settings, folder)
        if _is_new(folder) and not source.path.exists():
            source.create()
    return KeyRing(folder, source=source)


def transit_master(settings: Settings, folder: Path) -> TransitMaster:
    """The master key of that folder under the transit endpoint of the settings. Raises ConfigurationError."""
    url, key, token = settings.transit_url, settings.transit_key, settings.transit_token_file
    if url is None or key is None or token is None:
        raise ConfigurationError(
            "there is no transit endpoint: set transit_url, transit_key and transit_token_file"
        )
    return TransitMaster(folder, Transit(url, key, token, settings.transit_ca))


def _is_new(folder: Path) -> bool:
    """Whether nothing is wrapped by any master key yet."""
    bucket_keys = folder / "bucket-keys"
    return not (bucket_keys.is_dir() and any(bucket_keys.iterdir()))


def next_master() -> GivenMaster | None:
    """The master key that is to replace the one in force, if the environment gives it. Raises
    ConfigurationError."""
    text = os.environ.get(NEXT_VARIABLE)
    return None if text is None else GivenMaster(text)


def master_environment(settings: Settings) -> dict[str, str]:
    """The environment by which a process that this one starts gets the master key."""
    given = settings.master_key
    return {} if given is None else {MASTER_VARIABLE: given.get_secret_value()}


def with_master(settings: Settings) -> Settings:
    """The settings of such a process, completed from its environment."""
    given = os.environ.get(MASTER_VARIABLE)
    return settings if given is None else settings.model_copy(update={"master_key": SecretStr(given)})
