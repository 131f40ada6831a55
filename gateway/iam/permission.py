"""Whether the caller may do what it asks IAM and STS for: by its own policies, and of a role by that one's.

The root of an account needs no policy in it. Nobody needs one to ask who it is (GetCallerIdentity), nor for
credentials of its own that last a while (GetSessionToken).
"""

from collections.abc import Iterator
from typing import NamedTuple

from access.evaluation.caller import Caller
from access.evaluation.callers import Callers
from access.evaluation.decide import Decision, Target, decide
from access.evaluation.policy import Ask
from access.evaluation.principals import Named, Who
from access.identity import ANONYMOUS
from gateway.authorization.refusal import refusal
from gateway.iam.actions import Action
from gateway.iam.call import Call
from gateway.iam.request_keys import QueryKeys
from gateway.iam.sts import OPEN
from gateway.iam.subjects import Subject, renamed
from gateway.iam.web_identity import ASSUME, WebIdentity
from schemas.errors import AccessDenied

# What sessions of GetSessionToken may do, which asks for no second factor here.
OF_TOKENS = OPEN | {"AssumeRole"}
_TAGGING = {
    "CreatePolicy": "TagPolicy",
    "CreateRole": "TagRole",
    "CreateUser": "TagUser",
    "CreateOpenIDConnectProvider": "TagOpenIDConnectProvider",
}
NOT_TOLD = Decision(False)  # what the policy of another account's role says


class Question(NamedTuple):
    """action: with its service, as AWS writes it."""

    action: str
    subject: Subject


def authorize(action: Action, call: Call, callers: Callers, region: str) -> None:
    """Raises AccessDenied unless everything that the action asks for is allowed."""
    if call.action == ASSUME:
        assert call.identity is not None  # the port has checked its token
        _authorize_web_identity(action.about(call), call.identity, call, callers, region)
        return
    principal = call.principal
    of_token = principal.session is not None and principal.kind != "role"
    if of_token and action.service != "s3" and call.action not in OF_TOKENS:
        raise AccessDenied(
            f"User: {principal.arn} is not authorized to perform: {action.service}:{call.action} with the "
            "credentials of a session that no second factor was asked for"
        )
    if call.action in OPEN or call.number != principal.account:
        return  # another account's number may be given by the operator alone, who may do everything in it
    caller = callers.caller(principal)
    for question in _questions(action, call):
        _ask(question, caller, call, callers, region)


def _authorize_web_identity(
    subject: Subject, identity: WebIdentity, call: Call, callers: Callers, region: str
) -> None:
    """A web identity has no policies of its own: the role's trust policy alone decides, and must name the
    provider; that it names everybody is not enough."""
    caller = Caller(Who(ANONYMOUS, provider=identity.provider))
    keys = QueryKeys(call, caller, subject, region)
    assert subject.trust is not None
    trust = callers.policy(subject.trust)
    for action in identity.actions:
        ask = Ask(caller.who, action.lower(), subject.arn, keys)
        if trust.denying(ask) is not None or trust.allowing(ask)[0] is not Named.ITSELF:
            raise AccessDenied(f"Not authorized to perform {action}")


def _questions(action: Action, call: Call) -> Iterator[Question]:
    subject = action.about(call)
    yield Question(f"{action.service}:{call.action}", subject)
    if call.action == "UpdateUser" and (user := call.held.user(call.parameters.get("UserName"))):
        yield Question("iam:UpdateUser", renamed(call, subject, user, "user", "NewUserName"))
    elif call.action == "UpdateGroup" and (group := call.held.group(call.parameters.get("GroupName"))):
        yield Question("iam:UpdateGroup", renamed(call, subject, group, "group", "NewGroupName"))
    if call.action in _TAGGING and "Tags.member.1.Key" in call.parameters:
        yield Question(f"iam:{_TAGGING[call.action]}", subject)
    if call.action == "AssumeRole":
        if "Tags.member.1.Key" in call.parameters:
            yield Question("sts:TagSession", subject)
        if "SourceIdentity" in call.parameters:
            yield Question("sts:SetSourceIdentity", subject)


def _ask(question: Question, caller: Caller, call: Call, callers: Callers, region: str) -> None:
    subject = question.subject
    account = call.directory.account(subject.account)
    trust = () if subject.trust is None else (callers.policy(subject.trust),)
    target = Target(
        account.canonical_id if account is not None else "", trust, by_policy=subject.trust is not None
    )
    keys = QueryKeys(call, caller, subject, region)
    decision = decide(caller, question.action.lower(), subject.arn, keys, target)
    if subject.account != call.principal.account and decision.source == "resource-based policy":
        decision = NOT_TOLD
    if not decision.allowed:
        raise AccessDenied(refusal(call.principal.arn, question.action, subject.arn, decision))
