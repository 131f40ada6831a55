"""What a new bucket is like where the request that makes it says nothing."""

from typing import Literal

# acls-disabled: BucketOwnerEnforced, public access blocked, as in AWS since April 2023.
# acls-enabled: no ownership controls (ObjectWriter) and no public access block, as in AWS before.
NewBuckets = Literal["acls-disabled", "acls-enabled"]
