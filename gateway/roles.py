"""The roles of a process with an HTTP edge: whether it serves what reads, what writes, or both."""

from typing import NamedTuple

from gateway.operations import OPERATIONS, UNMODELLED, Operation
from schemas.errors import ConfigurationError, NotImplementedOperation

_WRITING = {operation.method for operation in OPERATIONS + UNMODELLED if not operation.reads}

INGEST, QUERY = "ingest", "query"


class Roles(NamedTuple):
    """`ingest` serves what writes, `query` what reads."""

    ingest: bool = True
    query: bool = True

    @classmethod
    def parse(cls, text: str) -> "Roles":
        """From names with commas between. Raises ConfigurationError for anything else."""
        names = [name.strip() for name in text.split(",")]
        for name in names:
            if name not in (INGEST, QUERY):
                raise ConfigurationError(f"{name!r} is not a role: the roles are {INGEST} and {QUERY}")
        return cls(INGEST in names, QUERY in names)

    def serve(self, operation: Operation) -> bool:
        """Whether that S3 operation is answered here."""
        return self.query if operation.reads else self.ingest

    def serve_method(self, method: str) -> bool:
        """Whether a request of that method is answered here, on the REST port: there the method tells."""
        return self.ingest if method in _WRITING else self.query


BOTH = Roles()


def elsewhere(what: str, roles: Roles) -> NotImplementedOperation:
    """The error for a request that came to the wrong process; asking again would not help."""
    role, other = (INGEST, QUERY) if roles.ingest else (QUERY, INGEST)
    return NotImplementedOperation(
        f"{what} is not served here: this server has the role {role}, and such requests go to one with the "
        f"role {other}."
    )
