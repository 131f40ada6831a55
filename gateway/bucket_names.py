"""Which names a bucket may have: AWS's rules for general purpose buckets.

Source: Amazon S3 User Guide, "General purpose bucket naming rules".
"""

import re

from schemas.errors import InvalidBucketName

_shape = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]").fullmatch
_address = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}").fullmatch

RESERVED_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def check_bucket_name(name: str) -> None:
    """Raises InvalidBucketName, with the rule that is broken."""
    rule = broken_rule(name)
    if rule:
        raise InvalidBucketName(f"The specified bucket is not valid: {rule}.", BucketName=name)


def broken_rule(name: str) -> str:
    """The rule that the name breaks, "" when it breaks none."""
    if not 3 <= len(name) <= 63:
        return "a name has 3 to 63 characters"
    if not _shape(name):
        return (
            "a name consists of lower-case letters, digits, periods and hyphens, and begins and ends with a "
            "letter or digit"
        )
    if ".." in name:
        return "a name has no two adjacent periods"
    if _address(name):
        return "a name is not formatted as an IP address"
    if name.startswith(RESERVED_PREFIXES):
        return f"names do not begin with {', '.join(RESERVED_PREFIXES)}"
    if name.endswith(RESERVED_SUFFIXES):
        return f"names do not end with {', '.join(RESERVED_SUFFIXES)}"
    return ""
