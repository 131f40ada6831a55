"""Request payment and transfer acceleration: one setting each."""

import uuid
from typing import Any

import pytest

from tests.s3.expecting import refused
from tests.s3.raw import Raw


def test_the_owner_pays_for_a_new_bucket(s3: Any, bucket: str) -> None:
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"


@pytest.mark.parametrize("payer", ["Requester", "BucketOwner"])
def test_payers(s3: Any, bucket: str, payer: str) -> None:
    s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": payer})
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == payer
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", RequestPayer="requester")
    s3.get_object(Bucket=bucket, Key="k")


@pytest.mark.parametrize("content", ["", "<Payer/>", "<Payer>Nobody</Payer>"])
def test_payers_that_there_are_not(raw: Raw, bucket: str, content: str) -> None:
    root = "RequestPaymentConfiguration"
    answer = raw.send("PUT", f"/{bucket}?requestPayment=", {}, f"<{root}>{content}</{root}>".encode())
    assert (answer.status, answer.code) == (400, "MalformedXML")


def test_acceleration_has_no_status_until_it_is_set(s3: Any, bucket: str) -> None:
    assert "Status" not in s3.get_bucket_accelerate_configuration(Bucket=bucket)
    for status in ("Enabled", "Suspended"):
        s3.put_bucket_accelerate_configuration(Bucket=bucket, AccelerateConfiguration={"Status": status})
        assert s3.get_bucket_accelerate_configuration(Bucket=bucket)["Status"] == status


@pytest.mark.parametrize("content", ["", "<Status>Disabled</Status>"])
def test_states_of_acceleration_that_there_are_not(raw: Raw, bucket: str, content: str) -> None:
    root = "AccelerateConfiguration"
    answer = raw.send("PUT", f"/{bucket}?accelerate=", {}, f"<{root}>{content}</{root}>".encode())
    assert (answer.status, answer.code) == (400, "MalformedXML")


def test_no_acceleration_of_names_with_dots(s3: Any) -> None:
    name = f"test.{uuid.uuid4().hex[:20]}"
    s3.create_bucket(Bucket=name)
    with refused("InvalidRequest", 400):
        s3.put_bucket_accelerate_configuration(Bucket=name, AccelerateConfiguration={"Status": "Enabled"})
