"""`strandline version`: which program this is."""

import argparse
import platform

from strandline import __version__
from strandline.settings import Settings

NAME = "version"
HELP = "print the version"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beside the settings."""


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Print the version, and the Python it runs on (for bug reports)."""
    print(f"strandline {__version__} (Python {platform.python_version()})")
    return 0
