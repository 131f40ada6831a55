"""`strandline kms rotate-master`: a new master key for the folder of keys."""

import argparse

from access.master_sources import MasterSource
from strandline.settings import Settings

NAME = "kms rotate-master"
HELP = "replace the master key: every key is wrapped anew, no data is rewritten, no server stops"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the new one is to be. A master key that is given in the environment is replaced by the one in
    STRANDLINE_NEXT_MASTER_KEY."""
    parser.add_argument(
        "--to-transit",
        action="store_true",
        help="keep the new one under the transit endpoint of the settings; processes go by it once they are "
        "started with transit_url",
    )


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Replace it. Interrupted, it goes on when it is called again."""
    from access.rotation import rotate_master
    from strandline.key_ring import MASTER_VARIABLE, NEXT_VARIABLE, next_master, transit_master
    from strandline.keys_folder import keys_folder
    from strandline.kms_ring import open_ring

    if arguments.to_transit:
        target: MasterSource | None = transit_master(settings, keys_folder(settings))
        settings = settings.model_copy(update={"transit_url": None})
    else:
        target = next_master()
    ring = open_ring(settings)
    count, done = rotate_master(ring, target)
    print(f"{count} keys are under a new master key now")
    if not done and arguments.to_transit:
        print("start every process with transit_url; then call this again with it and without --to-transit:")
        print("until then the old master key still opens the new one")
    elif not done:
        print(f"start every process with {MASTER_VARIABLE} as {NEXT_VARIABLE} was here; then call this")
        print("again with that alone: until then the old master key still opens the new one")
    elif settings.master_file is None:
        print("the old master key is of no use any more")
    else:
        file = ring.directory / settings.master_file
        print(f"back up {file}: copies of the one before do not open these keys")
    return 0
