"""`strandline serve`: run the store."""

import argparse
from collections.abc import Coroutine

from schemas.errors import ConfigurationError
from strandline.cluster.packages import needs_cluster
from strandline.settings import Settings

NAME = "serve"
HELP = "run the store: the S3 port and the API port, over one data folder or in a cluster"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The roles in a cluster."""
    parser.add_argument(
        "--roles",
        metavar="ROLES",
        help="in a cluster: ingest (what writes), query (what reads), or both: ingest,query (default)",
    )


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C, drain, and return 0."""
    from strandline.logs import configure_logging
    from strandline.runtime import run as run_loop

    serving = _embedded(settings, arguments) if settings.cluster is None else _gateway(settings, arguments)
    configure_logging(settings.log_level)
    run_loop(serving)
    return 0


def _embedded(settings: Settings, arguments: argparse.Namespace) -> Coroutine[object, object, None]:
    from strandline.serve import serve

    if arguments.roles is not None:
        raise ConfigurationError("--roles is for a cluster, and the configuration has no table [cluster]")
    return serve(settings)


def _gateway(settings: Settings, arguments: argparse.Namespace) -> Coroutine[object, object, None]:
    from gateway.roles import BOTH, Roles

    with needs_cluster():
        from strandline.cluster.serve import serve_in_cluster

    return serve_in_cluster(settings, BOTH if arguments.roles is None else Roles.parse(arguments.roles))
