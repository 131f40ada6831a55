"""`strandline kms shred`: erase a key of the KMS, so that nothing under it can be read again, anywhere."""

import argparse

from strandline.settings import Settings

NAME = "kms shred"
HELP = "erase a KMS key at once: what it protects is unreadable from then on, in log and snapshots too"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which key, and that it is meant."""
    parser.add_argument("key", help="id, ARN or alias of the key")
    parser.add_argument("--yes", action="store_true", help="do it; without, only tell what would be lost")


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """0 when the key is gone and nothing under it opens; 1 when not, or when it was only asked."""
    from strandline.kms_ring import open_kms
    from strandline.runtime import run as run_loop
    from strandline.shredding import shred

    return run_loop(shred(settings, open_kms(settings), arguments.key, arguments.yes))
