"""`strandline snapshot`: take a verified snapshot, so that the log below it may be dropped."""

import argparse

from schemas.errors import ConfigurationError
from strandline.settings import Settings

NAME = "snapshot"
HELP = "take a snapshot of the index from the log and prove it equal to the live one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beside the settings."""


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Say where it is and what it covers. Raises IndexCorrupt when the live index is not what the log makes,
    ConfigurationError in a cluster."""
    if settings.cluster is not None:
        raise ConfigurationError(
            "a table [cluster] is configured, and snapshots are taken of a data folder only: in a cluster, "
            "Kafka keeps the whole log"
        )
    from strandline.data_dir import DataDir
    from strandline.runtime import run as run_loop
    from strandline.verification import take_snapshot

    data = DataDir(settings.data_dir)
    data.check_format()
    snapshot = run_loop(take_snapshot(data))
    at = ", ".join(f"{topic} {offset}" for topic, offset in sorted(snapshot.positions.items()))
    print(f"snapshot {snapshot.folder} covers the log up to {at}")
    return 0
