"""`strandline bucket shards`: how a cluster's index files a bucket."""

import argparse

from schemas.errors import NoSuchBucket
from strandline.cluster.settings import CassandraSettings
from strandline.settings import Settings

NAME = "bucket shards"
HELP = "in a cluster: show the key ranges that a bucket is cut into, and which of them move"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which bucket."""
    parser.add_argument("bucket", help="name of the bucket")


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """One line a shard. Raises NoSuchBucket."""
    from strandline.cluster.packages import needs_cluster

    with needs_cluster():
        from strandline.cluster.connections import cluster_of
    from strandline.runtime import run as run_loop

    run_loop(_show(cluster_of(settings).cassandra, arguments.bucket))
    return 0


async def _show(cassandra: CassandraSettings, name: str) -> None:
    from index.cassandra.index import CassandraIndex
    from index.cassandra.shard_keeper import ShardKeeper
    from strandline.cluster.connections import cassandra_connection

    index = await CassandraIndex.open(cassandra_connection(cassandra))
    try:
        bucket = await index.reader.bucket(name)
        if bucket is None:
            raise NoSuchBucket(f"there is no bucket {name}")
        print(f"{'shard':>6}  {'state':8}{'writes':>12}{'removals':>12}  from key")
        for shard in await ShardKeeper(index.client, index.pace).describe(bucket.bucket_id):
            print(
                f"{shard.number:>6}  {shard.state:8}{shard.writes:>12}{shard.removals:>12}  {shard.start!r}"
            )
    finally:
        await index.close()
