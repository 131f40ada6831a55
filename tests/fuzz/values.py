"""What stands in parameters, headers and bodies: right, at the edge, wrong, or nonsense."""

import json
import re

from hypothesis import strategies as st

# What a header can carry; the wire takes any byte, and `test_wire.py` changes bytes, too.
_header_text = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40)
nonsense = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["", "0", "-1", "1", "99999999999999999999", "null", "\x00", "%", "%zz", "a" * 3000, "true", "*"]
    ),
)
_number = st.sampled_from(
    ["0", "1", "2", "-1", "10001", "1000", "2147483648", "99999999999999999999", "x", "1.5", ""]
)
_date = st.sampled_from([
    "Wed, 21 Oct 2015 07:28:00 GMT", "2099-01-01T00:00:00Z", "20250101T000000Z", "Sun Nov  6 08:49:37 1994",
    "Thu, 99 Foo 2015 07:28:00 GMT", "0", "-1", "99999-01-01T00:00:00Z", "",
])  # fmt: skip


def _one(*right: str) -> st.SearchStrategy[str]:
    """One of these, or nonsense."""
    return st.one_of(st.sampled_from(right), st.sampled_from(right), _header_text)


QUERY: dict[str, st.SearchStrategy[str]] = {
    "annotationName": nonsense,
    "continuation-token": nonsense,
    "delimiter": st.sampled_from(["/", "", "//", "ü", "\x00", "a" * 200]),
    "encoding-type": st.sampled_from(["url", "", "URL", "xml"]),
    "fetch-owner": st.sampled_from(["true", "false", "", "x"]),
    "id": nonsense,
    "key-marker": nonsense,
    "list-type": st.sampled_from(["2", "1", "", "3"]),
    "marker": nonsense,
    "max-keys": _number,
    "max-parts": _number,
    "max-uploads": _number,
    "part-number-marker": _number,
    "partNumber": _number,
    "prefix": nonsense,
    "response-cache-control": nonsense,
    "response-content-type": nonsense,
    "response-expires": _date,
    "select-type": st.sampled_from(["2", "1", ""]),
    "start-after": nonsense,
    "upload-id-marker": nonsense,
    "uploadId": nonsense,
    "version-id-marker": nonsense,
    "versionId": st.one_of(st.sampled_from(["null", "", "0" * 32, "f" * 32, "x" * 1025]), nonsense),
    "x-id": nonsense,
}

HEADERS: dict[str, st.SearchStrategy[str]] = {
    "cache-control": _header_text,
    "content-encoding": _one("aws-chunked", "gzip", "aws-chunked,gzip", "identity"),
    "content-md5": _one("1B2M2Y8AsgTpgAmY7PhCfg==", "", "AAAA"),
    "content-type": _one("text/plain", "application/xml", "multipart/form-data; boundary=x",
                         "multipart/form-data"),
    "cookie": _header_text,
    "expect": _one("100-continue", "200-ok"),
    "if-match": _one("*", '"d41d8cd98f00b204e9800998ecf8427e"', "W/x", '"'),
    "if-modified-since": _date,
    "if-none-match": _one("*", '"x"', '"x", "y"'),
    "if-range": _one('"x"', "Wed, 21 Oct 2015 07:28:00 GMT"),
    "if-unmodified-since": _date,
    "origin": _one("http://example.com", "null"),
    "range": _one("bytes=0-0", "bytes=-1", "bytes=5-", "bytes=9-1", "bytes=0-1,2-3", "bytes=-0", "lines=1-2",
                  "bytes=99999999999999999999-", "bytes="),
    "x-amz-acl": _one("private", "public-read", "bucket-owner-full-control"),
    "x-amz-bypass-governance-retention": _one("true", "false"),
    "x-amz-checksum-algorithm": _one("CRC32", "SHA256", "MD4"),
    "x-amz-checksum-crc32": _one("AAAAAA==", "x", ""),
    "x-amz-checksum-mode": _one("ENABLED", "x"),
    "x-amz-checksum-sha256": _one("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "x"),
    "x-amz-checksum-type": _one("FULL_OBJECT", "COMPOSITE"),
    "x-amz-copy-source": _one("/fuzz-bucket/a/key", "fuzz-bucket/a/key?versionId=null", "fuzz-bucket", "/",
                              "%2F",
                              "no-such-bucket/x", "arn:aws:s3:::fuzz-bucket/a"),
    "x-amz-copy-source-if-match": _one("*", '"x"'),
    "x-amz-copy-source-range": _one("bytes=0-0", "bytes=0-", "x"),
    "x-amz-decoded-content-length": _number,
    "x-amz-expected-bucket-owner": _one("123456789012", "1"),
    "x-amz-grant-read": _one('id="x"', 'uri="http://acs.amazonaws.com/groups/global/AllUsers"', "id", '="'),
    "x-amz-meta-a": _header_text,
    "x-amz-metadata-directive": _one("COPY", "REPLACE", "X"),
    "x-amz-mp-object-size": _number,
    "x-amz-object-attributes": _one("ETag,ObjectSize", "Checksum,ObjectParts,StorageClass", ",", "X"),
    "x-amz-object-lock-legal-hold": _one("ON", "OFF", "X"),
    "x-amz-object-lock-mode": _one("GOVERNANCE", "X"),
    "x-amz-object-lock-retain-until-date": _date,
    "x-amz-rename-source": _one("/fuzz-bucket/a/key"),
    "x-amz-request-payer": _one("requester", "x"),
    "x-amz-sdk-checksum-algorithm": _one("CRC32", "CRC64NVME", "X"),
    "x-amz-security-token": _one("x", ""),
    "x-amz-server-side-encryption": _one("AES256", "aws:kms", "aws:kms:dsse", "X"),
    "x-amz-server-side-encryption-aws-kms-key-id": _one("alias/aws/s3", "x", "arn:aws:kms:us-east-1:1:key/x"),
    "x-amz-server-side-encryption-context": _one("e30=", "x", "W10="),
    "x-amz-server-side-encryption-customer-algorithm": _one("AES256", "X"),
    "x-amz-server-side-encryption-customer-key": _one("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "x"),
    "x-amz-server-side-encryption-customer-key-md5": _one("hRasmdxgYDKV3nvbahU1MA==", "x"),
    "x-amz-skip-destination-validation": _one("true", "x"),
    "x-amz-storage-class": _one("STANDARD", "GLACIER", "X"),
    "x-amz-tagging": _one("a=b", "a", "a=b&a=c", "=", "%zz=1", "&"),
    "x-amz-tagging-directive": _one("COPY", "REPLACE", "X"),
    "x-amz-trailer": _one("x-amz-checksum-crc32", "x-amz-meta-a", ""),
    "x-amz-website-redirect-location": _one("/x", "http://example.com/", "x"),
    "x-amz-write-offset-bytes": _number,
    "x-forwarded-host": _one("example.com", "a b"),
    "x-forwarded-port": _number,
}  # fmt: skip

_ELEMENTS = [
    "AccelerateConfiguration", "AccessControlPolicy", "AccessControlList", "Grant", "Grantee",
    "Permission", "Owner", "ID", "AnalyticsConfiguration", "Id", "CORSConfiguration", "CORSRule",
    "AllowedOrigin", "AllowedMethod", "CompleteMultipartUpload", "Part", "PartNumber", "ETag",
    "CreateBucketConfiguration", "LocationConstraint", "Delete", "Object", "Key", "VersionId", "Quiet",
    "LifecycleConfiguration", "Rule", "Status", "Filter", "Prefix", "Expiration", "Days", "Date",
    "Transition", "StorageClass", "BucketLoggingStatus", "LoggingEnabled", "TargetBucket",
    "NotificationConfiguration", "QueueConfiguration", "ObjectLockConfiguration", "ObjectLockEnabled",
    "DefaultRetention", "Mode", "Retention", "RetainUntilDate", "LegalHold", "OwnershipControls",
    "ObjectOwnership", "PublicAccessBlockConfiguration", "BlockPublicAcls", "ReplicationConfiguration",
    "Role", "Destination", "Bucket", "RequestPaymentConfiguration", "Payer", "RestoreRequest",
    "ServerSideEncryptionConfiguration", "ApplyServerSideEncryptionByDefault", "SSEAlgorithm", "Tagging",
    "TagSet", "Tag", "Value", "VersioningConfiguration", "MfaDelete", "WebsiteConfiguration",
    "IndexDocument", "Suffix", "ErrorDocument", "RedirectAllRequestsTo", "HostName", "RoutingRules",
    "RoutingRule", "Condition", "Redirect",
]  # fmt: skip
_texts = st.one_of(
    st.sampled_from(["", "Enabled", "Suspended", "1", "0", "-1", "true", "2099-01-01T00:00:00Z", "a/key",
                     "&lt;",
                     "&bomb;", "]]>", "COMPLIANCE", "arn:aws:s3:::fuzz-bucket", "99999999999999999999"]),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x2FF, exclude_characters="<&"), max_size=10),
)  # fmt: skip


def _element(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    inside = st.lists(children, max_size=4).map("".join)
    return st.builds("<{0}>{1}</{0}>".format, st.sampled_from(_ELEMENTS), inside)


_space = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_xml = st.recursive(_texts, _element, max_leaves=12)
_documents = st.builds(
    "<{0}{1}>{2}</{0}>".format, st.sampled_from(_ELEMENTS), st.sampled_from(["", _space]), _xml
)
_bomb = '<!DOCTYPE x [<!ENTITY bomb "bomb">]><Tagging><TagSet>&bomb;</TagSet></Tagging>'
_FIELDS = [
    "Version", "Statement", "Effect", "Action", "Principal", "Resource", "Condition", "name", "status",
    "KeyId", "Plaintext", "CiphertextBlob", "EncryptionContext", "user_id", "permissions", "expires_at",
    "KeySpec", "NumberOfBytes", "AliasName", "TargetKeyId", "PendingWindowInDays", "Tags",
]  # fmt: skip
_json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(_FIELDS), inner, max_size=4),
    ),
    max_leaves=8,
)  # fmt: skip
# Right ones, whose values may then be others.
_RIGHT = [
    "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
    "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
    "<Delete><Object><Key>x</Key><VersionId>null</VersionId></Object><Quiet>true</Quiet></Delete>",
    "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>",
    "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin>"
    "<MaxAgeSeconds>1</MaxAgeSeconds></CORSRule></CORSConfiguration>",
    "<LifecycleConfiguration><Rule><ID>a</ID><Filter><Prefix>x</Prefix></Filter><Status>Enabled</Status>"
    "<Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>",
    "<WebsiteConfiguration><IndexDocument><Suffix>i</Suffix></IndexDocument></WebsiteConfiguration>",
    "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>",
    "<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>",
    "<LegalHold><Status>OFF</Status></LegalHold>",
    "<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2099-01-01T00:00:00Z</RetainUntilDate></Retention>",
    "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>"
    "<Mode>GOVERNANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>",
    "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256"
    "</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>",
    "<AccessControlPolicy><Owner><ID>x</ID></Owner><AccessControlList><Grant><Grantee "
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>x</ID></Grantee>'
    "<Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>",
    "<RequestPaymentConfiguration><Payer>BucketOwner</Payer></RequestPaymentConfiguration>",
    "<BucketLoggingStatus><LoggingEnabled><TargetBucket>fuzz-bucket</TargetBucket><TargetPrefix>p/"
    "</TargetPrefix></LoggingEnabled></BucketLoggingStatus>",
    "<RestoreRequest><Days>1</Days></RestoreRequest>",
]


def _changed(text: str, place: int, value: str) -> str:
    """The document with one of its values exchanged."""
    values = list(re.finditer(r">([^<>]+)<", text))
    one = values[place % len(values)]
    return text[: one.start(1)] + value + text[one.end(1) :]


_right = st.sampled_from(_RIGHT)
documents = st.one_of(
    _json_values.map(lambda value: json.dumps(value).encode()),
    st.sampled_from([b"", b"{", b"[" * 2000, b'{"name": "x"}', b"\xff\xfe", b"null"]),
)
bodies = st.one_of(
    _documents.map(str.encode),
    _right.map(str.encode),
    st.builds(_changed, _right, st.integers(0, 9), _texts).map(str.encode),
    st.binary(max_size=64),
    documents,
    st.sampled_from([b"", _bomb.encode(), b"<", b"<a>" * 5000, b"0\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n",
                     b"zz;chunk-signature=x\r\n", b"x" * 70_000]),
)  # fmt: skip

authorizations = st.one_of(
    _header_text,
    st.sampled_from([
        "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=, Signature=", "AWS a:b",
        "AWS :",
        "Bearer x", "Basic eA==",
        "AWS4-HMAC-SHA256 Credential=testaccesskey/20250101/us-east-1/s3/aws4_request, "
        "SignedHeaders=host, Signature=" + "0" * 64, "AWS4-ECDSA-P256-SHA256 Credential=a",
    ]),
)  # fmt: skip
content_hashes = st.sampled_from([
    "UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "0" * 64, "x", "",
])  # fmt: skip
lengths = st.sampled_from(
    ["0", "1", "-1", "x", "1_0", "+1", "99999999999999999999", "5497558138880", " 1", "1, 1", ""]
)

KMS_ACTIONS = [
    "CreateKey", "DescribeKey", "ListKeys", "Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey",
    "GenerateRandom", "CreateAlias", "DeleteAlias", "ListAliases", "EnableKeyRotation", "DisableKey",
    "EnableKey", "GetKeyPolicy", "ScheduleKeyDeletion", "CancelKeyDeletion", "TagResource",
    "ListResourceTags", "PutKeyPolicy", "CreateGrant", "ListGrants", "RetireGrant", "Nonsense",
]  # fmt: skip
QUERY_ACTIONS = [
    "GetUser", "CreateUser", "ListUsers", "PutUserPolicy", "CreateRole", "AssumeRole", "GetSessionToken",
    "GetCallerIdentity", "CreatePolicy", "AttachUserPolicy", "ListGroups", "CreateAccessKey", "TagUser",
    "Nonsense", "",
]  # fmt: skip
QUERY_FIELDS = [
    "UserName", "RoleName", "PolicyDocument", "PolicyName", "Path", "PathPrefix", "Marker", "MaxItems",
    "RoleArn", "RoleSessionName", "DurationSeconds", "Tags.member.1.Key", "Tags.member.1.Value",
    "Tags.member.x.Key", "AssumeRolePolicyDocument", "PolicyArn", "Action", "",
]  # fmt: skip
