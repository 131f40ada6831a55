"""The local KMS: makes keys, and encrypts and decrypts with them. Source: AWS KMS API Reference.

Keys are named by id, by ARN, by alias or by the alias's ARN.
"""

import contextlib
import os
import re
import secrets
import uuid
from collections.abc import Mapping

import msgspec

from access import kms_ciphertext
from access.kms_keys import KmsKey, KmsKeys, Material
from schemas.errors import (
    KmsAlreadyExists,
    KmsDisabled,
    KmsIncorrectKey,
    KmsInvalidAlias,
    KmsInvalidState,
    KmsNotFound,
    KmsValidation,
)

PLAINTEXT_LIMIT = 4096  # bytes that Encrypt takes
MATERIAL_BYTES = 32
DAY = 86_400_000  # milliseconds
WINDOW_DAYS = range(7, 31)  # that a deletion waits
DEFAULT_ROTATION_DAYS = 365
S3_ALIAS = "alias/aws/s3"

_is_alias = re.compile(r"alias/[a-zA-Z0-9/_-]{1,250}").fullmatch


class Kms:
    """The KMS as one account sees it. Raises KmsError in one of its kinds for what AWS KMS refuses.

    region, account  what ARNs are made of; a name without them is one of this account
    """

    __slots__ = ("_region", "account", "keys")

    def __init__(self, keys: KmsKeys, region: str, account: str) -> None:
        self.keys, self._region, self.account = keys, region, account

    # --- names -------------------------------------------------------------------------------------------
    def arn(self, key: KmsKey) -> str:
        return f"arn:aws:kms:{self._region}:{key.account}:key/{key.key_id}"

    def alias_arn(self, alias: str) -> str:
        return f"arn:aws:kms:{self._region}:{self.account}:{alias}"

    def find(self, name: str) -> KmsKey:
        """The key of an id, alias or ARN; only an ARN names one of another account. Raises KmsNotFound."""
        account, resource = self.account, name
        if name.startswith("arn:"):
            account, resource = self._of_arn(name)
        if resource.startswith("alias/"):
            key_id = self.keys.aliases().get(f"{account}:{resource}")
            if key_id is None:
                raise KmsNotFound(f"Alias arn:aws:kms:{self._region}:{account}:{resource} is not found.")
        else:
            key_id = resource.removeprefix("key/") if name.startswith("arn:") else resource
        missing = KmsNotFound(f"Key 'arn:aws:kms:{self._region}:{account}:key/{key_id}' does not exist")
        try:
            key = self.keys.get(key_id)
        except KmsNotFound:
            raise missing from None
        if key.account != account:
            raise missing
        return self._rotated_in_time(key)

    def _of_arn(self, arn: str) -> tuple[str, str]:
        """Account and resource that an ARN names."""
        parts = arn.split(":", 5)
        if len(parts) != 6 or parts[:3] != ["arn", "aws", "kms"]:
            raise KmsNotFound(f"Invalid arn {arn}")
        if parts[3] != self._region:
            raise KmsNotFound(f"Invalid arn {parts[3]}: keys here are of the region {self._region}")
        return parts[4], parts[5]

    def all_keys(self) -> list[KmsKey]:
        """The account's keys in order of their ids."""
        found = []
        for key_id in self.keys.ids():
            with contextlib.suppress(KmsNotFound):
                key = self.keys.get(key_id)
                if key.account == self.account:
                    found.append(key)
        return found

    def aliases(self) -> list[tuple[str, str]]:
        """The account's aliases with the ids of their keys, in order."""
        prefix = f"{self.account}:"
        return sorted(
            (name.removeprefix(prefix), key_id)
            for name, key_id in self.keys.aliases().items()
            if name.startswith(prefix)
        )

    def usable(self, name: str) -> KmsKey:
        """As `find`, for encrypting and decrypting. Raises KmsDisabled, KmsInvalidState (to be deleted)."""
        return self.check_usable(self.find(name))

    def check_usable(self, key: KmsKey) -> KmsKey:
        """The key, if it encrypts and decrypts. Raises as `usable`."""
        self._check_pending(key)
        if not key.enabled:
            raise KmsDisabled(f"{self.arn(key)} is disabled.")
        return key

    def _check_pending(self, key: KmsKey) -> None:
        if key.deletion_at:
            raise KmsInvalidState(f"{self.arn(key)} is pending deletion.")

    # --- using keys --------------------------------------------------------------------------------------
    def encrypt(self, name: str, plaintext: bytes, context: Mapping[str, str]) -> tuple[bytes, KmsKey]:
        """The ciphertext and its key. Raises KmsValidation for more than PLAINTEXT_LIMIT bytes."""
        if not 1 <= len(plaintext) <= PLAINTEXT_LIMIT:
            raise KmsValidation(
                "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must "
                f"have length between 1 and {PLAINTEXT_LIMIT}, not {len(plaintext)}"
            )
        key = self.usable(name)
        return kms_ciphertext.encrypt(key, plaintext, context), key

    def decrypt(
        self, ciphertext: bytes, context: Mapping[str, str], name: str | None = None
    ) -> tuple[bytes, KmsKey]:
        """The plaintext and its key. `name`: the key it must be under, else KmsIncorrectKey is raised."""
        key_id = kms_ciphertext.key_id_of(ciphertext)
        if name is not None and self.find(name).key_id != key_id:
            raise KmsIncorrectKey()
        key = self.check_usable(self.keys.get(key_id))
        return kms_ciphertext.decrypt(key, ciphertext, context), key

    def generate(self, name: str, size: int, context: Mapping[str, str]) -> tuple[bytes, bytes, KmsKey]:
        """A fresh data key of so many bytes: as it is, encrypted, and the key it is under."""
        data_key = os.urandom(size)
        ciphertext, key = self.encrypt(name, data_key, context)
        return data_key, ciphertext, key

    # --- making and changing keys ------------------------------------------------------------------------
    def create(
        self,
        description: str = "",
        tags: Mapping[str, str] | None = None,
        manager: str = "CUSTOMER",
    ) -> KmsKey:
        key = self.draft(description, tags, manager)
        self.keys.add(key)
        return key

    def draft(
        self,
        description: str = "",
        tags: Mapping[str, str] | None = None,
        manager: str = "CUSTOMER",
        policy: str = "",
    ) -> KmsKey:
        """A key that is not kept yet."""
        moment = self._now()
        return KmsKey(
            str(uuid.uuid4()), self.account, moment, (self._material(moment),), description,
            policy=policy, tags=dict(tags or {}), manager=manager,
        )  # fmt: skip

    def key_of_s3(self) -> KmsKey:
        """The key that S3 uses unless another is named; made when it is first needed."""
        if f"{self.account}:{S3_ALIAS}" not in self.keys.aliases():
            key = self.create(
                "Default key that protects my S3 objects when no other key is defined", manager="AWS"
            )
            with self.keys.changing_aliases() as aliases:
                first = aliases.setdefault(f"{self.account}:{S3_ALIAS}", key.key_id)
            if first != key.key_id:
                self.keys.remove(key.key_id)  # another process was faster
        return self.find(S3_ALIAS)

    def rotate(self, name: str) -> KmsKey:
        """New bytes for what comes; what was encrypted stays readable."""

        def rotated(key: KmsKey) -> KmsKey:
            self.check_usable(key)
            material = self._material(self._now(), on_demand=True)
            return msgspec.structs.replace(key, materials=(*key.materials, material))

        return self.keys.change(self.find(name).key_id, rotated)

    def _rotated_in_time(self, key: KmsKey) -> KmsKey:
        """The key, rotated first when that is due."""
        if not key.rotation_days or key.deletion_at or not key.enabled or not self._is_due(key):
            return key

        def rotated(found: KmsKey) -> KmsKey:
            if not self._is_due(found):
                return found  # another process was faster
            return msgspec.structs.replace(found, materials=(*found.materials, self._material(self._now())))

        return self.keys.change(key.key_id, rotated)

    def next_rotation(self, key: KmsKey) -> int:
        """When a key rotates on its own, Unix milliseconds; 0: never."""
        if not key.rotation_days:
            return 0
        last = max(material.created_at for material in key.materials if not material.on_demand)
        return last + key.rotation_days * DAY

    def _is_due(self, key: KmsKey) -> bool:
        return 0 < self.next_rotation(key) <= self._now()

    def set_enabled(self, name: str, enabled: bool) -> KmsKey:
        def switched(key: KmsKey) -> KmsKey:
            self._check_pending(key)
            return msgspec.structs.replace(key, enabled=enabled)

        return self.keys.change(self.find(name).key_id, switched)

    def set_rotation(self, name: str, days: int) -> KmsKey:
        """Rotate every so many days (90 to 2560), 0: never."""
        if days and not 90 <= days <= 2560:
            raise KmsValidation(f"RotationPeriodInDays is {days}; it is between 90 and 2560.")

        def changed(key: KmsKey) -> KmsKey:
            self._check_pending(key)
            return msgspec.structs.replace(key, rotation_days=days)

        return self.keys.change(self.find(name).key_id, changed)

    def update(self, name: str, **fields: object) -> KmsKey:
        """Change fields of a key that decide nothing about its use (description, policy, tags, grants)."""
        key_id = self.find(name).key_id
        return self.keys.change(key_id, lambda key: msgspec.structs.replace(key, **fields))

    def schedule_deletion(self, name: str, days: int) -> KmsKey:
        """Erase the key after so many days (7 to 30); until then it is of no use, and the deletion can be
        cancelled."""
        if days not in WINDOW_DAYS:
            raise KmsValidation(f"PendingWindowInDays is {days}; it is between 7 and 30.")

        def scheduled(key: KmsKey) -> KmsKey:
            self._check_pending(key)
            return msgspec.structs.replace(key, enabled=False, deletion_at=self._now() + days * DAY)

        return self.keys.change(self.find(name).key_id, scheduled)

    def cancel_deletion(self, name: str) -> KmsKey:
        """Keep the key, disabled."""

        def kept(key: KmsKey) -> KmsKey:
            if not key.deletion_at:
                raise KmsInvalidState(f"{self.arn(key)} is not pending deletion.")
            return msgspec.structs.replace(key, deletion_at=0)

        return self.keys.change(self.find(name).key_id, kept)

    # --- aliases -----------------------------------------------------------------------------------------
    def check_new_alias(self, alias: str) -> None:
        """Raises KmsInvalidAlias, KmsAlreadyExists."""
        self._check_alias(alias)
        if f"{self.account}:{alias}" in self.keys.aliases():
            raise KmsAlreadyExists(f"An alias with the name {self.alias_arn(alias)} already exists")

    def create_alias(self, alias: str, name: str) -> None:
        self._check_alias(alias)
        key = self.find(name)
        self._check_pending(key)
        with self.keys.changing_aliases() as aliases:
            if f"{self.account}:{alias}" in aliases:
                raise KmsAlreadyExists(f"An alias with the name {self.alias_arn(alias)} already exists")
            aliases[f"{self.account}:{alias}"] = key.key_id

    def update_alias(self, alias: str, name: str) -> None:
        self._check_alias(alias)
        key = self.find(name)
        self._check_pending(key)
        with self.keys.changing_aliases() as aliases:
            if f"{self.account}:{alias}" not in aliases:
                raise KmsNotFound(f"Alias {self.alias_arn(alias)} is not found.")
            aliases[f"{self.account}:{alias}"] = key.key_id

    def delete_alias(self, alias: str) -> None:
        self._check_alias(alias)
        with self.keys.changing_aliases() as aliases:
            if aliases.pop(f"{self.account}:{alias}", None) is None:
                raise KmsNotFound(f"Alias {self.alias_arn(alias)} is not found.")

    def _check_alias(self, alias: str) -> None:
        if not _is_alias(alias) or alias.startswith("alias/aws/"):
            raise KmsInvalidAlias(
                f"{alias!r} is no name for an alias: alias/ and then letters, digits, / _ -, not aws/ first"
            )

    def _material(self, moment: int, on_demand: bool = False) -> Material:
        return Material(secrets.token_bytes(MATERIAL_BYTES), moment, on_demand)

    def _now(self) -> int:
        return int(self.keys.now() * 1000)
