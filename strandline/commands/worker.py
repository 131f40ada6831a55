"""`strandline worker`: apply events, in a cluster."""

import argparse

from strandline.settings import Settings

NAME = "worker"
HELP = (
    "in a cluster: apply the events of the log to the index, keep house, audit, collect, deliver access logs"
)


DEFAULT = "materializer,housekeeper"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to run."""
    parser.add_argument(
        "--processors",
        metavar="NAMES",
        default=DEFAULT,
        help=f"which of materializer, housekeeper, auditor, collector, access-logger to run ({DEFAULT}); one "
        "worker of the cluster should run the last three, which keep their places in its data folder",
    )


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Work until SIGTERM or Ctrl-C, hand the partitions over, and return 0."""
    from strandline.cluster.packages import needs_cluster

    with needs_cluster():
        from strandline.cluster.worker import parse_processors, work_in_cluster
    from strandline.logs import configure_logging
    from strandline.runtime import run as run_loop

    configure_logging(settings.log_level)
    run_loop(work_in_cluster(settings, parse_processors(arguments.processors)))
    return 0
