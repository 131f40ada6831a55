"""`strandline snapshot`: take a verified snapshot, so that the log below it may be dropped."""

import argparse

from strandline.settings import Settings

NAME = "snapshot"
HELP = "take a snapshot of the index from the log and prove it equal to the live one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beside the settings."""


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    from strandline.data_dir import DataDir
    from strandline.runtime import run as run_loop
    from strandline.verification import take_snapshot

    data = DataDir(settings.data_dir)
    data.check_format()
    snapshot = run_loop(take_snapshot(data))
    at = ", ".join(f"{topic} {offset}" for topic, offset in sorted(snapshot.positions.items()))
    print(f"snapshot {snapshot.folder} covers the log up to {at}")
    return 0
