"""Default encryption. All data is encrypted under a key of its bucket, which is what S3 calls AES256; so that
is what a bucket has that was never configured. Whether a key of the KMS exists shows when it is used."""

from gateway.configurations.resource import delete, get, put
from schemas.configurations.encryption import ENCRYPTED, ENCRYPTION, EncryptionConfiguration
from schemas.errors import InvalidArgument, MalformedXML, NotImplementedOperation


def check(configuration: EncryptionConfiguration) -> None:
    """Raises MalformedXML, InvalidArgument, NotImplementedOperation for two layers (dsse)."""
    if len(configuration.rules) != 1:
        raise MalformedXML()
    default = configuration.rules[0].apply_server_side_encryption_by_default
    if default is None:
        return
    if default.sse_algorithm == "aws:kms:dsse":
        raise NotImplementedOperation(
            f"SSEAlgorithm {default.sse_algorithm} is not implemented: AES256 and aws:kms are."
        )
    if default.sse_algorithm == "AES256" and default.kms_master_key_id is not None:
        raise InvalidArgument(
            "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse",
            ArgumentName="ApplyServerSideEncryptionByDefault",
        )


HANDLERS = {
    "DeleteBucketEncryption": delete(ENCRYPTION),
    "GetBucketEncryption": get(ENCRYPTION, "ServerSideEncryptionConfiguration", ENCRYPTED),
    "PutBucketEncryption": put(ENCRYPTION, "ServerSideEncryptionConfiguration", check),
}
