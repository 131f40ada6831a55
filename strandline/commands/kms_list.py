"""`strandline kms list`: the keys of the KMS."""

import argparse
from datetime import UTC, datetime

from strandline.settings import Settings

NAME = "kms list"
HELP = "list the KMS keys of the operator's account, with their state and aliases"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beside the settings."""


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """One line a key."""
    from strandline.kms_ring import open_kms

    kms = open_kms(settings)
    names: dict[str, list[str]] = {}
    for alias, key_id in kms.aliases():
        names.setdefault(key_id, []).append(alias)
    for key in kms.all_keys():
        state = "enabled" if key.enabled else "disabled"
        if key.deletion_at:
            ends = datetime.fromtimestamp(key.deletion_at / 1000, UTC)
            state = f"goes {ends:%Y-%m-%d %H:%M}Z"
        versions = f"{len(key.materials)} version{'s' if len(key.materials) > 1 else ''}"
        print(f"{kms.arn(key)}  {state:22}  {versions:11}  {' '.join(names.get(key.key_id, ()))}".rstrip())
    return 0
