"""What an access log says of one request to a bucket: made by the gateway, kept in the topic `audit`, written
out as a line by the access logger.

The fields are those of S3's server access log format, without what is the same for every line
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html).
"""

import msgspec

BASE_BYTES = 512


class AccessRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One finished request. "" and -1 mean that there is nothing to say.

    owner, account  of the bucket: its canonical user id, and the number of that account
    time            when it came, Unix milliseconds
    source          the client's address
    requester       canonical user id of an account, ARN of a user or role, "" for nobody
    operation       as access logs name it, REST.GET.OBJECT
    uri             the request line
    sent            bytes of the answer's body
    size            bytes of the object
    milliseconds    from its first byte to the answer's last one
    turn_around     from its last byte to the answer's first one
    signature       SigV4, SigV2
    authentication  AuthHeader, QueryString
    tls             version of TLS
    acl_required    it was allowed by an ACL
    """

    bucket: str
    owner: str
    account: str
    time: int
    source: str
    requester: str
    request_id: str
    operation: str
    key: str
    uri: str
    status: int
    error: str
    sent: int
    size: int = -1
    milliseconds: int = -1
    turn_around: int = -1
    referer: str = ""
    user_agent: str = ""
    version: str = ""
    host_id: str = ""
    signature: str = ""
    authentication: str = ""
    host: str = ""
    tls: str = ""
    acl_required: bool = False


def weight(record: AccessRecord) -> int:
    """About how many bytes it takes, from the fields that a client chooses."""
    return BASE_BYTES + 2 * (
        len(record.key) + len(record.uri) + len(record.referer) + len(record.user_agent) + len(record.host)
    )
