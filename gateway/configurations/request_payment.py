"""Request payment: kept and given back. Nobody is charged for anything."""

from gateway.configurations.resource import get, put
from schemas.configurations.request_payment import OWNER_PAYS, REQUEST_PAYMENT

ROOT = "RequestPaymentConfiguration"

HANDLERS = {
    "GetBucketRequestPayment": get(REQUEST_PAYMENT, ROOT, OWNER_PAYS),
    "PutBucketRequestPayment": put(REQUEST_PAYMENT, ROOT),
}
