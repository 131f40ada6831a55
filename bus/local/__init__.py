"""The log on a local disk: segments of checksummed frames. Imports `bus.contract`, `bus.files`, `schemas`.

frame      a batch of records as bytes            reserve    space zero-filled ahead of the writer
segment    one file of frames, and its header     recovery   what is kept and what is cut at open
reading    frames out of segments                 reader     the log as another process sees it
log        the writer's side
"""

from bus.local.log import LocalPartitionLog, partition_directory
from bus.local.reader import LogReader
from bus.local.recovery import Recovery

__all__ = ["LocalPartitionLog", "LogReader", "Recovery", "partition_directory"]
