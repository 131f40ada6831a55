"""The operation registry: equal to botocore's model, and every request finds its operation."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from botocore.loaders import Loader

from gateway.operations import OPERATIONS, UNMODELLED, Level, Operation
from gateway.registry import Registry
from schemas.errors import InvalidArgument, InvalidRequest, MethodNotAllowed, NotImplementedOperation


@pytest.fixture(scope="module")
def model() -> dict[str, Any]:
    return Loader().load_service_model("s3", "service-2")  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry({})


def parameters_of(model: dict[str, Any], operation: dict[str, Any]) -> set[str]:
    """What picks the operation, in the model's words: fixed and required query parameters."""
    fixed = operation["http"]["requestUri"].partition("?")[2].split("&")
    shape = model["shapes"].get(operation.get("input", {}).get("shape", ""), {})
    required = [
        member["locationName"]
        for name, member in shape.get("members", {}).items()
        if member.get("location") == "querystring" and name in shape.get("required", [])
    ]
    return {parameter for parameter in (*fixed, *required) if parameter}


def test_the_table_is_botocores_model(model: dict[str, Any]) -> None:
    assert sorted(one.name for one in OPERATIONS) == sorted(model["operations"])
    for one in OPERATIONS:
        operation = model["operations"][one.name]
        path = operation["http"]["requestUri"].partition("?")[0]
        level = {"/": "service", "/{Bucket}": "bucket", "/{Bucket}/{Key+}": "object"}.get(path, "bucket")
        assert (one.method, one.level) == (operation["http"]["method"], level), one.name
        assert set(one.parameters.split()) == parameters_of(model, operation), one.name


def request_for(one: Operation) -> tuple[str, Level, dict[str, str], dict[str, str]]:
    query = {}
    for parameter in one.parameters.split():
        name, _, value = parameter.partition("=")
        query[name] = value
    return one.method, one.level, query, {one.header: "source"} if one.header else {}


@pytest.mark.parametrize("one", OPERATIONS + UNMODELLED, ids=lambda one: str(one.name))
def test_each_request_finds_its_operation(registry: Registry, one: Operation) -> None:
    selected = registry.select(*request_for(one))
    assert selected.name == (one.shadowed_by or one.name)
    with pytest.raises(NotImplementedOperation, match=selected.name):
        asyncio.run(selected.handler(None))  # type: ignore[arg-type]


def test_parameters_that_pick_nothing_are_passed_over(registry: Registry) -> None:
    assert registry.select("GET", "object", {"x-id": "GetObject", "versionId": "1"}, {}).name == "GetObject"
    assert registry.select("GET", "object", {"partNumber": "2"}, {}).name == "GetObject"
    assert registry.select("GET", "bucket", {"prefix": "a", "id": "b"}, {}).name == "ListObjects"
    assert registry.select("GET", "bucket", {"list-type": "3"}, {}).name == "ListObjects"


@pytest.mark.parametrize("name", ["acl", "tagging", "uploads", "versions", "torrent", "policy"])
def test_a_sub_resource_never_falls_through_to_the_object(registry: Registry, name: str) -> None:
    """DELETE /bucket/key?acl must not delete the object."""
    with suppress(MethodNotAllowed, InvalidRequest):
        assert registry.select("DELETE", "object", {name: ""}, {}).name != "DeleteObject"


def test_two_sub_resources_conflict(registry: Registry) -> None:
    with pytest.raises(InvalidRequest, match="acl, tagging"):
        registry.select("GET", "object", {"tagging": "", "acl": ""}, {})


def test_a_part_without_its_upload_is_no_object(registry: Registry) -> None:
    with pytest.raises(InvalidArgument, match="uploadId"):
        registry.select("PUT", "object", {"partNumber": "1"}, {})
    with pytest.raises(InvalidRequest, match="partNumber"):
        registry.select("PUT", "object", {"uploadId": "u"}, {"x-amz-copy-source": "a/b"})
    with pytest.raises(InvalidArgument, match="select-type"):
        registry.select("POST", "object", {"select": ""}, {})


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
def test_sub_resources_of_buckets_are_none_of_keys(registry: Registry, method: str) -> None:
    for name in ("versions", "policy", "lifecycle", "website"):
        with pytest.raises(InvalidRequest, match=f"no such thing as the \\?{name} sub-resource for a key"):
            registry.select(method, "object", {name: ""}, {})
    with pytest.raises(InvalidRequest, match="Key is not expected for the GET method"):
        registry.select("GET", "object", {"uploads": ""}, {})
    with pytest.raises(MethodNotAllowed):
        registry.select("DELETE", "object", {"acl": ""}, {})


@pytest.mark.parametrize(
    ("method", "level"), [("DELETE", "service"), ("PATCH", "object"), ("PUT", "service")]
)
def test_methods_that_a_resource_does_not_have(registry: Registry, method: str, level: Level) -> None:
    with pytest.raises(MethodNotAllowed):
        registry.select(method, level, {}, {})


def test_handlers_of_unknown_operations_are_refused() -> None:
    with pytest.raises(ValueError, match="GetObjekt"):
        Registry({"GetObjekt": None})  # type: ignore[dict-item]
