"""Changes of Cassandra's schema: a time of their own, and errors that users understand."""

from typing import Any

import pytest

pytest.importorskip("cassandra")

from cassandra import DriverException, OperationTimedOut

from index.cassandra.administration import SCHEMA_SECONDS, change_schema, refresh, run
from schemas.errors import ServiceUnavailable


class _Session:
    """Stands for a session of the driver: keeps what was asked, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked: list[tuple[Any, ...]] = []
        self.cluster = self

    def execute(self, statement: str, values: Any = None, timeout: float | None = None) -> str:
        if self.error is not None:
            raise self.error
        self.asked.append((statement, values, timeout))
        return "rows"

    def refresh_schema_metadata(self) -> None:
        if self.error is not None:
            raise self.error


def test_a_change_of_the_schema_may_take_longer_than_a_request() -> None:
    session: Any = _Session()
    change_schema(session, "DROP KEYSPACE k")
    run(session, "SELECT", (1,))
    assert session.asked == [("DROP KEYSPACE k", None, SCHEMA_SECONDS), ("SELECT", (1,), None)]
    assert SCHEMA_SECONDS == 60


@pytest.mark.parametrize("asked", [lambda s: change_schema(s, "x"), lambda s: run(s, "x"), refresh])
def test_a_node_that_does_not_answer_is_said_to_be_away(asked: Any) -> None:
    with pytest.raises(ServiceUnavailable, match="Cassandra does not answer: OperationTimedOut"):
        asked(_Session(OperationTimedOut(last_host="node-1")))


def test_a_schema_that_is_not_told_is_an_answer_that_is_missing() -> None:
    session: Any = _Session(DriverException("Schema metadata was not refreshed. See log for details."))
    with pytest.raises(ServiceUnavailable, match="does not tell its schema: Schema metadata was not"):
        refresh(session)


def test_what_is_wrong_with_the_statement_stays_what_it_is() -> None:
    with pytest.raises(ValueError, match="as it was"):
        run(_Session(ValueError("as it was")), "x")  # type: ignore[arg-type]
