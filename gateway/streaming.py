"""Sends the body of an answer piece by piece, no faster than the client takes it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from time import monotonic

from blobs.contract import Lent
from gateway.errors import s3_error
from gateway.http1.exchange import Disconnected, Exchange
from gateway.pace import Pace, Pacing
from gateway.throttle import Throttle

TURN_BYTES = 1024**2  # sent at most before others have their turn

logger = logging.getLogger(__name__)


class ClientStalled(Exception):
    """The client takes nothing, or too little."""


async def send_stream(
    pace: Pace, exchange: Exchange, status: int, headers: list[tuple[str, str]], first: bytes,
    chunks: AsyncIterator[Lent], request_id: bytes, throttle: Throttle | None = None,
) -> tuple[int, str]:  # fmt: skip
    """Send a body piece by piece; returns the bytes sent and an error code.

    throttle  makes it no faster than what is allowed

    After the status line nothing can be taken back: on an error the answer is left short of its
    content-length, which every client notices.
    """
    sent = turn = 0
    pacing = Pacing(pace)
    async with aclosing(chunks):  # type: ignore[type-var]
        try:
            exchange.begin(status, headers)
            if throttle is not None:
                chunks = throttle.paced(first, chunks)
            elif first:
                await _send(exchange, first, pacing, pace)
                sent = len(first)
            async for chunk in chunks:
                await _send(exchange, chunk, pacing, pace)
                sent += len(chunk)
                if sent - turn >= TURN_BYTES:
                    turn = sent
                    await asyncio.sleep(0)
            exchange.end()
        except Disconnected:
            return sent, "ClientDisconnected"
        except ClientStalled:
            exchange.cut()
            return sent, "RequestTimeout"
        except Exception as error:
            exchange.cut()
            logger.error("request %s broke off after %d bytes", request_id.hex(), sent, exc_info=error)
            return sent, s3_error(error).code
    return sent, ""


async def _send(exchange: Exchange, chunk: Lent, pacing: Pacing, pace: Pace) -> None:
    """Raises Disconnected, ClientStalled."""
    if exchange.send(chunk):
        return
    began = monotonic()
    try:
        async with asyncio.timeout(pace.window):
            await exchange.room()
    except TimeoutError:
        raise ClientStalled from None
    if not pacing.keeps(monotonic() - began, len(chunk)):
        raise ClientStalled
