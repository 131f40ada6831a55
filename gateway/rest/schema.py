"""What OpenAPI says beyond what the routes' signatures tell: bodies, headers, errors, who may call."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from gateway.rest.health import PATHS
from gateway.rest.problem import MEDIA_TYPE, Problem

DESCRIPTION = """Objects in buckets, over plain HTTP and JSON; the same store that the S3 port serves.

A key may contain slashes and any other character; percent-encode it. A key that ends in `/versions`, or
that the client would normalise (`a//b`, `../c`), goes in `?key=` on `/buckets/{bucket}/objects`.
An unknown query parameter is an error. Every answer has `x-request-id`.
"""

ERRORS: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "Any error, as problem details (RFC 9457)",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}

_BINARY = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
BYTES_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": _BINARY}}
BYTES_ANSWER: dict[str, Any] = {"description": "The bytes asked for", "content": _BINARY}

CONDITIONS = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")
READ_HEADERS = ("range", "if-range", *CONDITIONS)
WRITE_HEADERS = (
    "content-type", "cache-control", "content-disposition", "content-encoding", "content-language", "expires",
    "x-meta-NAME", "x-storage-class", "x-checksum", "content-md5", "if-match", "if-none-match",
)  # fmt: skip
_ABOUT = {
    "range": "One range of bytes, `bytes=0-99`; the answer is 206",
    "if-range": "ETag or date: the range is meant only of that state of the object",
    "if-match": "ETag that the object must have",
    "if-none-match": "`*` on a write: the key must not exist; on a read: ETags of copies already there",
    "x-meta-NAME": "User metadata under any NAME; 2 KiB altogether",
    "x-storage-class": "Name of the storage class, STANDARD by default",
    "x-checksum": "`ALGORITHM=BASE64` of the body, verified and kept (CRC32C, SHA256 …)",
    "content-md5": "MD5 of the body in base64, verified",
}


def header_parameters(names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Headers as OpenAPI parameters; they are read from the request directly."""
    return [
        {"name": name, "in": "header", "required": False, "schema": {"type": "string"},
         "description": _ABOUT.get(name, "As in RFC 9110; kept and returned with the object"
                                   if name not in CONDITIONS else "As in RFC 9110")}
        for name in names
    ]  # fmt: skip


def takes_json(model: type[BaseModel]) -> dict[str, Any]:
    """A body of that model; it is read after the caller is known, so not by FastAPI."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def openapi(app: FastAPI, version: str, models: tuple[type[BaseModel], ...]) -> dict[str, Any]:
    """The whole document."""
    document = get_openapi(title="Strandline", version=version, description=DESCRIPTION, routes=app.routes)
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    described: list[type[BaseModel]] = [Problem, *models]
    for model in described:
        schemas[model.__name__] = model.model_json_schema(ref_template="#/components/schemas/{model}")
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "Made by `strandline token`"},
        "signature": {
            "type": "apiKey", "in": "header", "name": "authorization",
            "description": "AWS Signature Version 4 for the service s3, in the header or presigned",
        },
    }  # fmt: skip
    for path, methods in document["paths"].items():
        for operation in methods.values():
            operation["responses"].pop("422", None)
            if path not in PATHS:
                operation["security"] = [{"token": []}, {"signature": []}]
    return document
