"""Actions that make, show and change keys. Source: AWS KMS API Reference."""

from typing import Literal

from access.kms import DEFAULT_ROTATION_DAYS
from access.kms_keys import KmsKey
from gateway.kms.call import Action, Answer, Call, Input, KeyInput, PageInput, TokenInput, page
from gateway.kms.policies import BYPASS, check_new_policy
from schemas.errors import KmsValidation

TAGS_LIMIT = 50


class Tag(Input, frozen=True):
    tag_key: str
    tag_value: str


class CreateInput(Input, frozen=True):
    description: str = ""
    tags: tuple[Tag, ...] = ()
    key_usage: Literal["ENCRYPT_DECRYPT"] = "ENCRYPT_DECRYPT"
    key_spec: Literal["SYMMETRIC_DEFAULT"] = "SYMMETRIC_DEFAULT"
    customer_master_key_spec: Literal["SYMMETRIC_DEFAULT"] = "SYMMETRIC_DEFAULT"
    origin: Literal["AWS_KMS"] = "AWS_KMS"
    multi_region: Literal[False] = False
    policy: str = ""
    bypass_policy_lockout_safety_check: bool = False


class DescribeInput(TokenInput, frozen=True, kw_only=True):
    key_id: str


class DescriptionInput(Input, frozen=True):
    key_id: str
    description: str


class DeletionInput(Input, frozen=True):
    key_id: str
    pending_window_in_days: int = 30


class RotationInput(Input, frozen=True):
    key_id: str
    rotation_period_in_days: int = DEFAULT_ROTATION_DAYS


class KeyPageInput(PageInput, frozen=True, kw_only=True):
    key_id: str


class TagInput(Input, frozen=True):
    key_id: str
    tags: tuple[Tag, ...]


class UntagInput(Input, frozen=True):
    key_id: str
    tag_keys: tuple[str, ...]


def described(call: Call, key: KmsKey) -> Answer:
    """KeyMetadata."""
    state = "PendingDeletion" if key.deletion_at else "Enabled" if key.enabled else "Disabled"
    answer = {
        "AWSAccountId": key.account,
        "KeyId": key.key_id,
        "Arn": call.kms.arn(key),
        "CreationDate": key.created_at / 1000,
        "Enabled": key.enabled and not key.deletion_at,
        "Description": key.description,
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": state,
        "Origin": "AWS_KMS",
        "KeyManager": key.manager,
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": False,
    }
    if key.deletion_at:
        answer["DeletionDate"] = key.deletion_at / 1000
    return answer


def create_key(call: Call, asked: CreateInput) -> Answer:
    bypass = asked.bypass_policy_lockout_safety_check
    call.check_account(asked={BYPASS: (str(bypass).lower(),)})
    if asked.tags:
        call.check_account(action="TagResource")
    key = call.kms.draft(asked.description, tags=_tags({}, asked.tags), policy=asked.policy)
    if asked.policy:
        check_new_policy(call, key, asked.policy, bypass)
    call.kms.keys.add(key)
    return {"KeyMetadata": described(call, key)}


def describe_key(call: Call, asked: DescribeInput) -> Answer:
    return {"KeyMetadata": described(call, call.key(asked.key_id))}


def list_keys(call: Call, asked: PageInput) -> Answer:
    def show(key: KmsKey) -> Answer:
        return {"KeyId": key.key_id, "KeyArn": call.kms.arn(key)}

    return page(call.kms.all_keys(), asked, "Keys", lambda key: key.key_id, show)


def enable_key(call: Call, asked: KeyInput) -> Answer:
    call.kms.set_enabled(call.kms.arn(call.own_key(asked.key_id)), True)
    return {}


def disable_key(call: Call, asked: KeyInput) -> Answer:
    call.kms.set_enabled(call.kms.arn(call.own_key(asked.key_id)), False)
    return {}


def schedule_key_deletion(call: Call, asked: DeletionInput) -> Answer:
    key = call.own_key(asked.key_id)
    scheduled = call.kms.schedule_deletion(call.kms.arn(key), asked.pending_window_in_days)
    return {
        "KeyId": call.kms.arn(key),
        "DeletionDate": scheduled.deletion_at / 1000,
        "KeyState": "PendingDeletion",
        "PendingWindowInDays": asked.pending_window_in_days,
    }


def cancel_key_deletion(call: Call, asked: KeyInput) -> Answer:
    arn = call.kms.arn(call.own_key(asked.key_id))
    call.kms.cancel_deletion(arn)
    return {"KeyId": arn}


def update_key_description(call: Call, asked: DescriptionInput) -> Answer:
    call.kms.update(call.kms.arn(call.own_key(asked.key_id)), description=asked.description)
    return {}


def enable_key_rotation(call: Call, asked: RotationInput) -> Answer:
    call.kms.set_rotation(call.kms.arn(call.own_key(asked.key_id)), asked.rotation_period_in_days)
    return {}


def disable_key_rotation(call: Call, asked: KeyInput) -> Answer:
    call.kms.set_rotation(call.kms.arn(call.own_key(asked.key_id)), 0)
    return {}


def get_key_rotation_status(call: Call, asked: KeyInput) -> Answer:
    key = call.key(asked.key_id)
    answer: Answer = {"KeyRotationEnabled": bool(key.rotation_days), "KeyId": call.kms.arn(key)}
    if key.rotation_days:
        answer["RotationPeriodInDays"] = key.rotation_days
        answer["NextRotationDate"] = call.kms.next_rotation(key) / 1000
    return answer


def rotate_key_on_demand(call: Call, asked: KeyInput) -> Answer:
    key = call.own_key(asked.key_id)
    call.kms.rotate(call.kms.arn(key))
    return {"KeyId": key.key_id}


def list_key_rotations(call: Call, asked: KeyPageInput) -> Answer:
    key = call.key(asked.key_id)
    rotations = [
        {
            "KeyId": key.key_id,
            "RotationDate": material.created_at / 1000,
            "RotationType": "ON_DEMAND" if material.on_demand else "AUTOMATIC",
        }
        for material in key.materials[1:]
    ]
    numbered = list(enumerate(rotations, 1))
    return page(numbered, asked, "Rotations", lambda one: f"{one[0]:06d}", lambda one: one[1])


def tag_resource(call: Call, asked: TagInput) -> Answer:
    key = call.own_key(asked.key_id)
    call.kms.update(call.kms.arn(key), tags=_tags(key.tags, asked.tags))
    return {}


def untag_resource(call: Call, asked: UntagInput) -> Answer:
    key = call.own_key(asked.key_id)
    left = {name: value for name, value in key.tags.items() if name not in asked.tag_keys}
    call.kms.update(call.kms.arn(key), tags=left)
    return {}


def list_resource_tags(call: Call, asked: KeyPageInput) -> Answer:
    tags = sorted(call.key(asked.key_id).tags.items())
    return page(tags, asked, "Tags", lambda tag: tag[0], lambda tag: {"TagKey": tag[0], "TagValue": tag[1]})


def _tags(held: dict[str, str], given: tuple[Tag, ...]) -> dict[str, str]:
    tags = {**held, **{tag.tag_key: tag.tag_value for tag in given}}
    if len(tags) > TAGS_LIMIT or any(not 1 <= len(n) <= 128 or len(v) > 256 for n, v in tags.items()):
        raise KmsValidation(
            f"A key has at most {TAGS_LIMIT} tags, with names of 1 to 128 characters and values of up to 256."
        )
    return tags


ACTIONS = {
    "CancelKeyDeletion": Action(KeyInput, cancel_key_deletion, changes=True),
    "CreateKey": Action(CreateInput, create_key, changes=True),
    "DescribeKey": Action(DescribeInput, describe_key),
    "DisableKey": Action(KeyInput, disable_key, changes=True),
    "DisableKeyRotation": Action(KeyInput, disable_key_rotation, changes=True),
    "EnableKey": Action(KeyInput, enable_key, changes=True),
    "EnableKeyRotation": Action(RotationInput, enable_key_rotation, changes=True),
    "GetKeyRotationStatus": Action(KeyInput, get_key_rotation_status),
    "ListKeyRotations": Action(KeyPageInput, list_key_rotations),
    "ListKeys": Action(PageInput, list_keys, of_account=True),
    "ListResourceTags": Action(KeyPageInput, list_resource_tags),
    "RotateKeyOnDemand": Action(KeyInput, rotate_key_on_demand, changes=True),
    "ScheduleKeyDeletion": Action(DeletionInput, schedule_key_deletion, changes=True),
    "TagResource": Action(TagInput, tag_resource, changes=True),
    "UntagResource": Action(UntagInput, untag_resource, changes=True),
    "UpdateKeyDescription": Action(DescriptionInput, update_key_description, changes=True),
}
