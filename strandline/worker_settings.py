"""What passes between a server and its workers when these start: settings, secrets, that one is ready."""

import os

from pydantic import SecretStr

from strandline.key_ring import master_environment, with_master
from strandline.settings import Settings

READY = b"ready"  # the line by which a worker says that it listens
SETTINGS_VARIABLE = "STRANDLINE_WORKER_SETTINGS"
ACCESS_VARIABLE = "STRANDLINE_ROOT_ACCESS_KEY"
SECRET_VARIABLE = "STRANDLINE_ROOT_SECRET_KEY"


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment by which a worker gets its settings: secrets are no business of the command line."""
    environment = {SETTINGS_VARIABLE: settings.without_secrets(), **master_environment(settings)}
    if settings.root_access_key is not None and settings.root_secret_key is not None:
        environment[ACCESS_VARIABLE] = settings.root_access_key
        environment[SECRET_VARIABLE] = settings.root_secret_key.get_secret_value()
    return environment


def settings_for_worker() -> Settings:
    """The settings that `environment_of` put into this process's environment."""
    settings = with_master(Settings.model_validate_json(os.environ.pop(SETTINGS_VARIABLE)))
    if ACCESS_VARIABLE not in os.environ:
        return settings
    root = {
        "root_access_key": os.environ[ACCESS_VARIABLE],
        "root_secret_key": SecretStr(os.environ[SECRET_VARIABLE]),
    }
    return settings.model_copy(update=root)
