"""`strandline kms rewrap-master`: the master key under the newest version of the transit endpoint's key."""

import argparse

from strandline.settings import Settings

NAME = "kms rewrap-master"
HELP = "have the transit endpoint wrap the master key under the newest version of its key; no server stops"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beside the settings."""


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Have it wrapped anew. Harmless when repeated."""
    from access.transit_master import TransitMaster
    from schemas.errors import ConfigurationError
    from strandline.kms_ring import open_ring

    masters = open_ring(settings).masters
    source = masters.source
    if not isinstance(source, TransitMaster):
        raise ConfigurationError("the master key is under no transit endpoint: transit_url is not set")
    with masters.locked():
        version = source.rewrap()
    print(f"{source.path} is wrapped as {version} now: back it up")
    return 0
