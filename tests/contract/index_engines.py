"""Engines of the index for the contract: each opens what a folder stands for, and can die in mid-batch."""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from index.cassandra.client import Connection, open_session
from index.cassandra.index import CassandraIndex
from index.contract import IndexReader, IndexWriter, OpenWriter
from index.sqlite.reader import SqliteReader
from index.sqlite.writer import SqliteWriter
from schemas.events import OBJECT_VERSIONS


class Engine:
    """One open index: writers, and a reader of the same data. `writer` is that of the first partition."""

    def __init__(
        self,
        folder: Path,
        writer: IndexWriter,
        reader: IndexReader,
        open_writer: OpenWriter,
        leave_behind: Callable[[Path], Path],
    ) -> None:
        self.folder = folder
        self.writer = writer
        self.reader = reader
        self.open_writer = open_writer
        self._leave_behind = leave_behind
        self.offset = 0

    def crash(self, folder: Path) -> Path:
        """A folder in which the index is as if this process had been killed now."""
        return self._leave_behind(folder)


Factory = Callable[[Path], AbstractAsyncContextManager[Engine]]


@asynccontextmanager
async def sqlite_engine(folder: Path) -> AsyncIterator[Engine]:
    path = folder / "index.db"
    writer = SqliteWriter(path)
    reader = SqliteReader(path)

    async def open_writer(topic: str, partition: int) -> IndexWriter:
        return writer

    def leave_behind(target: Path) -> Path:
        shutil.copytree(folder, target)
        return target

    try:
        yield Engine(folder, writer, reader, open_writer, leave_behind)
    finally:
        reader.close()
        await writer.close()


class CassandraEngines:
    """One keyspace for a whole run: to make one takes seconds. A folder that was not seen before stands for
    an empty index."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._folder: Path | None = None

    @asynccontextmanager
    async def open(self, folder: Path) -> AsyncIterator[Engine]:
        if folder != self._folder:
            self.empty()
            self._folder = folder
        index = await CassandraIndex.open(self.connection)
        writers: list[IndexWriter] = []

        async def open_writer(topic: str, partition: int) -> IndexWriter:
            writers.append(await index.open_writer(topic, partition))
            return writers[-1]

        try:
            writer = await open_writer(OBJECT_VERSIONS, 0)
            # Who is killed leaves everything as it is in Cassandra, and its batch nowhere.
            yield Engine(folder, writer, index.reader, open_writer, lambda _: folder)
        finally:
            for opened in writers:
                await opened.close()
            await index.close()

    def empty(self) -> None:
        session = open_session(self.connection, self.connection.keyspace)
        tables = session.cluster.metadata.keyspaces[self.connection.keyspace].tables
        truncating = [
            session.execute_async(f"TRUNCATE {table}", timeout=60)
            for table in tables
            if table != "migrations"
        ]
        for answer in truncating:
            answer.result()
        session.cluster.shutdown()
