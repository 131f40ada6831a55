"""Which partition of `object-versions` a key falls in, and which of `policies` a bucket.

partition = first 8 bytes of BLAKE2b-64(bucket id ‖ UTF-8 of the key), big endian, modulo the partition
count. The count is fixed for a generation of the topic; so is this function, for ever. Of `policies` the
same, with nothing before the bucket's name. All identities fall in one partition, so that changes of them
are totally ordered.
"""

import hashlib


def partition_of(bucket_id: bytes, key: str, partitions: int) -> int:
    """The partition that orders every event of this key."""
    if partitions == 1:
        return 0
    digest = hashlib.blake2b(bucket_id + key.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % partitions


def policy_partition_of(name: str, partitions: int) -> int:
    """The partition that orders every event of this bucket's name."""
    return partition_of(b"", name, partitions)


def identity_partition_of(partitions: int) -> int:
    """The partition of `policies` that orders every event about identities."""
    return policy_partition_of("identities", partitions)
