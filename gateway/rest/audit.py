"""The audit trail over REST: requests of the whole store, for the operator and whom its policies let in."""

import asyncio
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import AwareDatetime, BaseModel, Field

from gateway.audit_permission import ACTION, check_auditor
from gateway.rest.call import Call, calling_service
from schemas.audit import LookUp, Question
from schemas.errors import NotImplementedOperation

router = APIRouter(tags=["audit"])

PAGE, PAGE_LIMIT = 100, 1000


class EventList(BaseModel):
    events: list[dict[str, Any]] = Field(
        description="As in the trail: requests as CloudTrail's events, `lost` where some could not be kept, "
        "`damaged` for a line that does not match its hash"
    )
    after: int | None = Field(description="Pass it to go on; null when there are no more")


async def _trail(request: Request, call: Annotated[Call, Depends(calling_service(ACTION))]) -> LookUp:
    """The trail, for a caller who may read it. Raises what refuses others."""
    check_auditor(call.services, call.principal, call.origin.source, request.url.scheme == "https")
    look_up: LookUp | None = request.app.state.look_up
    if look_up is None:
        raise NotImplementedOperation(
            "there is no audit trail to ask here: with --no-audit there is none, and in a cluster the "
            "configuration must name the worker that writes it ([cluster.auditor], endpoint)"
        )
    return look_up


Trail = Annotated[LookUp, Depends(_trail)]
Moment = Annotated[AwareDatetime | None, Query(description="RFC 3339")]


@router.get("/audit/events", operation_id="LookupEvents", summary="Requests of the audit trail")
async def look_up_events(
    request: Request,
    trail: Trail,
    since: Moment = None,
    until: Moment = None,
    principal: Annotated[
        str, Query(description="ARN, user name, access key, unique id or account number of who asked")
    ] = "",
    bucket: Annotated[str, Query(description="Only requests to this bucket")] = "",
    action: Annotated[str, Query(description="GetObject, s3:GetObject, iam:CreateUser …")] = "",
    request_id: Annotated[str, Query(description="The id that the answer had")] = "",
    limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT, description="Events on a page")] = PAGE,
    after: Annotated[int, Query(ge=0, description="From the page before")] = 0,
) -> EventList:
    """From `since` to before `until`, in the trail's order: that of time, but for about a second. A page may
    hold fewer events than there are, even none, and say with `after` where to go on: a part of the trail is
    read at a time."""
    question = Question(_milliseconds(since), _milliseconds(until), principal, bucket, action, request_id)
    async with request.app.state.look_up_turn:  # one at a time: it competes with everybody's requests
        found = await asyncio.to_thread(trail, question, limit, after)
    return EventList(events=found.lines, after=found.after)


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else max(0, int(moment.timestamp() * 1000))
