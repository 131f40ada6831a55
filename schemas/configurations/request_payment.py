"""Who pays for requests, where somebody counts them."""

from typing import Literal

from schemas.configurations.element import S3Element
from schemas.configurations.kinds import Kind


class RequestPaymentConfiguration(S3Element, frozen=True):
    payer: Literal["Requester", "BucketOwner"]


OWNER_PAYS = RequestPaymentConfiguration("BucketOwner")

REQUEST_PAYMENT = Kind("request-payment", RequestPaymentConfiguration)
