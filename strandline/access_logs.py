"""Makes the access logger of a process, and tells it when it is time to deliver."""

import asyncio
import logging
import time

from bus.positions import Positions
from ingest.producer import Producer
from processors.access_logger import AccessLogger, AccessLoggerPartition, AtWork
from processors.runner import PASSING
from query.reader import Reader
from strandline.outage import Outage

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0


class AccessLogs:
    """The access logger of one process, over all partitions of `audit` that it has.

    seconds  that records of requests wait for others
    """

    def __init__(self, producer: Producer, reader: Reader, positions: Positions, seconds: float) -> None:
        self._logger = AccessLogger(producer, reader, time.time)
        self._positions, self._seconds = positions, seconds
        self._at_work: AtWork = set()

    def partition(self, number: int) -> AccessLoggerPartition:
        """The processor of that partition, not open yet."""
        return AccessLoggerPartition(self._logger, self._positions, number, self._at_work, self._seconds)

    async def deliver_regularly(self) -> None:
        """Deliver what is due, for ever. What cannot be delivered now waits."""
        outage = Outage(log, "access logs wait", "access logs are delivered again")
        while True:
            await asyncio.sleep(min(LOOK_SECONDS, self._seconds))
            for partition in list(self._at_work):
                if not partition.due():
                    continue
                try:
                    await partition.deliver()
                    outage.worked()
                except PASSING as error:
                    outage.failed(error.message)
