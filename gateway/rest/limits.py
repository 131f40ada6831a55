"""Limits over REST: the actions PutLimits, GetLimits and DeleteLimits, in JSON."""

import time
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from gateway.iam.actions import ACTIONS
from gateway.iam.call import Call as IamCall
from gateway.iam.call import Result, Via
from gateway.iam.limits import MOST, PARAMETERS
from gateway.iam.parameters import Parameters
from gateway.iam.perform import perform
from gateway.rest.body import json_body
from gateway.rest.call import Call, calling_service
from gateway.rest.schema import takes_json

router = APIRouter(tags=["limits"])

Puts = Annotated[Call, Depends(calling_service("iam:PutLimits"))]
Gets = Annotated[Call, Depends(calling_service("iam:GetLimits"))]
Deletes = Annotated[Call, Depends(calling_service("iam:DeleteLimits"))]

BUCKET, ACCOUNT, KEY = "/buckets/{bucket}/limits", "/accounts/{id}/limits", "/keys/{access_key}/limits"


class LimitsModel(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    requests_per_second: int | None = Field(None, ge=1, le=MOST, description="null: as many as come")
    upload_bytes_per_second: int | None = Field(
        None, ge=1, le=MOST, description="Of bodies of requests; null: as fast as they come"
    )
    download_bytes_per_second: int | None = Field(
        None, ge=1, le=MOST, description="Of bodies of answers; null: as fast as they go"
    )
    max_bytes: int | None = Field(
        None, ge=1, le=MOST, description="Of all versions, and of parts of uploads in progress; not of a key"
    )
    max_versions: int | None = Field(
        None, ge=1, le=MOST, description="Versions of objects, delete markers included; not of a key"
    )


# The action's parameter for each field.
_NAMES = dict(zip(LimitsModel.model_fields, PARAMETERS.values(), strict=True))


@router.put(
    BUCKET, operation_id="PutBucketLimits", summary="Limit a bucket", openapi_extra=takes_json(LimitsModel)
)
async def put_bucket_limits(call: Puts, bucket: str) -> LimitsModel:
    """In place of the limits that it had. For the root of the operator's account."""
    return await _put(call, {"BucketName": bucket})


@router.get(BUCKET, operation_id="GetBucketLimits", summary="Show the limits of a bucket")
async def get_bucket_limits(call: Gets, bucket: str) -> LimitsModel:
    """All null where it has none."""
    return await _ask(call, "GetLimits", {"BucketName": bucket})


@router.delete(
    BUCKET, operation_id="DeleteBucketLimits", summary="Remove the limits of a bucket", status_code=204
)
async def delete_bucket_limits(call: Deletes, bucket: str) -> Response:
    """204, also when it had none."""
    return await _delete(call, {"BucketName": bucket})


@router.put(
    ACCOUNT,
    operation_id="PutAccountLimits",
    summary="Limit an account",
    openapi_extra=takes_json(LimitsModel),
)
async def put_account_limits(call: Puts, id: str) -> LimitsModel:
    """Of all of the account's callers together."""
    return await _put(call, {"AccountId": id})


@router.get(ACCOUNT, operation_id="GetAccountLimits", summary="Show the limits of an account")
async def get_account_limits(call: Gets, id: str) -> LimitsModel:
    """All null where it has none."""
    return await _ask(call, "GetLimits", {"AccountId": id})


@router.delete(
    ACCOUNT, operation_id="DeleteAccountLimits", summary="Remove the limits of an account", status_code=204
)
async def delete_account_limits(call: Deletes, id: str) -> Response:
    """204, also when it had none."""
    return await _delete(call, {"AccountId": id})


@router.put(
    KEY,
    operation_id="PutKeyLimits",
    summary="Limit an access key",
    openapi_extra=takes_json(LimitsModel),
)
async def put_key_limits(call: Puts, access_key: str) -> LimitsModel:
    """Sessions that it asked for (GetSessionToken) count with it."""
    return await _put(call, {"AccessKeyId": access_key})


@router.get(KEY, operation_id="GetKeyLimits", summary="Show the limits of an access key")
async def get_key_limits(call: Gets, access_key: str) -> LimitsModel:
    """All null where it has none."""
    return await _ask(call, "GetLimits", {"AccessKeyId": access_key})


@router.delete(
    KEY, operation_id="DeleteKeyLimits", summary="Remove the limits of an access key", status_code=204
)
async def delete_key_limits(call: Deletes, access_key: str) -> Response:
    """204, also when it had none."""
    return await _delete(call, {"AccessKeyId": access_key})


async def _put(call: Call, target: dict[str, str]) -> LimitsModel:
    wanted = await json_body(call, LimitsModel)
    values = {_NAMES[name]: str(value) for name, value in wanted.model_dump(exclude_none=True).items()}
    return await _ask(call, "PutLimits", target | values)


async def _delete(call: Call, target: dict[str, str]) -> Response:
    await _ask(call, "DeleteLimits", target)
    return Response(status_code=204)


async def _ask(call: Call, action: str, parameters: dict[str, str]) -> LimitsModel:
    services = call.services
    via = Via(call.origin.source, call.request.url.scheme, call.headers.get("user-agent", ""))
    asked = IamCall(
        action, Parameters(parameters), call.principal, services.identities.directory, int(time.time()), via
    )
    found: Result = (await perform(ACTIONS[action], asked, services, call.origin))["Limits"]
    return LimitsModel(**{name: found.get(given) for name, given in _NAMES.items()})
