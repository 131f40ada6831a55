"""Decisions explained, over REST: the action ExplainAccess of IAM, in JSON."""

import time
from typing import Annotated

from fastapi import APIRouter, Depends

from gateway.iam.actions import ACTIONS
from gateway.iam.call import Call as IamCall
from gateway.iam.call import Via
from gateway.iam.context_entries import ENTRIES
from gateway.iam.parameters import Parameters
from gateway.iam.perform import perform
from gateway.rest.body import json_body
from gateway.rest.call import Call, calling_service
from gateway.rest.explanations import ExplainRequest, ExplanationModel
from gateway.rest.schema import takes_json

router = APIRouter(tags=["access"])

ACTION = "ExplainAccess"
Asks = Annotated[Call, Depends(calling_service(f"iam:{ACTION}"))]


@router.post(
    "/access/explain",
    operation_id=ACTION,
    summary="Say whether somebody may do something, and why",
    openapi_extra=takes_json(ExplainRequest),
)
async def explain_access(call: Asks) -> ExplanationModel:
    """The decision as the store would make it now. It needs `iam:ExplainAccess` on the principal."""
    wanted = await json_body(call, ExplainRequest)
    services = call.services
    via = Via(call.origin.source, call.request.url.scheme, call.headers.get("user-agent", ""))
    asked = IamCall(
        ACTION, _parameters(wanted), call.principal, services.identities.directory, int(time.time()), via
    )
    return ExplanationModel.model_validate(await perform(ACTIONS[ACTION], asked, services, call.origin))


def _parameters(wanted: ExplainRequest) -> Parameters:
    given = {
        "PrincipalArn": wanted.principal, "ActionName": wanted.action, "ResourceArn": wanted.resource,
    }  # fmt: skip
    if wanted.account is not None:
        given["AccountId"] = wanted.account
    for place, (key, value) in enumerate(wanted.context.items(), 1):
        entry = f"{ENTRIES}.member.{place}"
        given[f"{entry}.ContextKeyName"] = key
        given[f"{entry}.ContextKeyType"] = "stringList"
        values = [value] if isinstance(value, str) else value
        given |= {f"{entry}.ContextKeyValues.member.{n}": one for n, one in enumerate(values, 1)}
    return Parameters(given)
