"""Names that a bucket may have (Amazon S3 User Guide, "General purpose bucket naming rules")."""

import re

from schemas.errors import InvalidBucketName

_LABELS = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def check_bucket_name(name: str) -> None:
    """Raises InvalidBucketName, naming the name and the rule."""
    if not 3 <= len(name) <= 63:
        rule = "it has 3 to 63 characters"
    elif _LABELS.fullmatch(name) is None:
        rule = "it has a-z, 0-9, dots and hyphens, and each part between dots begins and ends with a-z or 0-9"
    elif _ADDRESS.fullmatch(name):
        rule = "it does not look like an IP address"
    elif name.startswith(_PREFIXES) or name.endswith(_SUFFIXES):
        rule = f"it neither begins with {', '.join(_PREFIXES)} nor ends with {', '.join(_SUFFIXES)}"
    else:
        return
    raise InvalidBucketName(f"{name!r} is no bucket name: {rule}", BucketName=name)
