"""Keys of the KMS for tests of who may use them."""

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.iam.conftest import Site
    from tests.iam.test_permissions import User


class Keys:
    """Keys of the operator's account, a bucket, and the KMS for anybody."""

    def __init__(self, site: "Site") -> None:
        self.site = site
        self.kms = site.client("kms", site.root)
        self.s3 = site.client("s3", site.root)
        self.bucket = f"kms-{uuid.uuid4().hex[:12]}"
        self.s3.create_bucket(Bucket=self.bucket)

    def new(self) -> str:
        return str(self.kms.create_key()["KeyMetadata"]["Arn"])

    def of(self, user: "User") -> Any:
        return self.site.client("kms", user.keys)

    def put(self, s3: Any, key: str, kms_key: str | None, **more: Any) -> Any:
        named = {"SSEKMSKeyId": kms_key} if kms_key else {}
        return s3.put_object(
            Bucket=self.bucket, Key=key, Body=b"secret", ServerSideEncryption="aws:kms", **named, **more
        )

    def get(self, s3: Any, key: str) -> bytes:
        return bytes(s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())


def message(call: Callable[..., Any], *args: Any, **parameters: Any) -> str:
    """What the refusal of a call says."""
    with pytest.raises(ClientError) as caught:
        call(*args, **parameters)
    error = caught.value.response["Error"]
    assert error["Code"] in ("AccessDenied", "AccessDeniedException"), error
    return str(error["Message"])
