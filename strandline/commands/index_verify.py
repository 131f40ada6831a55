"""`strandline index verify`: prove the live index equal to the replayed log."""

import argparse
from collections.abc import Sequence

from index.comparison import Difference
from strandline.cluster.packages import needs_cluster
from strandline.settings import Settings

NAME = "index verify"
KINDS = {
    "only in the first": "only in the live index",
    "only in the second": "only in the replayed log",
    "differs": "differs",
}
HELP = "replay the log beside the live index and prove the two equal (in a cluster no worker may be running)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beside the settings."""


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """0 when they are equal, 1 with the rows that differ."""
    from strandline.runtime import run as run_loop

    if settings.cluster is not None:
        with needs_cluster():
            from strandline.cluster.rebuild import verify as verify_in_cluster

        cluster = run_loop(verify_in_cluster(settings.cluster))
        at = ", ".join(f"{topic}/{n} {offset}" for (topic, n), offset in sorted(cluster.positions.items()))
        print(f"replayed {cluster.events} events from Kafka; compared {cluster.rows} rows at {at}")
        return _tell(cluster.equal, cluster.damage, cluster.differences)
    from strandline.data_dir import DataDir
    from strandline.verification import verify

    data = DataDir(settings.data_dir)
    data.check_format()
    found = run_loop(verify(data))
    at = ", ".join(f"{topic} {offset}" for topic, offset in sorted(found.positions.items()))
    print(f"replayed {found.events} events from {found.base}; compared {found.rows} rows at {at}")
    return _tell(found.equal, found.damage, found.differences)


def _tell(equal: bool, damage: Sequence[str], differences: Sequence[Difference]) -> int:
    for line in damage:
        print(f"damaged: {line}")
    for difference in differences:
        print(f"{difference.table} {difference.row}: {KINDS[difference.kind]}")
    print("equal" if equal else "NOT EQUAL: rebuild the index with `strandline index rebuild`")
    return 0 if equal else 1
