"""`strandline zones sweep`: find bytes in a cluster's zones that no row of the index names, and free them."""

import argparse
from datetime import UTC, datetime

from strandline.cluster.packages import needs_cluster
from strandline.settings import Settings

NAME = "zones sweep"
HELP = "in a cluster: free bytes in the zones that nothing names, as the housekeeper does once per lease"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whether to free."""
    parser.add_argument("--dry-run", action="store_true", help="only tell how many there are")


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """One line for what was found. Raises what `OrphanSweeper.step` does."""
    from strandline.runtime import run as run_loop

    with needs_cluster():
        from strandline.cluster.connections import cluster_of

    cluster_of(settings)
    run_loop(_sweep(settings, arguments.dry_run))
    return 0


async def _sweep(settings: Settings, only_look: bool) -> None:
    from strandline.cluster.connections import cluster_of
    from strandline.cluster.keys import open_keys
    from strandline.cluster.orphans import orphan_sweeper
    from strandline.cluster.services import open_contents

    cluster = cluster_of(settings)
    keys, _ = open_keys(settings, cluster)
    async with open_contents(cluster, keys) as (index, blobs):
        sweeper = orphan_sweeper(settings, cluster, index.reader, blobs)
        last = await blobs.sweeping.place()
        print(_told(last.shard, last.at) if last.at else "no sweep has been kept in these zones yet")
        place = sweeper.first()
        seen = orphans = freed = 0
        while not place.done:
            swept = await sweeper.step(place, only_look=only_look)
            place, seen = swept.place, seen + swept.blobs
            orphans, freed = orphans + swept.orphans, freed + swept.bytes
    age = f"{seen} blobs are older than {2 * cluster.write_lease_seconds} s"
    if only_look:
        print(f"{age}, and nothing names {orphans} of them")
    else:
        print(f"{age}; nothing named {orphans} of them: {freed} bytes freed in the zones")


def _told(shard: int, at: int) -> str:
    from blobs.sweep_contract import SHARDS

    moment = datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"the last sweep came to shard {shard} of {SHARDS} at {moment}"
