"""`strandline kms rotate-master`: a new master key for the folder of keys."""

import argparse

from strandline.settings import Settings

NAME = "kms rotate-master"
HELP = "replace the master key: every key is wrapped anew, no data is rewritten, no server stops"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beside the settings. A master key that is given in the environment is replaced by the one in
    STRANDLINE_NEXT_MASTER_KEY."""


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Replace it. Interrupted, it goes on when it is called again."""
    from access.rotation import rotate_master
    from strandline.key_ring import MASTER_VARIABLE, NEXT_VARIABLE, next_master
    from strandline.kms_ring import open_ring

    ring = open_ring(settings)
    count, done = rotate_master(ring, next_master())
    print(f"{count} keys are under a new master key now")
    if not done:
        print(f"start every process with {MASTER_VARIABLE} as {NEXT_VARIABLE} was here; then call this")
        print("again with that alone: until then the old master key still opens the new one")
    elif settings.master_key is not None:
        print("the old master key is of no use any more")
    else:
        print(f"back up {ring.directory / 'master.key'}: copies of the one before do not open these keys")
    return 0
