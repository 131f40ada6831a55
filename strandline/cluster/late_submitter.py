"""How a gateway that only reads writes nevertheless: a read through a link for one use has an event."""

import asyncio

from bus.kafka import KafkaSubmitter
from bus.kafka.connection import KafkaConnection
from schemas.errors import ConfigurationError, ServiceUnavailable
from schemas.events import POLICIES
from schemas.pending import Pending
from schemas.receipts import Receipt


class LateSubmitter:
    """`bus.contract.Submitter` for events of `policies`. It connects to Kafka, and takes a partition for its
    receipts, when the first of them is there: most such gateways never have one."""

    def __init__(self, connection: KafkaConnection, policy_partitions: int) -> None:
        self._connection = connection
        self._policy_partitions = policy_partitions
        self._connecting = asyncio.Lock()
        self._submitter: KafkaSubmitter | None = None

    async def submit(
        self, topic: str, partition: int, payload: bytes, pending: Pending | None = None
    ) -> Receipt:
        """See `bus.contract.Submitter`. Raises ServiceUnavailable where Kafka cannot be reached."""
        async with self._connecting:
            if self._submitter is None:
                self._submitter = await self._connected()
        return await self._submitter.submit(topic, partition, payload, pending)

    def partitions(self, topic: str) -> int:
        """See `bus.contract.Submitter`."""
        if topic != POLICIES:
            raise ServiceUnavailable("this process has no connection for writing objects")
        return self._policy_partitions

    async def _connected(self) -> KafkaSubmitter:
        submitter = KafkaSubmitter(self._connection)
        try:
            await submitter.start()
        except ConfigurationError as error:
            raise ServiceUnavailable(error.message) from error
        return submitter

    async def close(self) -> None:
        """End the connection, if there is one."""
        if self._submitter is not None:
            await self._submitter.close()
