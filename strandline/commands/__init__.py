"""The subcommands of `strandline`, one file each.

A command's file has its words (`NAME`, "log tail"), what it does (`HELP`), `add_arguments` for what it takes
beside the settings, and `run(settings, arguments)`, which returns the exit code. Engines are imported
inside `run`, so that `--help` is quick and one command does not need what another needs.
"""

import argparse
from typing import Protocol

from strandline.settings import Settings


class Command(Protocol):
    """What the command line needs of a command's module."""

    NAME: str
    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, settings: Settings, arguments: argparse.Namespace) -> int: ...
