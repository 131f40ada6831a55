"""What the driver's errors mean to us: Cassandra is slow or away, or something unforeseen."""

from cassandra import DriverException, OperationTimedOut, RequestExecutionException, Unavailable
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionException

from schemas.errors import ServiceUnavailable

# RequestExecutionException: timeouts and failures of reads and writes, overloaded and bootstrapping nodes,
# too few replicas. None of them says anything about the request itself.
AWAY = (OperationTimedOut, RequestExecutionException, Unavailable, NoHostAvailable, ConnectionException)


def translate(error: BaseException) -> BaseException:
    """The domain error for an error of the driver; the error itself when there is none."""
    if isinstance(error, AWAY):
        return ServiceUnavailable(f"Cassandra does not answer: {_line(error)}")
    if isinstance(error, DriverException) and "shutdown" in str(error).lower():
        return ServiceUnavailable("the connection to Cassandra is closed")
    return error


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}"
