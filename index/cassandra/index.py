"""An index in one keyspace: connects, checks the schema, and opens writers and readers."""

import asyncio

from cassandra.cluster import Session

from index.cassandra.client import Client, Connection, open_session
from index.cassandra.journal import Place
from index.cassandra.keyspaces import active_keyspace
from index.cassandra.reader import CassandraReader
from index.cassandra.schema import check_schema
from index.cassandra.sharding import Pace, ShardMaps
from index.cassandra.writer import CassandraWriter, WriterTables
from index.contract import IndexWriter


class CassandraIndex:
    """What one process uses of the index, on one connection. Make it with `open`."""

    def __init__(self, session: Session, pace: Pace, generation: int) -> None:
        self.client = Client(session)
        self.maps = ShardMaps(self.client, pace)
        self.pace = pace
        self.reader = CassandraReader(self.client, self.maps)
        self._generation = generation
        self._writer_tables = WriterTables(self.client, self.maps)

    @classmethod
    async def open(
        cls, connection: Connection, pace: Pace | None = None, generation: int = 0
    ) -> "CassandraIndex":
        """Connect. Raises ServiceUnavailable, and ConfigurationError when the keyspace is not there or has
        another version of the schema. `generation` is that of the topics."""
        session = await asyncio.to_thread(_open, connection)
        try:
            return cls(session, pace or Pace(), generation)
        except BaseException:
            await asyncio.to_thread(session.cluster.shutdown)
            raise

    async def open_writer(self, topic: str, partition: int) -> IndexWriter:
        """Take a partition over: `index.contract.OpenWriter`. Raises ServiceUnavailable."""
        writer = CassandraWriter(
            self.client, Place(topic, partition), self._generation, self.maps, self._writer_tables
        )
        await writer.take_over()
        return writer

    async def close(self) -> None:
        await self.client.close()


def _open(connection: Connection) -> Session:
    session = open_session(connection, connection.keyspace)
    try:
        keyspace = active_keyspace(session, connection.keyspace)
        session.set_keyspace(keyspace)
        check_schema(session, keyspace)
    except BaseException:
        session.cluster.shutdown()
        raise
    return session
