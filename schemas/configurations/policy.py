"""Bucket policies: kept as the text that came, since AWS gives that text back."""

import msgspec

from schemas.configurations.kinds import Kind


class BucketPolicy(msgspec.Struct, frozen=True):
    """A policy document, validated when it was set."""

    text: str


POLICY = Kind("policy", BucketPolicy)
