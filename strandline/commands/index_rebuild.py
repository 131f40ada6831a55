"""`strandline index rebuild`: make the index anew from the log."""

import argparse

from strandline.settings import Settings

NAME = "index rebuild"
HELP = "make the index anew from the newest snapshot and the log (no server may be running)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beside the settings."""


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    from strandline.data_dir import DataDir
    from strandline.runtime import run as run_loop
    from strandline.verification import rebuild

    data = DataDir(settings.data_dir)
    data.check_format()
    data.create()  # the folder index may be missing, too
    with data.lock():
        base, events = run_loop(rebuild(data))
    print(f"the index was made anew: {events} events applied from {base}")
    return 0
