"""Sends the body of an answer piece by piece, no faster than the client takes it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from granian.rsgi import HTTPProtocol, ProtocolClosed, Scope  # type: ignore[attr-defined]

from blobs.contract import Lent
from gateway.errors import s3_error
from gateway.flow_control import ClientGone, ClientStalled, Connections, Outflow

LOOK_BYTES = 1024**2  # sent at most between two looks at the client's progress, and turns of others

logger = logging.getLogger(__name__)


async def send_stream(
    connections: Connections, scope: Scope, protocol: HTTPProtocol, status: int,
    headers: list[tuple[str, str]], first: bytes, chunks: AsyncIterator[Lent], request_id: bytes,
) -> tuple[int, str]:  # fmt: skip
    """Send a body piece by piece; returns the bytes sent and an error code.

    After the status line nothing can be taken back: on an error the answer is left short of its
    content-length, which every client notices.
    """
    sent = 0
    outflow: Outflow | None = None
    transport: Any = None
    async with aclosing(chunks):  # type: ignore[type-var]
        try:
            share = connections.share()
            outflow = connections.outflow(scope.client, scope.server, scope.scheme)
            transport = protocol.response_stream(status, headers)
            if first:
                await transport.send_bytes(first)
                sent = len(first)
            looked = 0
            async for chunk in chunks:
                # Lent: the server copies it before anything is waited for.
                await transport.send_bytes(chunk)
                sent += len(chunk)
                if sent - looked >= LOOK_BYTES or sent - looked >= share:
                    looked, share = sent, connections.share()
                    if outflow is not None:
                        await outflow.make_room(sent)
                    await asyncio.sleep(0)  # send_bytes never waits: let others have their turn
            if outflow is not None:
                await outflow.end(sent)
        except (ProtocolClosed, ClientGone):
            return sent, "ClientDisconnected"
        except ClientStalled:
            return sent, "RequestTimeout"
        except Exception as error:
            # The connection ends when the transport goes, so no traceback may hold it.
            transport = None
            logger.error("request %s broke off after %d bytes", request_id.hex(), sent, exc_info=error)
            return sent, s3_error(error).code
        finally:
            if outflow is not None:
                outflow.close()
    return sent, ""
