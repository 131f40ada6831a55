"""Intelligent tiering: after how many days without access objects move to the archive tiers."""

from typing import Literal

from msgspec import field

from schemas.configurations.element import S3Element, Status
from schemas.configurations.filters import Filter
from schemas.configurations.kinds import Kind


class Tiering(S3Element, frozen=True):
    days: int
    access_tier: Literal["ARCHIVE_ACCESS", "DEEP_ARCHIVE_ACCESS"]


class IntelligentTieringConfiguration(S3Element, frozen=True, kw_only=True):
    id: str
    filter: Filter | None = None
    status: Status
    tierings: tuple[Tiering, ...] = field(default=(), name="Tiering")


INTELLIGENT_TIERING = Kind("intelligent-tiering", IntelligentTieringConfiguration)
