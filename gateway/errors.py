"""The one table from domain errors to S3: code, HTTP status, and AWS's wording where the error has none.

A test proves it complete over `schemas.errors`. What a client cannot mend (a corrupt blob, a broken log)
is InternalError: its own message goes to the log, not to the client.
"""

from typing import NamedTuple

from schemas import errors


class S3Error(NamedTuple):
    """How an error looks on the wire. `hidden`: the error's own message is for the operator only."""

    code: str
    status: int
    message: str
    hidden: bool = False


INTERNAL = S3Error("InternalError", 500, "We encountered an internal error. Please try again.", True)
SLOW_DOWN = S3Error("SlowDown", 503, "Please reduce your request rate.", True)
DRAINING = S3Error("ServiceUnavailable", 503, "The server is shutting down. Please try again.")

TABLE: dict[type[errors.StrandlineError], S3Error] = {
    errors.StrandlineError: INTERNAL,
    # the log
    errors.LogError: INTERNAL,
    errors.LogCorrupt: INTERNAL,
    errors.LogBroken: INTERNAL,
    errors.OffsetOutOfRange: INTERNAL,
    errors.PartitionLost: INTERNAL,
    errors.LogUnavailable: SLOW_DOWN,
    errors.SubmitTimeout: SLOW_DOWN,
    # 507 is what clients do not try again at once: a full disk does not empty itself in seconds.
    errors.StorageFull: S3Error(
        "InsufficientStorage", 507, "There is not enough storage to complete this request.", True
    ),
    # stored bytes
    errors.BlobMissing: INTERNAL,
    errors.BlobCorrupt: INTERNAL,
    errors.KeyMissing: INTERNAL,
    errors.IndexCorrupt: INTERNAL,
    errors.ConfigurationError: INTERNAL,
    errors.RequestTimeout: S3Error(
        "RequestTimeout",
        400,
        "Your socket connection to the server was not read from or written to within the timeout period. "
        "Idle connections will be closed.",
    ),
    # who and what
    # As Ceph's object gateway has it (ERR_QUOTA_EXCEEDED): S3 itself has no quotas.
    errors.QuotaExceeded: S3Error("QuotaExceeded", 403, "The quota of the bucket or account is exceeded."),
    errors.RateLimited: S3Error("SlowDown", 503, "Please reduce your request rate."),
    errors.AccessDenied: S3Error("AccessDenied", 403, "Access Denied"),
    errors.SignatureDoesNotMatch: S3Error(
        "SignatureDoesNotMatch",
        403,
        "The request signature we calculated does not match the signature you provided. Check your key and "
        "signing method.",
    ),
    errors.InvalidAccessKeyId: S3Error(
        "InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records."
    ),
    errors.MissingAuthentication: S3Error(
        "MissingAuthenticationToken", 403, "Request is missing Authentication Token"
    ),
    errors.WrongCustomerKey: S3Error(
        "AccessDenied",
        403,
        "Requests specifying Server Side Encryption with Customer provided keys must provide the correct "
        "secret key.",
    ),
    # of the KMS; its own API leaves the first word away
    errors.KmsError: S3Error("KMS.InternalException", 400, "The KMS failed."),
    errors.KmsNotFound: S3Error("KMS.NotFoundException", 400, "The key does not exist."),
    errors.KmsDisabled: S3Error("KMS.DisabledException", 400, "The key is disabled."),
    errors.KmsInvalidState: S3Error(
        "KMS.KMSInvalidStateException", 400, "The key is not in a state that allows this."
    ),
    errors.KmsInvalidCiphertext: S3Error(
        "KMS.InvalidCiphertextException",
        400,
        "The ciphertext refers to a key that does not exist, or is damaged.",
    ),
    errors.KmsIncorrectKey: S3Error(
        "KMS.IncorrectKeyException",
        400,
        "The key ID in the request does not identify a CMK that can perform this operation.",
    ),
    errors.KmsAlreadyExists: S3Error("KMS.AlreadyExistsException", 400, "The alias already exists."),
    errors.KmsInvalidAlias: S3Error("KMS.InvalidAliasNameException", 400, "The alias name is not valid."),
    errors.KmsInvalidArn: S3Error("KMS.InvalidArnException", 400, "The ARN is not valid."),
    errors.KmsInvalidGrantToken: S3Error(
        "KMS.InvalidGrantTokenException", 400, "The grant token is not valid."
    ),
    errors.KmsValidation: S3Error("KMS.ValidationException", 400, "A parameter is not valid."),
    errors.RequestTimeTooSkewed: S3Error(
        "RequestTimeTooSkewed",
        403,
        "The difference between the request time and the current time is too large.",
    ),
    errors.ExpiredRequest: S3Error("AccessDenied", 403, "Request has expired"),
    errors.MissingSecurityHeader: S3Error(
        "MissingSecurityHeader", 400, "Your request was missing a required header."
    ),
    errors.AuthorizationHeaderMalformed: S3Error(
        "AuthorizationHeaderMalformed", 400, "The authorization header you provided is invalid."
    ),
    errors.AuthorizationQueryParametersError: S3Error(
        "AuthorizationQueryParametersError", 400, "Error parsing the X-Amz-Credential parameter"
    ),
    errors.ExpiredToken: S3Error("ExpiredToken", 400, "The provided token has expired."),
    errors.MissingAuthentication: S3Error(
        "MissingAuthenticationToken", 403, "Request is missing Authentication Token"
    ),
    errors.IdentityError: INTERNAL,
    errors.NoSuchEntity: S3Error("NoSuchEntity", 404, "The entity cannot be found."),
    errors.EntityAlreadyExists: S3Error("EntityAlreadyExists", 409, "The entity exists already."),
    errors.DeleteConflict: S3Error("DeleteConflict", 409, "Cannot delete entity, it is in use."),
    errors.IdentitiesChanged: S3Error(
        "ConcurrentModification", 409, "The account was changed at the same time. Please try again."
    ),
    errors.LimitExceeded: S3Error("LimitExceeded", 409, "A limit of the account is exceeded."),
    errors.InvalidInput: S3Error("ValidationError", 400, "A parameter has a value that is not allowed."),
    errors.DuplicateTags: S3Error(
        "InvalidInput", 400, "Duplicate tag keys found. Please note that Tag keys are case insensitive."
    ),
    errors.InvalidProvider: S3Error("InvalidInput", 400, "The provider cannot be as it is asked for."),
    errors.InvalidSimulation: S3Error("InvalidInput", 400, "The simulation cannot be carried out as it is."),
    errors.MalformedPolicyDocument: S3Error("MalformedPolicyDocument", 400, "Syntax errors in policy."),
    errors.PackedPolicyTooLarge: S3Error(
        "PackedPolicyTooLarge", 400, "Session policies and tags are too large together."
    ),
    errors.InvalidIdentityToken: S3Error("InvalidIdentityToken", 400, "The token cannot be used."),
    errors.ExpiredIdentityToken: S3Error("ExpiredTokenException", 400, "Token expired."),
    errors.IdentityClaimRejected: S3Error("IDPRejectedClaim", 403, "A claim of the token is invalid."),
    errors.IssuerUnreachable: S3Error(
        "IDPCommunicationError", 400, "The identity provider could not be reached. Please try again."
    ),
    errors.UnknownAction: S3Error("InvalidAction", 400, "There is no such action."),
    errors.InvalidToken: S3Error(
        "InvalidToken", 400, "The provided token is malformed or otherwise invalid."
    ),
    # requests
    errors.InvalidArgument: S3Error("InvalidArgument", 400, "Invalid Argument"),
    errors.InvalidEncryptionAlgorithm: S3Error(
        "InvalidEncryptionAlgorithmError",
        400,
        "The Encryption request you specified is not valid. Supported value: AES256.",
    ),
    errors.InvalidRequest: S3Error("InvalidRequest", 400, "Invalid Request"),
    errors.InvalidURI: S3Error("InvalidURI", 400, "Couldn't parse the specified URI."),
    errors.KeyTooLong: S3Error("KeyTooLongError", 400, "Your key is too long"),
    errors.MalformedXML: S3Error(
        "MalformedXML",
        400,
        "The XML you provided was not well-formed or did not validate against our published schema",
    ),
    errors.MissingRequestBody: S3Error("MissingRequestBodyError", 400, "Request body is empty"),
    errors.MessageTooLong: S3Error("MaxMessageLengthExceeded", 400, "Your request was too large."),
    errors.InvalidPolicyDocument: S3Error(
        "InvalidPolicyDocument",
        400,
        "The content of the form does not meet the conditions specified in the policy document.",
    ),
    errors.MalformedForm: S3Error(
        "MalformedPOSTRequest", 400, "The body of your POST request is not well-formed multipart/form-data."
    ),
    errors.NotMultipartForm: S3Error(
        "RequestIsNotMultiPartContent", 400, "Bucket POST must be of the enclosure-type multipart/form-data."
    ),
    errors.FormTooLarge: S3Error(
        "MaxPostPreDataLengthExceededError",
        400,
        "Your POST request fields preceding the upload file were too large.",
    ),
    errors.WrongNumberOfFiles: S3Error(
        "IncorrectNumberOfFilesInPostRequest", 400, "POST requires exactly one file upload per request."
    ),
    errors.MetadataTooLarge: S3Error(
        "MetadataTooLarge", 400, "Your metadata headers exceed the maximum allowed metadata size"
    ),
    errors.RequestHeaderTooLarge: S3Error(
        "RequestHeaderSectionTooLarge",
        400,
        "Your request header section exceeds the maximum allowed request header section size",
    ),
    errors.InvalidDigest: S3Error("InvalidDigest", 400, "The Content-MD5 you specified was invalid."),
    errors.BadDigest: S3Error(
        "BadDigest", 400, "The Content-MD5 you specified did not match what we received."
    ),
    errors.ContentSHA256Mismatch: S3Error(
        "XAmzContentSHA256Mismatch",
        400,
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
    ),
    errors.IncompleteBody: S3Error(
        "IncompleteBody",
        400,
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    ),
    errors.InvalidChunkSize: S3Error(
        "InvalidChunkSizeError", 400, "Only the last chunk is allowed to have a size less than 8192 bytes"
    ),
    errors.MalformedTrailer: S3Error(
        "MalformedTrailerError",
        400,
        "The request contained trailing data that was not well-formed or did not conform to our published "
        "schema.",
    ),
    errors.MissingContentLength: S3Error(
        "MissingContentLength", 411, "You must provide the Content-Length HTTP header."
    ),
    errors.EntityTooLarge: S3Error(
        "EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed size"
    ),
    errors.EntityTooSmall: S3Error(
        "EntityTooSmall", 400, "Your proposed upload is smaller than the minimum allowed size"
    ),
    errors.InvalidPart: S3Error(
        "InvalidPart",
        400,
        "One or more of the specified parts could not be found.  The part may not have been uploaded, or "
        "the specified entity tag may not match the part's entity tag.",
    ),
    errors.InvalidPartOrder: S3Error(
        "InvalidPartOrder",
        400,
        "The list of parts was not in ascending order. Parts must be ordered by part number.",
    ),
    errors.InvalidPartNumber: S3Error(
        "InvalidPartNumber", 416, "The requested partnumber is not satisfiable"
    ),
    errors.InvalidRange: S3Error("InvalidRange", 416, "The requested range is not satisfiable"),
    errors.InvalidStorageClass: S3Error(
        "InvalidStorageClass", 400, "The storage class you specified is not valid"
    ),
    errors.InvalidObjectState: S3Error(
        "InvalidObjectState", 403, "The operation is not valid for the object's storage class"
    ),
    errors.SourceArchived: S3Error(
        "ObjectNotInActiveTierError",
        403,
        "The source object of the COPY action is not in the active tier: it is archived, and not restored.",
    ),
    errors.InvalidRedirectLocation: S3Error(
        "InvalidRedirectLocation",
        400,
        "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.",
    ),
    errors.InvalidTag: S3Error("InvalidTag", 400, "The tag provided was not a valid tag."),
    errors.TooManyTags: S3Error("BadRequest", 400, "Object tags cannot be greater than 10"),
    errors.PreconditionFailed: S3Error(
        "PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold"
    ),
    errors.NotModified: S3Error("NotModified", 304, "Not Modified"),
    errors.ConditionalRequestConflict: S3Error(
        "ConditionalRequestConflict",
        409,
        "The conditional request cannot succeed due to a conflicting operation against this resource.",
    ),
    errors.MethodNotAllowed: S3Error(
        "MethodNotAllowed", 405, "The specified method is not allowed against this resource."
    ),
    errors.NotImplementedOperation: S3Error(
        "NotImplemented", 501, "A header you provided implies functionality that is not implemented."
    ),
    errors.ServiceUnavailable: SLOW_DOWN,
    # names
    errors.InvalidBucketName: S3Error("InvalidBucketName", 400, "The specified bucket is not valid."),
    errors.NoSuchBucket: S3Error("NoSuchBucket", 404, "The specified bucket does not exist"),
    errors.BucketAlreadyExists: S3Error(
        "BucketAlreadyExists",
        409,
        "The requested bucket name is not available. The bucket namespace is shared by all users of the "
        "system. Please select a different name and try again.",
    ),
    errors.BucketAlreadyOwnedByYou: S3Error(
        "BucketAlreadyOwnedByYou",
        409,
        "Your previous request to create the named bucket succeeded and you already own it.",
    ),
    errors.BucketNotEmpty: S3Error("BucketNotEmpty", 409, "The bucket you tried to delete is not empty"),
    errors.InvalidBucketState: S3Error(
        "InvalidBucketState", 409, "The request is not valid with the current state of the bucket."
    ),
    errors.InvalidLocationConstraint: S3Error(
        "InvalidLocationConstraint", 400, "The specified location-constraint is not valid"
    ),
    errors.NoSuchKey: S3Error("NoSuchKey", 404, "The specified key does not exist."),
    errors.NoSuchVersion: S3Error("NoSuchVersion", 404, "The specified version does not exist."),
    errors.NoSuchUpload: S3Error(
        "NoSuchUpload",
        404,
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
        "aborted or completed.",
    ),
    # configurations of buckets
    errors.AccessControlListNotSupported: S3Error(
        "AccessControlListNotSupported", 400, "The bucket does not allow ACLs"
    ),
    errors.AccessForbidden: S3Error(
        "AccessForbidden",
        403,
        # AWS spells it so.
        "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, "
        "request method / Access-Control-Request-Method or Access-Control-Request-Headers are not "
        "whitelisted by the resource's CORS spec.",
    ),
    errors.BadRequest: S3Error("BadRequest", 400, "Bad Request"),
    errors.ConfigurationTooLarge: S3Error("EntityTooLarge", 400, "Your request was too large."),
    errors.InvalidBucketAclWithBlockPublicAccess: S3Error(
        "InvalidBucketAclWithBlockPublicAccessError",
        400,
        "Bucket cannot have public ACLs set with BlockPublicAccess enabled",
    ),
    errors.InvalidBucketAclWithObjectOwnership: S3Error(
        "InvalidBucketAclWithObjectOwnership",
        400,
        "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
    ),
    errors.InvalidTargetBucketForLogging: S3Error(
        "InvalidTargetBucketForLogging",
        400,
        "The target bucket for logging does not exist, is not owned by you, or does not have the appropriate "
        "grants for the log-delivery group.",
    ),
    errors.MalformedACLError: S3Error(
        "MalformedACLError",
        400,
        "The XML you provided was not well-formed or did not validate against our published schema",
    ),
    errors.MalformedPolicy: S3Error(
        "MalformedPolicy", 400, "Policies must be valid JSON and the first byte must be '{'"
    ),
    errors.NoSuchBucketPolicy: S3Error("NoSuchBucketPolicy", 404, "The bucket policy does not exist"),
    errors.NoSuchConfiguration: S3Error(
        "NoSuchConfiguration", 404, "The specified configuration does not exist."
    ),
    errors.NoSuchCORSConfiguration: S3Error(
        "NoSuchCORSConfiguration", 404, "The CORS configuration does not exist"
    ),
    errors.NoSuchGrant: S3Error("NoSuchGrant", 404, "The bucket has no such grant, or it has ended."),
    errors.NoSuchLink: S3Error("NoSuchLink", 404, "The bucket has no such link."),
    errors.NoSuchLifecycleConfiguration: S3Error(
        "NoSuchLifecycleConfiguration", 404, "The lifecycle configuration does not exist"
    ),
    errors.NoSuchPublicAccessBlock: S3Error(
        "NoSuchPublicAccessBlockConfiguration", 404, "The public access block configuration was not found"
    ),
    errors.NoSuchReplicationConfiguration: S3Error(
        "ReplicationConfigurationNotFoundError", 404, "The replication configuration was not found"
    ),
    errors.NoSuchTagSet: S3Error("NoSuchTagSet", 404, "The TagSet does not exist"),
    errors.NoSuchWebsiteConfiguration: S3Error(
        "NoSuchWebsiteConfiguration", 404, "The specified bucket does not have a website configuration"
    ),
    errors.NoSuchObjectLockConfiguration: S3Error(
        "NoSuchObjectLockConfiguration",
        404,
        "The specified object does not have a ObjectLock configuration",
    ),
    errors.ObjectLockConfigurationNotFound: S3Error(
        "ObjectLockConfigurationNotFoundError",
        404,
        "Object Lock configuration does not exist for this bucket",
    ),
    errors.ObjectLocked: S3Error(
        "AccessDenied", 403, "Access Denied because object protected by object lock."
    ),
    errors.OperationAborted: S3Error(
        "OperationAborted",
        409,
        "A conflicting conditional operation is currently in progress against this resource. Try again.",
    ),
    errors.OwnershipControlsNotFound: S3Error(
        "OwnershipControlsNotFoundError", 404, "The bucket ownership controls were not found"
    ),
    errors.TooManyConfigurations: S3Error(
        "TooManyConfigurations",
        400,
        "You are attempting to create a new configuration but have already reached the 1,000-configuration "
        "limit.",
    ),
    errors.UnexpectedContent: S3Error("UnexpectedContent", 400, "This request does not support content."),
    errors.UnresolvableGrantByEmailAddress: S3Error(
        "UnresolvableGrantByEmailAddress",
        400,
        "The e-mail address you provided does not match any account on record.",
    ),
}


def s3_error(error: BaseException) -> S3Error:
    """How the error looks on the wire: by its class or the nearest base that the table knows.

    A backend that took too long is SlowDown; whatever is not ours is InternalError.
    """
    if isinstance(error, errors.SelectRefused):  # of which S3 has more than a hundred, all alike
        return S3Error(error.code, 503 if error.code == "Busy" else 400, error.message)
    for kind in type(error).__mro__:
        if kind in TABLE:
            return TABLE[kind]
    return SLOW_DOWN if isinstance(error, TimeoutError) else INTERNAL
