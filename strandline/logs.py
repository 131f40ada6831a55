"""Logging of the processes: one line per event on standard error."""

import logging


def configure_logging(level: str) -> None:
    """Set up the root logger; `level` as in the settings."""
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    # Cassandra warns of prepared statements in a session that could change its keyspace; ours never does.
    logging.getLogger("cassandra.protocol").setLevel(logging.ERROR)
