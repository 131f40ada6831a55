"""Sequence numbers: where in the log an event stands, as one ordered 63-bit integer.

    bits 62..56 generation   55..44 partition   43..0 offset

One key always falls in one partition of a generation, so for one key the order of the integers is the
order of the log. Events of `policies` are numbered as if their partition were POLICY_PARTITIONS and up,
so that a seq names one event of either topic.
"""

GENERATION_BITS = 7
PARTITION_BITS = 12
OFFSET_BITS = 44
POLICY_PARTITIONS = 4000


def encode_seq(generation: int, partition: int, offset: int) -> int:
    """Pack a position; raises ValueError when a field does not fit."""
    if generation >> GENERATION_BITS or partition >> PARTITION_BITS or offset >> OFFSET_BITS:
        raise ValueError(f"position {generation}/{partition}/{offset} does not fit a sequence number")
    return generation << (PARTITION_BITS + OFFSET_BITS) | partition << OFFSET_BITS | offset


def decode_seq(seq: int) -> tuple[int, int, int]:
    """Generation, partition and offset of a sequence number."""
    offset = seq & ((1 << OFFSET_BITS) - 1)
    partition = (seq >> OFFSET_BITS) & ((1 << PARTITION_BITS) - 1)
    return seq >> (OFFSET_BITS + PARTITION_BITS), partition, offset
