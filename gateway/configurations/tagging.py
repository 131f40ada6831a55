"""Tags of a bucket."""

from gateway.configurations.resource import delete, get, put
from gateway.tags import checked
from schemas.configurations.tagging import TAGGING, Tagging
from schemas.errors import NoSuchTagSet

BUCKET_TAGS = 50


def check(tagging: Tagging) -> None:
    """Raises InvalidTag, TooManyTags."""
    checked(((tag.key, tag.value) for tag in tagging.tag_set.tags), BUCKET_TAGS, "Bucket tag count")


HANDLERS = {
    "DeleteBucketTagging": delete(TAGGING),
    "GetBucketTagging": get(TAGGING, "Tagging", NoSuchTagSet),
    "PutBucketTagging": put(TAGGING, "Tagging", check, status=204, digest=True),
}
