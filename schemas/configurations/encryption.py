"""Default encryption of a bucket."""

from typing import Literal

from msgspec import field

from schemas.configurations.element import S3Element
from schemas.configurations.kinds import Kind


class DefaultEncryption(S3Element, frozen=True):
    sse_algorithm: Literal["AES256", "aws:kms", "aws:kms:dsse"] = field(name="SSEAlgorithm")
    kms_master_key_id: str | None = field(default=None, name="KMSMasterKeyID")


class BlockedEncryptionTypes(S3Element, frozen=True):
    types: tuple[Literal["NONE", "SSE-C"], ...] = field(default=(), name="EncryptionType")


class EncryptionRule(S3Element, frozen=True):
    apply_server_side_encryption_by_default: DefaultEncryption | None = None
    bucket_key_enabled: bool | None = None
    blocked_encryption_types: BlockedEncryptionTypes | None = None


class EncryptionConfiguration(S3Element, frozen=True):
    rules: tuple[EncryptionRule, ...] = field(default=(), name="Rule")

    def blocks(self, kind: Literal["SSE-C"]) -> bool:
        """Whether new objects may not be encrypted so."""
        blocked = self.rules[0].blocked_encryption_types if self.rules else None
        return blocked is not None and kind in blocked.types


# What every bucket has: its data is encrypted, whatever is configured.
ENCRYPTED = EncryptionConfiguration((EncryptionRule(DefaultEncryption("AES256"), False),))

ENCRYPTION = Kind("encryption", EncryptionConfiguration)
