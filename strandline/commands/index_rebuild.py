"""`strandline index rebuild`: make the index anew from the log."""

import argparse

from strandline.cluster.packages import needs_cluster
from strandline.settings import Settings

NAME = "index rebuild"
HELP = (
    "make the index anew from the newest snapshot and the log (no server, gateway or worker may be running)"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beside the settings."""


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Print what was done. Raises ConfigurationError while a server holds the data folder."""
    from strandline.runtime import run as run_loop

    if settings.cluster is not None:
        with needs_cluster():
            from strandline.cluster.rebuild import rebuild as rebuild_in_cluster

        keyspace, events = run_loop(rebuild_in_cluster(settings.cluster))
        print(f"the index was made anew in keyspace {keyspace}: {events} events applied; start the roles now")
        return 0
    from strandline.data_dir import DataDir
    from strandline.verification import rebuild

    data = DataDir(settings.data_dir)
    data.check_format()
    data.create(master_file=settings.master_file)  # the folder index may be missing, too
    with data.lock():
        base, events = run_loop(rebuild(data))
    print(f"the index was made anew: {events} events applied from {base}")
    return 0
