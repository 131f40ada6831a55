"""`strandline kms rotate-master`: a new master key for the folder of keys."""

import argparse

from strandline.settings import Settings

NAME = "kms rotate-master"
HELP = "replace the master key: every key is wrapped anew, no data is rewritten, no server stops"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beside the settings."""


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Replace it. Interrupted, it goes on when it is called again."""
    from access.rotation import rotate_master
    from strandline.kms_ring import open_ring

    ring = open_ring(settings)
    count, _ = rotate_master(ring)
    print(f"{count} keys are under a new master key now")
    print(f"back up {ring.directory / 'master.key'}: copies of the one before do not open these keys")
    return 0
