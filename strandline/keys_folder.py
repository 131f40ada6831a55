"""Where the keys of the store are, for commands that only read them."""

from pathlib import Path

from strandline.data_dir import DataDir
from strandline.settings import Settings


def keys_folder(settings: Settings) -> Path:
    """That of the cluster, else that in the data folder. Raises ConfigurationError for what is no data
    folder."""
    if settings.cluster is not None:
        return settings.cluster.keys_dir
    data = DataDir(settings.data_dir)
    data.check_format()
    return data.keys
