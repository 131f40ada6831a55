"""A call of the REST API as the S3 request that it stands for: it needs the same rights."""

from starlette.requests import Request as RestRequest

from access.identity import Principal
from gateway.authorization.actions import NEEDS
from gateway.request import Request, Services

# Parameters of the REST API that policies know under the names of S3's.
_PARAMETERS = {"version": "versionId", "prefix": "prefix", "delimiter": "delimiter", "limit": "max-keys"}


def stands_for(operation: str, request: RestRequest) -> str:
    """The operation of a route; GET on the objects of a bucket reads one when it is named."""
    named = operation == "ListObjectsV2" and "key" in request.query_params
    return "GetObject" if named else operation


def s3_request(
    services: Services,
    request: RestRequest,
    headers: dict[str, str],
    operation: str,
    principal: Principal,
    request_id: bytes,
    source: str,
) -> Request:
    """The request to be authorised."""
    parameters, path = request.query_params, request.path_params
    query = {s3: parameters[name] for name, s3 in _PARAMETERS.items() if name in parameters}
    key = path.get("key", "") or parameters.get("key", "")
    if operation not in NEEDS or NEEDS[operation].on != "object":
        if key:
            query["prefix"] = key  # of the versions of a key
        key = ""
    return Request(
        request.method, request.url.path, path.get("bucket", ""), key, query, dict(headers), request_id,
        source, operation, principal, services, raw_query=request.url.query, scheme=request.url.scheme,
    )  # fmt: skip
