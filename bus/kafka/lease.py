"""Which partition of `receipts` is a gateway's own: the log itself says, no other service is asked.

A gateway claims a partition with a record in it, and again every CLAIM_SECONDS. A partition without a claim
in the last LEASE_SECONDS is free. Of two gateways that claim one at the same time, the one whose record
comes first has it, and the other tries another. Two in one partition do no harm (each passes over what is
not for its incarnation), so where none is free the least crowded one is shared.
"""

import asyncio
import random
import time
from collections.abc import Iterable

from confluent_kafka import Consumer, TopicPartition

from bus.kafka.connection import KafkaConnection
from bus.kafka.failures import ask
from bus.kafka.producer import KafkaProducer
from bus.kafka.receipts import Claim, decode_answer, encode_claim
from schemas.errors import ServiceUnavailable
from schemas.events import RECEIPTS

LEASE_SECONDS = 10.0
CLAIM_SECONDS = 3.0
ATTEMPTS = 5
SCAN_SECONDS = 20.0
ANSWER_SECONDS = 5.0
POLL_SECONDS = 0.1
BATCH = 1000


class ReceiptLease:
    """A gateway's hold on one partition of `receipts`; `take` it, then `renew` it regularly."""

    def __init__(
        self, connection: KafkaConnection, producer: KafkaProducer, partitions: int, incarnation: bytes
    ) -> None:
        self._connection = connection
        self._producer = producer
        self._topic = connection.name(RECEIPTS)
        self._partitions = partitions
        self._incarnation = incarnation
        self.partition = -1

    async def take(self) -> int:
        """Claim a partition; returns it. Raises ServiceUnavailable when the brokers do not answer."""
        everywhere = range(self._partitions)
        for _ in range(ATTEMPTS):
            holders = await asyncio.to_thread(self._holders, everywhere)
            fewest = min(map(len, holders.values()))
            self.partition = random.choice([p for p in everywhere if len(holders[p]) == fewest])
            await self.renew()
            there = (await asyncio.to_thread(self._holders, [self.partition]))[self.partition]
            if fewest or there[0] == self._incarnation:
                break
            await self.end()
        return self.partition

    async def renew(self) -> None:
        """Claim the partition again. Raises LogUnavailable, SubmitTimeout."""
        await self._claim(Claim(self._incarnation))

    async def end(self) -> None:
        """Leave the partition to others."""
        await self._claim(Claim(self._incarnation, ends=True))

    async def _claim(self, claim: Claim) -> None:
        await self._producer.send_all(self._topic, self.partition, [encode_claim(claim)])

    def _holders(self, partitions: Iterable[int]) -> dict[int, list[bytes]]:
        """The incarnations that claimed each partition within LEASE_SECONDS, the first one first."""
        consumer = Consumer(
            self._connection.settings(
                group_id=self._connection.name("receipts"),  # named only: nobody joins it
                enable_auto_commit=False,
                auto_offset_reset="latest",
            )
        )
        try:
            return ask(lambda: self._scan(consumer, partitions), SCAN_SECONDS)
        finally:
            consumer.close()

    def _scan(self, consumer: Consumer, partitions: Iterable[int]) -> dict[int, list[bytes]]:
        since = int((time.time() - LEASE_SECONDS) * 1000)
        asked = [TopicPartition(self._topic, partition, since) for partition in partitions]
        found = consumer.offsets_for_times(asked, timeout=ANSWER_SECONDS)
        holders: dict[int, list[bytes]] = {place.partition: [] for place in found}
        recent = [place for place in found if place.offset >= 0]
        ends = {p.partition: consumer.get_watermark_offsets(p, timeout=ANSWER_SECONDS)[1] for p in recent}
        left = {place.partition for place in recent if place.offset < ends[place.partition]}
        consumer.assign([place for place in recent if place.partition in left])
        deadline = time.monotonic() + SCAN_SECONDS
        while left:
            if time.monotonic() > deadline:
                raise ServiceUnavailable(f"Kafka does not give the claims in {self._topic}")
            for message in consumer.consume(BATCH, POLL_SECONDS):
                partition, offset, value = message.partition(), message.offset(), message.value()
                if message.error() is not None or partition is None or offset is None or value is None:
                    continue
                _note(holders[partition], value)
                if offset + 1 >= ends[partition]:
                    left.discard(partition)
        return holders


def _note(holders: list[bytes], payload: bytes) -> None:
    claim = decode_answer(payload)
    if not isinstance(claim, Claim):
        return
    if claim.ends and claim.incarnation in holders:
        holders.remove(claim.incarnation)
    elif not claim.ends and claim.incarnation not in holders:
        holders.append(claim.incarnation)
