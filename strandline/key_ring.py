"""The key ring of a store, opened with the master key that the settings say."""

import os
from pathlib import Path

from pydantic import SecretStr

from access.keyring import KeyRing
from access.master_sources import GivenMaster
from strandline.settings import Settings

MASTER_VARIABLE = "STRANDLINE_MASTER_KEY"
NEXT_VARIABLE = "STRANDLINE_NEXT_MASTER_KEY"  # of `strandline kms rotate-master` only


def open_key_ring(settings: Settings, folder: Path) -> KeyRing:
    """The ring in that folder; its master key is the one given, else that of the file master.key.
    Raises ConfigurationError."""
    given = settings.master_key
    return KeyRing(folder, source=None if given is None else GivenMaster(given.get_secret_value()))


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
