"""Actions on key policies. Source: AWS KMS API Reference."""

from access.evaluation.policy import compile_policy
from access.kms_keys import KmsKey
from access.kms_policies import POLICY_NAME, check_key_policy
from gateway.kms.call import Action, Answer, Call, Input, PageInput, page
from schemas.errors import KmsNotFound, MalformedPolicyDocument

BYPASS = "kms:bypasspolicylockoutsafetycheck"


class PolicyInput(Input, frozen=True):
    key_id: str
    policy_name: str = POLICY_NAME


class PutInput(Input, frozen=True):
    key_id: str
    policy: str
    policy_name: str = POLICY_NAME
    bypass_policy_lockout_safety_check: bool = False


class PolicyPageInput(PageInput, frozen=True, kw_only=True):
    key_id: str


def get_key_policy(call: Call, asked: PolicyInput) -> Answer:
    key = call.key(asked.key_id)
    _check_name(asked.policy_name)
    return {"Policy": call.services.kms.policies.text(key), "PolicyName": POLICY_NAME}


def put_key_policy(call: Call, asked: PutInput) -> Answer:
    bypass = asked.bypass_policy_lockout_safety_check
    key = call.own_key(asked.key_id, {BYPASS: (str(bypass).lower(),)})
    _check_name(asked.policy_name)
    check_new_policy(call, key, asked.policy, bypass)
    call.kms.update(call.kms.arn(key), policy=asked.policy)
    return {}


def list_key_policies(call: Call, asked: PolicyPageInput) -> Answer:
    call.key(asked.key_id)
    return page([POLICY_NAME], asked, "PolicyNames", str, str)


def check_new_policy(call: Call, key: KmsKey, policy: str, bypass: bool) -> None:
    """Whether the key may get that policy: it must be one, and unless that is bypassed leave the caller the
    right to put another. Raises MalformedPolicyDocument, LimitExceeded."""
    check_key_policy(policy)
    if bypass:
        return
    if not call.decide(key, "PutKeyPolicy", compile_policy(policy, "the new key policy")).allowed:
        raise MalformedPolicyDocument(
            "The new key policy will not allow you to update the key policy in the future."
        )


def _check_name(name: str) -> None:
    if name != POLICY_NAME:
        raise KmsNotFound(f"No such policy exists: {name!r}; the only one is {POLICY_NAME!r}")


ACTIONS = {
    "GetKeyPolicy": Action(PolicyInput, get_key_policy),
    "ListKeyPolicies": Action(PolicyPageInput, list_key_policies),
    "PutKeyPolicy": Action(PutInput, put_key_policy, changes=True),
}
