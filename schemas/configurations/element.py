"""The base of structs that are elements of S3's documents."""

from typing import Literal

import msgspec

Status = Literal["Enabled", "Disabled"]


class S3Element(msgspec.Struct, frozen=True, rename="pascal", omit_defaults=True):
    """Fields are elements under their names in CamelCase, in S3's order; what is None is absent."""
