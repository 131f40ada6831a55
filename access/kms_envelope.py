"""SSE-KMS: an object key that the KMS wraps, alone or under a key of the bucket that the KMS has wrapped.

    direct      secret = what the KMS made of the object key
    bucket key  secret = length (2) ‖ what the KMS made of the bucket's key ‖ nonce (12) ‖
                         AES-256-GCM(the bucket's key, object key, CONTEXT ‖ encryption context)

The encryption context is the client's, with aws:s3:arn: the object's ARN, or of a bucket key the bucket's. In
the second envelope it is always the object's. A bucket's key lives in memory for BUCKET_KEY_SECONDS.
Source: Amazon S3 User Guide, "Using SSE-KMS" and "Reducing the cost of SSE-KMS with Amazon S3 Bucket Keys".
"""

import os
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from access.kms import Kms
from access.kms_ciphertext import canonical
from access.kms_keys import KmsKey, KmsKeys
from access.kms_policies import KeyPolicies
from access.object_keys import OBJECT_KEY_BYTES, Protection
from schemas.errors import BlobCorrupt, KmsIncorrectKey, KmsInvalidCiphertext
from schemas.rows import Encryption

CONTEXT = b"SLbucket1\n"
ARN = "aws:s3:arn"
BUCKET_KEY_SECONDS = 300.0
KEPT_BUCKET_KEYS = 1024


class Place(NamedTuple):
    """Where an object is: what its keys are bound to."""

    bucket: str
    key: str

    @property
    def bucket_arn(self) -> str:
        return f"arn:aws:s3:::{self.bucket}"

    @property
    def arn(self) -> str:
        return f"arn:aws:s3:::{self.bucket}/{self.key}"


class BucketKey(NamedTuple):
    """A key of a bucket as it is and as the KMS has wrapped it, until a moment of the monotonic clock."""

    until: float
    key: bytes
    wrapped: bytes


class KmsEnvelope:
    """Object keys under the KMS. Raises KmsError in one of its kinds where the KMS refuses.

    region    of the store: what ARNs of keys are made of
    policies  of the keys
    """

    def __init__(self, keys: KmsKeys, region: str, *, now: Callable[[], float] = time.monotonic) -> None:
        self.keys, self.region = keys, region
        self.policies = KeyPolicies(region)
        self._now = now
        self._bucket_keys: dict[tuple[str, str, int], BucketKey] = {}

    def kms(self, account: str) -> Kms:
        """The KMS as that account sees it."""
        return Kms(self.keys, self.region, account)

    def arn(self, key: KmsKey) -> str:
        return self.kms(key.account).arn(key)

    def key_of(self, account: str, name: str | None) -> KmsKey:
        """The key that is named, else the account's key of S3, whatever its state: who may not use it does
        not learn that. Raises KmsNotFound."""
        kms = self.kms(account)
        return kms.find(name) if name is not None else kms.key_of_s3()

    def protect(self, key: KmsKey, place: Place, context: Mapping[str, str], bucket_key: bool) -> Protection:
        """A new object key, and the record of it. Raises KmsDisabled, KmsInvalidState."""
        kms = self.kms(key.account)
        kms.check_usable(key)  # where a key of the bucket is at hand, nothing else does
        object_key = os.urandom(OBJECT_KEY_BYTES)
        if bucket_key:
            secret = self._under_bucket_key(kms, key, place, context, object_key)
        else:
            secret, _ = kms.encrypt(key.key_id, object_key, context_of(place, context, False))
        return Protection(Encryption("kms", secret, kms.arn(key), dict(context), bucket_key), object_key)

    def object_key(self, encryption: Encryption, place: Place) -> bytes:
        """The object key of a version. Raises BlobCorrupt when it is not as it was made."""
        secret = encryption.secret
        kms = self.kms(key_account(encryption.key_id))
        try:
            if not encryption.bucket_key:
                context = context_of(place, encryption.context, False)
                return kms.decrypt(secret, context, encryption.key_id)[0]
            end = 2 + int.from_bytes(secret[:2], "big")
            key, _ = kms.decrypt(secret[2:end], context_of(place, {}, True), encryption.key_id)
            sealed = secret[end:]
            return AESGCM(key).decrypt(sealed[:12], sealed[12:], _bound(place, encryption.context))
        except (KmsIncorrectKey, KmsInvalidCiphertext, InvalidTag, ValueError):
            raise BlobCorrupt(
                f"the wrapped key of {place.arn} does not verify under {encryption.key_id}"
            ) from None

    def _under_bucket_key(
        self, kms: Kms, key: KmsKey, place: Place, context: Mapping[str, str], object_key: bytes
    ) -> bytes:
        held = self._bucket_key(kms, key, place)
        nonce = os.urandom(12)
        sealed = AESGCM(held.key).encrypt(nonce, object_key, _bound(place, context))
        return len(held.wrapped).to_bytes(2, "big") + held.wrapped + nonce + sealed

    def _bucket_key(self, kms: Kms, key: KmsKey, place: Place) -> BucketKey:
        """The bucket's key of now; another one once the KMS key was rotated."""
        name = place.bucket, key.key_id, len(key.materials)
        held = self._bucket_keys.get(name)
        if held is None or held.until < self._now():
            if len(self._bucket_keys) >= KEPT_BUCKET_KEYS:
                self._bucket_keys.clear()
            plain, wrapped, _ = kms.generate(key.key_id, 32, context_of(place, {}, True))
            held = self._bucket_keys[name] = BucketKey(self._now() + BUCKET_KEY_SECONDS, plain, wrapped)
        return held


def context_of(place: Place, context: Mapping[str, str], bucket_key: bool) -> dict[str, str]:
    """The encryption context that the KMS is given: of a bucket's key the bucket's alone."""
    return {ARN: place.bucket_arn} if bucket_key else {**context, ARN: place.arn}


def key_account(arn: str) -> str:
    """The account that an ARN of a key names."""
    return arn.split(":", 5)[4]


def _bound(place: Place, context: Mapping[str, str]) -> bytes:
    return CONTEXT + canonical({**context, ARN: place.arn})
