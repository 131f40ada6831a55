"""Domain errors: one per thing that can go wrong, without HTTP. `gateway/errors.py` maps them to S3 codes.

Each message tells the user what was wrong, with the offending value, and what would be right.
"""


class StrandlineError(Exception):
    """Base of everything raised on purpose. `details` are extra elements of an S3 error answer."""

    def __init__(self, message: str = "", **details: str) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


# --- the log -----------------------------------------------------------------------------------------
class LogError(StrandlineError):
    """Something about the log itself."""


class LogCorrupt(LogError):
    """A batch that was once durable does not check: named by file and byte position."""


class LogBroken(LogError):
    """A write failed in a way that leaves its effect unknown; the log must be opened anew."""


class StorageFull(StrandlineError):
    """The device (log, index or blobs) is full; nothing was changed."""


class OffsetOutOfRange(LogError):
    """The offset lies below the start of the log or beyond its end."""


class LogUnavailable(LogError):
    """The event was certainly not appended (queue full, log broken, shutting down): try again."""


class PartitionLost(LogError):
    """Another worker has taken the partition over: what this one was doing there is the other's now."""


class SubmitTimeout(LogError):
    """No receipt in time: the outcome is unknown."""


# --- stored bytes ------------------------------------------------------------------------------------
class BlobMissing(StrandlineError):
    """A blob that a manifest names is not where it should be."""


class BlobCorrupt(StrandlineError):
    """Stored bytes do not match their checksum: named by file and position, never served."""


class KeyMissing(StrandlineError):
    """The bucket key or master key that protects the data is not in the key store."""


class IndexCorrupt(StrandlineError):
    """A row of the index does not match its checksum."""


class RequestTimeout(StrandlineError):
    """The client stopped sending in the middle of the body, or took too long for all of it."""


# --- who and what ------------------------------------------------------------------------------------
class RateLimited(StrandlineError):
    """The caller, its account or the bucket has no more requests or bytes for now. Detail retry_after: in how
    many seconds it has."""


class QuotaExceeded(StrandlineError):
    """The write would leave more in the bucket, or in its owner's buckets, than their quota allows."""


class AccessDenied(StrandlineError):
    """The caller may not do this."""


class SignatureDoesNotMatch(AccessDenied):
    """The signature was computed with another secret or over another request."""


class InvalidAccessKeyId(AccessDenied):
    """No such access key."""


class WrongCustomerKey(AccessDenied):
    """The key that the client sent (SSE-C) is not the one that the object was stored with."""


class KmsError(StrandlineError):
    """The KMS refuses; each kind is an exception of AWS KMS."""


class KmsNotFound(KmsError):
    """No such key or alias."""


class KmsDisabled(KmsError):
    """The key is disabled: neither encrypts nor decrypts."""


class KmsInvalidState(KmsError):
    """The key is about to be deleted, or is not and should be."""


class KmsInvalidCiphertext(KmsError):
    """Not what this KMS encrypted, or under another encryption context."""


class KmsIncorrectKey(KmsError):
    """The ciphertext is under another key than the one named."""


class KmsAlreadyExists(KmsError):
    """The alias is taken."""


class KmsInvalidAlias(KmsError):
    """No name for an alias."""


class KmsInvalidArn(KmsError):
    """Not the ARN of a principal."""


class KmsInvalidGrantToken(KmsError):
    """A grant token that names no grant."""


class KmsValidation(KmsError):
    """A parameter is out of its bounds."""


class RequestTimeTooSkewed(AccessDenied):
    """The client's clock and ours differ by more than 15 minutes."""


class ExpiredRequest(AccessDenied):
    """A presigned URL past its expiry."""


class MissingSecurityHeader(AccessDenied):
    """A header that the signature needs is missing."""


class AuthorizationHeaderMalformed(AccessDenied):
    """The Authorization header cannot be read, or names another region or service."""


class AuthorizationQueryParametersError(AccessDenied):
    """The X-Amz-… query parameters of a presigned URL cannot be read."""


class InvalidToken(AccessDenied):
    """A session or bearer token that is malformed, unknown or expired."""


class ExpiredToken(InvalidToken):
    """A session token past its end."""


class MissingAuthentication(AccessDenied):
    """Nothing in the request says who sent it, where that is needed."""


# --- identities --------------------------------------------------------------------------------------
class IdentityError(StrandlineError):
    """Something about accounts and what is in them."""


class NoSuchEntity(IdentityError):
    """No such account, user, group, role, policy or access key."""


class EntityAlreadyExists(IdentityError):
    """The name is taken."""


class DeleteConflict(IdentityError):
    """What is to be deleted has something attached to it, or is attached to something."""


class IdentitiesChanged(IdentityError):
    """Something in the account was changed at the same time: try again."""


class LimitExceeded(IdentityError):
    """There may not be more of these."""


class InvalidInput(IdentityError):
    """A parameter of an identity action has a value that is not allowed."""


class DuplicateTags(InvalidInput):
    """Two tags whose names differ by their case at most."""


class InvalidProvider(IdentityError):
    """A list of an OpenID Connect provider that is not allowed."""


class InvalidSimulation(IdentityError):
    """A simulation of policies that cannot be carried out as it is asked for."""


class MalformedPolicyDocument(IdentityError):
    """An identity's policy does not follow the policy language."""


class PackedPolicyTooLarge(IdentityError):
    """Session policies and tags that make too long a token."""


class InvalidIdentityToken(IdentityError):
    """A token of an OpenID Connect provider that does not hold."""


class ExpiredIdentityToken(IdentityError):
    """A token of an OpenID Connect provider whose time is over."""


class IdentityClaimRejected(IdentityError):
    """A token of an OpenID Connect provider says something that cannot be gone by, as that it holds later."""


class IssuerUnreachable(IdentityError):
    """The issuer of a token could not be asked for its keys."""


class UnknownAction(IdentityError):
    """No such action of IAM or STS."""


# --- requests ----------------------------------------------------------------------------------------
class InvalidArgument(StrandlineError):
    """An argument has a value that is not allowed."""


class InvalidEncryptionAlgorithm(InvalidArgument):
    """The algorithm asked for with a customer's key is not AES256."""


class InvalidRequest(StrandlineError):
    """The request is self-contradictory or misses something it needs."""


class InvalidURI(StrandlineError):
    """The request's path cannot be read."""


class KeyTooLong(StrandlineError):
    """A key of more than 1,024 bytes."""


class MissingRequestBody(StrandlineError):
    """An XML document is required, and the body is empty."""


class MessageTooLong(StrandlineError):
    """An XML body of more bytes than the operation takes."""


class MalformedXML(StrandlineError):
    """The XML body is not well formed or does not follow the schema."""


class InvalidPolicyDocument(StrandlineError):
    """The policy of an upload form cannot be read."""


class MalformedForm(StrandlineError):
    """An upload form that is not well-formed multipart/form-data."""


class NotMultipartForm(StrandlineError):
    """An upload form in another encoding than multipart/form-data."""


class FormTooLarge(StrandlineError):
    """More than 20 KiB of fields before the file of an upload form."""


class WrongNumberOfFiles(StrandlineError):
    """An upload form without a file."""


class MetadataTooLarge(StrandlineError):
    """User metadata of more than 2 KiB."""


class RequestHeaderTooLarge(StrandlineError):
    """Headers of more than 8 KiB altogether, or too many of them."""


class InvalidDigest(StrandlineError):
    """Content-MD5 or a checksum header is not base64 of the right length."""


class BadDigest(StrandlineError):
    """The body does not match its Content-MD5 or checksum."""


class ContentSHA256Mismatch(StrandlineError):
    """The body does not match x-amz-content-sha256."""


class IncompleteBody(StrandlineError):
    """The body is not as long as announced, or its chunks are not framed as they have to be."""


class InvalidChunkSize(StrandlineError):
    """A signed aws-chunked body has a chunk that is too small and not the last."""


class MalformedTrailer(StrandlineError):
    """The trailing headers of an aws-chunked body are no headers, or not those announced."""


class MissingContentLength(StrandlineError):
    """A write without Content-Length."""


class EntityTooLarge(StrandlineError):
    """A body beyond the limit of the operation."""


class EntityTooSmall(StrandlineError):
    """A part, other than the last, under 5 MiB."""


class InvalidPart(StrandlineError):
    """A part named in Complete does not exist or has another ETag or checksum."""


class InvalidPartOrder(StrandlineError):
    """The parts named in Complete are not in ascending order."""


class InvalidPartNumber(StrandlineError):
    """A GET names a part number that the object does not have."""


class InvalidRange(StrandlineError):
    """No byte of the object lies in the range."""


class InvalidStorageClass(StrandlineError):
    """An unknown storage class."""


class InvalidObjectState(StrandlineError):
    """An archived object that is not restored, or a restore of one that is not archived."""


class SourceArchived(StrandlineError):
    """The source of a copy is archived and not restored."""


class InvalidRedirectLocation(StrandlineError):
    """A website redirect that leads nowhere."""


class InvalidTag(StrandlineError):
    """A tag that breaks the rules."""


class TooManyTags(StrandlineError):
    """More tags than an object or a bucket can have."""


class PreconditionFailed(StrandlineError):
    """If-Match, If-None-Match, If-(Un)Modified-Since or their copy forms do not hold."""


class NotModified(StrandlineError):
    """A conditional read whose object did not change."""


class ConditionalRequestConflict(StrandlineError):
    """A conditional write met a concurrent one."""


class MethodNotAllowed(StrandlineError):
    """The method is not allowed on this resource (GET of a delete marker by version …)."""


class NotImplementedOperation(StrandlineError):
    """An operation or header that is not built yet."""


class ServiceUnavailable(StrandlineError):
    """A backend is slow or away: try again (503 SlowDown)."""


# --- names -------------------------------------------------------------------------------------------
class InvalidBucketName(StrandlineError):
    """A bucket name that breaks the naming rules."""


class NoSuchBucket(StrandlineError):
    """The bucket does not exist."""


class BucketAlreadyExists(StrandlineError):
    """The name is taken by another owner."""


class BucketAlreadyOwnedByYou(StrandlineError):
    """The caller already has a bucket of that name."""


class BucketNotEmpty(StrandlineError):
    """A bucket that still holds versions cannot be deleted."""


class InvalidBucketState(StrandlineError):
    """The bucket's configuration does not allow this."""


class InvalidLocationConstraint(StrandlineError):
    """The region named in CreateBucket is not this one."""


class NoSuchKey(StrandlineError):
    """The key does not exist. `details` may carry delete_marker and version_id."""


class NoSuchVersion(StrandlineError):
    """The version does not exist."""


class NoSuchUpload(StrandlineError):
    """The multipart upload does not exist, was completed or aborted."""


# --- configurations of buckets -----------------------------------------------------------------------
class AccessControlListNotSupported(StrandlineError):
    """ACLs are disabled: the bucket's owner owns every object in it."""


class AccessForbidden(StrandlineError):
    """A preflight request that no CORS rule allows."""


class BadRequest(StrandlineError):
    """A preflight request that lacks what it needs."""


class ConfigurationTooLarge(StrandlineError):
    """A configuration of more bytes than an event holds."""


class InvalidBucketAclWithBlockPublicAccess(StrandlineError):
    """A bucket is to be made public, and public ACLs are blocked in new buckets."""


class InvalidBucketAclWithObjectOwnership(StrandlineError):
    """ACLs are to be disabled, and the bucket's ACL grants something to others."""


class InvalidTargetBucketForLogging(StrandlineError):
    """Access logs cannot be delivered to that bucket."""


class MalformedACLError(StrandlineError):
    """An ACL that does not follow the schema."""


class MalformedPolicy(StrandlineError):
    """A bucket policy that is not one; the message says why."""


class NoSuchBucketPolicy(StrandlineError):
    """The bucket has no policy."""


class NoSuchConfiguration(StrandlineError):
    """The bucket has no analytics, metrics, inventory or tiering configuration of that id."""


class NoSuchCORSConfiguration(StrandlineError):
    """The bucket has no CORS configuration."""


class NoSuchGrant(StrandlineError):
    """The bucket has no grant of that id, or it has ended."""


class NoSuchLink(StrandlineError):
    """No link of that id in that bucket."""


class NoSuchLifecycleConfiguration(StrandlineError):
    """The bucket has no lifecycle configuration."""


class NoSuchPublicAccessBlock(StrandlineError):
    """The bucket has no public access block."""


class NoSuchReplicationConfiguration(StrandlineError):
    """The bucket has no replication configuration."""


class NoSuchTagSet(StrandlineError):
    """The bucket has no tags."""


class NoSuchWebsiteConfiguration(StrandlineError):
    """The bucket has no website configuration."""


class NoSuchObjectLockConfiguration(StrandlineError):
    """The version has no retention or legal hold."""


class ObjectLockConfigurationNotFound(StrandlineError):
    """The bucket has no Object Lock."""


class ObjectLocked(AccessDenied):
    """Retention or a legal hold is in the way."""


class OperationAborted(StrandlineError):
    """The bucket was changed by somebody else at the same moment."""


class OwnershipControlsNotFound(StrandlineError):
    """The bucket has no ownership controls."""


class SelectRefused(StrandlineError):
    """A query over an object, or its input or output, that cannot be answered. `code` is S3's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class TooManyConfigurations(StrandlineError):
    """The bucket has as many configurations of that kind as it may have."""


class UnexpectedContent(StrandlineError):
    """A body where the headers say everything."""


class UnresolvableGrantByEmailAddress(StrandlineError):
    """A grant to somebody by an e-mail address that no account has."""


# --- this program's own --------------------------------------------------------------------------------
class ConfigurationError(StrandlineError):
    """A setting, flag or file that cannot be used: told in one line, with a non-zero exit."""
