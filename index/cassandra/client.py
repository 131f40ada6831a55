"""The connection to Cassandra: sessions of cassandra-driver, awaited from one event loop.

LOCAL_QUORUM for reads and writes, so that a read sees every write that was acknowledged. Every statement is
idempotent (its timestamp comes with it), so the driver may send it again and ask a second node when the
first one is slow; the few conditional ones are marked otherwise.
"""

import asyncio
import random
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, ResultSet, Session
from cassandra.policies import (
    ConstantSpeculativeExecutionPolicy,
    DCAwareRoundRobinPolicy,
    ExponentialReconnectionPolicy,
    TokenAwarePolicy,
)
from cassandra.query import BatchStatement, BatchType, PreparedStatement, tuple_factory

from index.cassandra.completions import Completions
from index.cassandra.failures import AWAY, translate
from schemas.errors import ConfigurationError, ServiceUnavailable

REQUEST_SECONDS = 5.0
SLOW_SECONDS = 0.25  # a read that takes longer is sent to a second node as well
IN_FLIGHT = 512
WAITING = 4096  # more requests than that are refused at once
PAGE_PAUSES = (0.5, 1.0, 2.0)  # seconds before a page of a walk is asked for again

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Connection:
    """Where Cassandra is, and how to log in there.

    datacenter  the one whose nodes are asked, and whose replicas make the quorum
    tls         a context that trusts the nodes' certificates; None: no TLS
    request_seconds  how long an answer may take; less than a phase of a shard's move (sharding.Pace)
    """

    contact_points: Sequence[str] = ("127.0.0.1",)
    port: int = 9042
    keyspace: str = "strandline"
    datacenter: str = "datacenter1"
    user: str | None = None
    password: str | None = None
    tls: ssl.SSLContext | None = None
    request_seconds: float = REQUEST_SECONDS


def open_session(connection: Connection, keyspace: str | None = None) -> Session:
    """Connect, in a keyspace or in none. Blocking. Raises ServiceUnavailable, or ConfigurationError when
    the keyspace is not there."""
    profile = ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy(connection.datacenter)),
        consistency_level=ConsistencyLevel.LOCAL_QUORUM,
        serial_consistency_level=ConsistencyLevel.LOCAL_SERIAL,
        request_timeout=connection.request_seconds,
        row_factory=tuple_factory,
        speculative_execution_policy=ConstantSpeculativeExecutionPolicy(SLOW_SECONDS, 1),
    )
    auth = None
    if connection.user is not None:
        auth = PlainTextAuthProvider(connection.user, connection.password)
    cluster = Cluster(
        list(connection.contact_points),
        port=connection.port,
        auth_provider=auth,
        ssl_context=connection.tls,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        reconnection_policy=ExponentialReconnectionPolicy(0.5, 10.0),
        connect_timeout=connection.request_seconds,
        # The driver gives a node 2 s to tell its schema; a busy one with many keyspaces takes longer.
        control_connection_timeout=connection.request_seconds,
        # The driver sends a request in pieces of 4 KiB; without this the kernel keeps the second piece
        # back until the node has acknowledged the first, which takes it 40 ms.
        sockopts=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        protocol_version=5,  # Cassandra 4 and later: checksummed frames
    )
    try:
        # In the keyspace only once it is known to be there: the driver would take a node without it for down.
        session = cluster.connect()
        if keyspace is not None:
            if keyspace not in cluster.metadata.keyspaces:
                raise ConfigurationError(
                    f"there is no keyspace {keyspace}: make it with `strandline schema migrate`"
                )
            session.set_keyspace(keyspace)
    except AWAY as error:
        cluster.shutdown()
        raise translate(error) from error
    except BaseException:
        cluster.shutdown()
        raise
    session.default_fetch_size = None  # every query is bounded by itself; walks set their own page
    return session


class Client:
    """One session, used from one event loop, with a bounded number of requests under way."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._completions = Completions(asyncio.get_running_loop())
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._waiting = 0

    def prepare(self, cql: str, idempotent: bool = True) -> PreparedStatement:
        """A prepared statement. Blocking: for the start only. Raises ServiceUnavailable."""
        try:
            statement = self._session.prepare(cql)
        except AWAY as error:
            raise translate(error) from error
        statement.is_idempotent = idempotent
        return statement

    async def execute(self, statement: Any, values: Sequence[Any] = ()) -> Rows:
        """All rows of a statement's answer. Raises ServiceUnavailable when there is none in time, or too
        many requests are waiting already."""
        if isinstance(statement, PreparedStatement):
            statement = statement.bind(values)
        rows, _ = await self._send(statement, None)
        return rows

    async def write_together(self, bound: Sequence[Any]) -> None:
        """Statements of one partition as one mutation: all of it or none, whichever tables they name."""
        if len(bound) == 1:
            await self.execute(bound[0])
            return
        batch = BatchStatement(BatchType.UNLOGGED)
        batch.is_idempotent = True
        for statement in bound:
            batch.add(statement)
        await self.execute(batch)

    async def pages(
        self, statement: PreparedStatement, values: Sequence[Any], size: int
    ) -> AsyncIterator[Rows]:
        """The rows of a long answer, up to `size` at a time. A page that does not come is asked for again: a
        long walk meets a slow moment, and nobody waits for it by the second. Raises ServiceUnavailable."""
        bound = statement.bind(values)
        bound.fetch_size = size
        paging_state: bytes | None = None
        while True:
            rows, paging_state = await self._page(bound, paging_state)
            if rows:
                yield rows
            if paging_state is None:
                return

    async def _page(self, bound: Any, paging_state: bytes | None) -> tuple[Rows, bytes | None]:
        for pause in PAGE_PAUSES:
            try:
                return await self._send(bound, paging_state)
            except ServiceUnavailable:
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))
        return await self._send(bound, paging_state)

    async def close(self) -> None:
        await asyncio.to_thread(self._session.cluster.shutdown)

    async def _send(self, statement: Any, paging_state: bytes | None) -> tuple[Rows, bytes | None]:
        if self._waiting >= WAITING:
            raise ServiceUnavailable(f"{WAITING} requests are waiting for Cassandra already")
        self._waiting += 1
        try:
            async with self._slots:
                response = self._session.execute_async(statement, paging_state=paging_state)
                rows = await self._completions.wait_for(response)
        except Exception as error:
            raise translate(error) from error
        finally:
            self._waiting -= 1
        return rows or [], ResultSet(response, rows).paging_state
