"""Receipts between processes: from the worker that applied an event to the gateway that waits for it.

An event's record names in a header where its receipt goes (`ReplyTo`). Receipts of one batch for one gateway
travel as one record of the topic `receipts`.
"""

import logging
import struct
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from bus.kafka.connection import KafkaConnection
from bus.kafka.producer import KafkaProducer
from schemas.errors import LogError, LogUnavailable
from schemas.events import RECEIPTS
from schemas.receipts import Receipt

log = logging.getLogger(__name__)

_REPLY_TO = struct.Struct(">I16sQ")  # partition of receipts, the gateway's incarnation, number of the request


class ReplyTo(NamedTuple):
    """Where a receipt goes. `incarnation`, 16 bytes, is new with every start of a gateway."""

    partition: int
    incarnation: bytes
    number: int

    def encode(self) -> bytes:
        return _REPLY_TO.pack(*self)


def decode_reply_to(header: bytes) -> ReplyTo | None:
    """None for a header that is not ours."""
    return ReplyTo(*_REPLY_TO.unpack(header)) if len(header) == _REPLY_TO.size else None


class Answers(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="answers/1"):
    """Receipts for one gateway, each with the number of its request."""

    incarnation: bytes
    receipts: list[tuple[int, Receipt]]


class Claim(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="claim/1"):
    """The gateway uses this partition (bus.kafka.lease); `ends`: no longer."""

    incarnation: bytes
    ends: bool = False


_decoder: msgspec.msgpack.Decoder[Answers | Claim] = msgspec.msgpack.Decoder(Answers | Claim)
_encoder = msgspec.msgpack.Encoder()


def decode_answer(payload: bytes) -> Answers | Claim:
    return _decoder.decode(payload)


def encode_claim(claim: Claim) -> bytes:
    return _encoder.encode(claim)


class ReceiptSender:
    """The worker's side. Receipts need no copies and no order: who misses one asks the index."""

    def __init__(self, connection: KafkaConnection, seconds: float = 10.0) -> None:
        self._producer = KafkaProducer(connection, seconds=seconds, relaxed=True)
        self._topic = connection.name(RECEIPTS)
        self._failing = False

    def answer(self, receipts: Iterable[tuple[bytes, bytes]]) -> None:
        """Send the receipts of a batch: for each its event's `reply_to`, and its encoding."""
        gateways: dict[tuple[int, bytes], list[tuple[int, msgspec.Raw]]] = {}
        for header, receipt in receipts:
            place = decode_reply_to(header)
            if place is not None:
                gateway = gateways.setdefault((place.partition, place.incarnation), [])
                gateway.append((place.number, msgspec.Raw(receipt)))
        for (partition, incarnation), numbered in gateways.items():
            payload = _encoder.encode(("answers/1", incarnation, numbered))
            try:
                self._producer.send(self._topic, partition, payload, self._failed, b"")
            except LogUnavailable as error:
                self._failed(error)

    def _failed(self, error: LogError) -> None:
        # The gateway times out, and its client is told that the outcome is unknown. The event is applied.
        log.warning("receipts were not delivered: %s", error.message)

    async def close(self) -> None:
        await self._producer.close()
