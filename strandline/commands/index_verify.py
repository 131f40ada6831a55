"""`strandline index verify`: prove the live index equal to the replayed log."""

import argparse

from strandline.settings import Settings

NAME = "index verify"
KINDS = {
    "only in the first": "only in the live index",
    "only in the second": "only in the replayed log",
    "differs": "differs",
}
HELP = "replay the log beside the live index and prove the two equal (a server may be running)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beside the settings."""


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """0 when they are equal, 1 with the rows that differ."""
    from strandline.data_dir import DataDir
    from strandline.runtime import run as run_loop
    from strandline.verification import verify

    data = DataDir(settings.data_dir)
    data.check_format()
    found = run_loop(verify(data))
    at = ", ".join(f"{topic} {offset}" for topic, offset in sorted(found.positions.items()))
    print(f"replayed {found.events} events from {found.base}; compared {found.rows} rows at {at}")
    for line in found.damage:
        print(f"damaged: {line}")
    for difference in found.differences:
        print(f"{difference.table} {difference.row}: {KINDS[difference.kind]}")
    print("equal" if found.equal else "NOT EQUAL: rebuild the index with `strandline index rebuild`")
    return 0 if found.equal else 1
