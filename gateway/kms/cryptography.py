"""Actions that use keys: encrypt, decrypt, data keys, random bytes. Source: AWS KMS API Reference."""

import os
from collections.abc import Mapping

import msgspec

from access import kms_ciphertext
from gateway.kms.call import Action, Answer, Call, Input, TokenInput
from schemas.errors import KmsInvalidCiphertext, KmsNotFound, KmsValidation

ALGORITHM = "SYMMETRIC_DEFAULT"
SPECS = {"AES_256": 32, "AES_128": 16}
RANDOM_LIMIT = 1024  # bytes


class EncryptInput(TokenInput, frozen=True, kw_only=True):
    key_id: str
    plaintext: bytes
    encryption_context: Mapping[str, str] = msgspec.field(default_factory=dict)
    encryption_algorithm: str = ALGORITHM


class DecryptInput(TokenInput, frozen=True, kw_only=True):
    ciphertext_blob: bytes
    encryption_context: Mapping[str, str] = msgspec.field(default_factory=dict)
    key_id: str | None = None
    encryption_algorithm: str = ALGORITHM


class ReEncryptInput(TokenInput, frozen=True, kw_only=True):
    ciphertext_blob: bytes
    destination_key_id: str
    source_encryption_context: Mapping[str, str] = msgspec.field(default_factory=dict)
    source_key_id: str | None = None
    destination_encryption_context: Mapping[str, str] = msgspec.field(default_factory=dict)
    source_encryption_algorithm: str = ALGORITHM
    destination_encryption_algorithm: str = ALGORITHM


class DataKeyInput(TokenInput, frozen=True, kw_only=True):
    key_id: str
    encryption_context: Mapping[str, str] = msgspec.field(default_factory=dict)
    key_spec: str | None = None
    number_of_bytes: int | None = None


class RandomInput(Input, frozen=True):
    number_of_bytes: int


def encrypt(call: Call, asked: EncryptInput) -> Answer:
    _check_algorithms(asked.encryption_algorithm)
    key = call.key(asked.key_id, asked.encryption_context)
    ciphertext, _ = call.kms.encrypt(call.kms.arn(key), asked.plaintext, asked.encryption_context)
    return {
        "CiphertextBlob": ciphertext,
        "KeyId": call.kms.arn(key),
        "EncryptionAlgorithm": ALGORITHM,
    }


def decrypt(call: Call, asked: DecryptInput) -> Answer:
    _check_algorithms(asked.encryption_algorithm)
    plaintext, arn = _opened(call, asked.ciphertext_blob, asked.encryption_context, asked.key_id)
    return {"Plaintext": plaintext, "KeyId": arn, "EncryptionAlgorithm": ALGORITHM}


def re_encrypt(call: Call, asked: ReEncryptInput) -> Answer:
    _check_algorithms(asked.source_encryption_algorithm, asked.destination_encryption_algorithm)
    target = call.key(asked.destination_key_id, asked.destination_encryption_context, "ReEncryptTo")
    plaintext, source = _opened(
        call, asked.ciphertext_blob, asked.source_encryption_context, asked.source_key_id, "ReEncryptFrom"
    )
    arn = call.kms.arn(target)
    ciphertext, _ = call.kms.encrypt(arn, plaintext, asked.destination_encryption_context)
    return {
        "CiphertextBlob": ciphertext,
        "SourceKeyId": source,
        "KeyId": arn,
        "SourceEncryptionAlgorithm": ALGORITHM,
        "DestinationEncryptionAlgorithm": ALGORITHM,
    }


def generate_data_key(call: Call, asked: DataKeyInput) -> Answer:
    arn = call.kms.arn(call.key(asked.key_id, asked.encryption_context))
    plaintext, ciphertext, _ = call.kms.generate(arn, _size(asked), asked.encryption_context)
    return {"CiphertextBlob": ciphertext, "Plaintext": plaintext, "KeyId": arn}


def generate_data_key_without_plaintext(call: Call, asked: DataKeyInput) -> Answer:
    answer = generate_data_key(call, asked)
    del answer["Plaintext"]
    return answer


def generate_random(call: Call, asked: RandomInput) -> Answer:
    return {"Plaintext": os.urandom(_bounded(asked.number_of_bytes))}


def _opened(
    call: Call, ciphertext: bytes, context: Mapping[str, str], name: str | None, action: str = ""
) -> tuple[bytes, str]:
    """Plaintext and the ARN of its key; whether the caller may use that is asked before anything opens."""
    try:
        key = call.kms.keys.get(kms_ciphertext.key_id_of(ciphertext))
    except KmsNotFound:
        raise KmsInvalidCiphertext() from None
    call.check(key, context, action)
    return call.kms.decrypt(ciphertext, context, name)[0], call.kms.arn(key)


def _size(asked: DataKeyInput) -> int:
    if (asked.key_spec is None) == (asked.number_of_bytes is None):
        raise KmsValidation("Please specify either number of bytes or key spec.")
    if asked.number_of_bytes is not None:
        return _bounded(asked.number_of_bytes)
    size = SPECS.get(asked.key_spec or "")
    if size is None:
        raise KmsValidation(f"KeySpec is {asked.key_spec!r}; it is one of {', '.join(SPECS)}.")
    return size


def _bounded(size: int) -> int:
    if not 1 <= size <= RANDOM_LIMIT:
        raise KmsValidation(f"NumberOfBytes is {size}; it is between 1 and {RANDOM_LIMIT}.")
    return size


def _check_algorithms(*names: str) -> None:
    for name in names:
        if name != ALGORITHM:
            raise KmsValidation(f"EncryptionAlgorithm is {name!r}; keys here are for {ALGORITHM}.")


ACTIONS = {
    "Decrypt": Action(DecryptInput, decrypt),
    "Encrypt": Action(EncryptInput, encrypt),
    "GenerateDataKey": Action(DataKeyInput, generate_data_key),
    "GenerateDataKeyWithoutPlaintext": Action(DataKeyInput, generate_data_key_without_plaintext),
    "GenerateRandom": Action(RandomInput, generate_random, of_account=True),
    "ReEncrypt": Action(ReEncryptInput, re_encrypt),
}
