"""Roles of a gateway: each operation is served by one of them and refused by the other, on both ports."""

import asyncio

import pytest

from gateway.handlers import handlers
from gateway.operations import OPERATIONS
from gateway.registry import Registry
from gateway.roles import BOTH, Roles
from schemas.errors import ConfigurationError, NotImplementedOperation

INGEST, QUERY = Roles.parse("ingest"), Roles.parse("query")


def test_roles_are_parsed() -> None:
    assert Roles.parse("ingest,query") == Roles.parse("query, ingest") == BOTH
    assert INGEST != QUERY
    for wrong in ("", "worker", "ingest,", "Ingest"):
        with pytest.raises(ConfigurationError, match="is not a role"):
            Roles.parse(wrong)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_operation_has_one_role(operation: object) -> None:
    assert [INGEST.serve(operation), QUERY.serve(operation)].count(True) == 1  # type: ignore[arg-type]
    assert BOTH.serve(operation)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("roles", "method", "name", "role"),
    [(QUERY, "PUT", "PutObject", "ingest"), (INGEST, "GET", "GetObject", "query")],
)
def test_what_belongs_to_the_other_role_is_refused_with_its_name(
    roles: Roles, method: str, name: str, role: str
) -> None:
    selected = Registry(handlers(), roles).select(method, "object", {}, {})
    assert selected.name == name
    with pytest.raises(NotImplementedOperation, match=f"{name} is not served here.*with the role {role}"):
        asyncio.run(selected.handler(None))  # type: ignore[arg-type]


def test_on_the_rest_port_the_method_tells() -> None:
    assert [method for method in ("GET", "HEAD", "OPTIONS") if QUERY.serve_method(method)] == [
        "GET", "HEAD", "OPTIONS",
    ]  # fmt: skip
    assert not any(QUERY.serve_method(method) for method in ("PUT", "POST", "DELETE"))
    assert all(INGEST.serve_method(method) for method in ("PUT", "POST", "DELETE"))
    assert not INGEST.serve_method("GET")
