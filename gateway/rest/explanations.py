"""What `POST /access/explain` takes and gives."""

from typing import Literal

from pydantic import AliasGenerator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_pascal


class ExplainRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    principal: str = Field(
        description="ARN or name of a user or role, ARN of a session or of an account's root, or `anonymous`"
    )
    action: str = Field(description="Like `s3:GetObject`; also of iam and sts")
    resource: str = Field(description="An ARN like `arn:aws:s3:::photos/cat.jpeg`, or `*`")
    context: dict[str, str | list[str]] = Field(
        default={}, description="Condition keys that the request has, with their values"
    )
    account: str | None = Field(
        default=None, description="Number of the principal's account, where the operator asks about another"
    )


class _Told(BaseModel):
    """Made from the answer of the action, whose names are as AWS writes names."""

    model_config = ConfigDict(alias_generator=AliasGenerator(validation_alias=to_pascal))


class StatementModel(_Told):
    effect: Literal["Allow", "Deny"]
    kind: str = Field(description="What kind of policy it stands in")
    policy: str = Field(description="What that is called")
    statement: int = Field(description="Its place there, from 1")
    sid: str | None = None


class BoundaryModel(_Told):
    policy: str
    allows: bool


class BucketSettingsModel(_Told):
    name: str
    account: str
    has_policy: bool
    object_ownership: str
    ignore_public_acls: bool
    restrict_public_buckets: bool
    requester_pays: bool


class ExplanationModel(_Told):
    principal: str
    action: str
    resource: str
    decision: Literal["allowed", "explicitDeny", "implicitDeny"] = Field(
        description="explicitDeny: a statement denies it; implicitDeny: nothing allows it"
    )
    reason: str
    decided_by: list[StatementModel] = Field(
        description="The statement that settles it; where two accounts must allow it, one of each"
    )
    acl: str | None = Field(default=None, description="Which ACL grants it")
    permissions_boundary: BoundaryModel | None = None
    statements: list[StatementModel] = Field(description="All that are about the question")
    missing_context_values: list[str] = Field(
        description="Condition keys that decide something and were not given"
    )
    remarks: list[str] = Field(description="What settings of the bucket did to the decision")
    bucket: BucketSettingsModel | None = Field(
        default=None, description="Null where it is about no bucket, or about another account's"
    )
