"""What is asked of the audit trail, and what is found in it."""

from collections.abc import Callable
from typing import Any, NamedTuple

QUESTIONS = "/audit/questions"  # of the auditor's worker in a cluster: where gateways ask


class Question(NamedTuple):
    """Which requests. Times in Unix milliseconds, from `since` to before `until`; "" and None: any.

    principal  an ARN, a user's name, an access key, a unique id, or an account's number
    bucket     its name
    action     as the trail has it: GetObject, CreateUser; or with its service, s3:GetObject, iam:CreateUser
    request    a request id
    """

    since: int | None = None
    until: int | None = None
    principal: str = ""
    bucket: str = ""
    action: str = ""
    request: str = ""


class Found(NamedTuple):
    """Lines in the trail's order, and the number after which to go on; None: there are no more."""

    lines: list[dict[str, Any]]
    after: int | None


LookUp = Callable[[Question, int, int], Found]  # how many at most, and behind which line of the trail
