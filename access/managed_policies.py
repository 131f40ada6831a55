"""Managed policies that every account has: those of AWS that are about what there is here."""

import json
from typing import NamedTuple

ARN_PREFIX = "arn:aws:iam::aws:policy/"
CREATED_AT = 1_423_247_998  # 2015-02-06T18:39:58Z, as AWS tells of its own
DEFAULT_VERSION = "v1"


class BuiltIn(NamedTuple):
    """One of them. unique_id: made up, and the same everywhere."""

    name: str
    unique_id: str
    description: str
    document: str
    path: str = "/"

    @property
    def arn(self) -> str:
        return f"{ARN_PREFIX}{self.path[1:]}{self.name}"


def _allow(*actions: str) -> str:
    statement = {
        "Effect": "Allow",
        "Action": list(actions) if len(actions) > 1 else actions[0],
        "Resource": "*",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


BUILT_IN: dict[str, BuiltIn] = {
    policy.arn: policy
    for policy in (
        BuiltIn(
            "AdministratorAccess",
            "ANPASLADMINISTRATORA",
            "Provides full access to AWS services and resources.",
            _allow("*"),
        ),
        BuiltIn(
            "AmazonS3FullAccess",
            "ANPASLAMAZONSTHREEFU",
            "Provides full access to all buckets.",
            _allow("s3:*", "s3-object-lambda:*"),
        ),
        BuiltIn(
            "AmazonS3ReadOnlyAccess",
            "ANPASLAMAZONSTHREERO",
            "Provides read only access to all buckets.",
            _allow("s3:Get*", "s3:List*", "s3:Describe*", "s3-object-lambda:Get*", "s3-object-lambda:List*"),
        ),
        BuiltIn(
            "IAMFullAccess",
            "ANPASLIAMFULLACCESSA",
            "Provides full access to IAM.",
            _allow("iam:*"),
        ),
        BuiltIn(
            "IAMReadOnlyAccess",
            "ANPASLIAMREADONLYACC",
            "Provides read only access to IAM.",
            _allow("iam:Get*", "iam:List*", "iam:Simulate*", "iam:GenerateCredentialReport"),
        ),
    )
}
