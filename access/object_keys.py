"""Object keys: each wraps the data keys of one version before the key of its bucket does."""

import os
from dataclasses import dataclass, field

from access.customer_key import unwrap_for_customer, wrap_for_customer
from schemas.rows import Encryption

OBJECT_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Protection:
    """What a new version is protected with: the record that is kept of it, and the object key, which is not.

    object_key  b"" without a record: the key of the bucket alone protects the version
    """

    encryption: Encryption | None = None
    object_key: bytes = field(default=b"", repr=False)


UNPROTECTED = Protection()


def for_customer(customer_key: bytes) -> Protection:
    """A new object key under a key that only the client has."""
    object_key = os.urandom(OBJECT_KEY_BYTES)
    return Protection(Encryption("customer", wrap_for_customer(customer_key, object_key)), object_key)


def object_key_of(encryption: Encryption, customer_key: bytes) -> bytes:
    """The object key of a version stored with a customer's key. Raises WrongCustomerKey, BlobCorrupt."""
    return unwrap_for_customer(customer_key, encryption.secret)
