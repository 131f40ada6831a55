"""`strandline serve`: run the store."""

import argparse

from strandline.settings import Settings

NAME = "serve"
HELP = "run the store: the S3 port and the API port, over one data folder"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beside the settings."""


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C, drain, and return 0."""
    from strandline.logs import configure_logging
    from strandline.runtime import run as run_loop
    from strandline.serve import serve

    configure_logging(settings.log_level)
    run_loop(serve(settings))
    return 0
