"""Request metrics: which objects they are counted for."""

from msgspec import field

from schemas.configurations.element import S3Element
from schemas.configurations.kinds import Kind
from schemas.configurations.tagging import Tag


class MetricsAnd(S3Element, frozen=True):
    prefix: str | None = None
    tags: tuple[Tag, ...] = field(default=(), name="Tag")
    access_point_arn: str | None = None


class MetricsFilter(S3Element, frozen=True):
    """One of them."""

    prefix: str | None = None
    tag: Tag | None = None
    access_point_arn: str | None = None
    all_of: MetricsAnd | None = field(default=None, name="And")


class MetricsConfiguration(S3Element, frozen=True):
    id: str
    filter: MetricsFilter | None = None


METRICS = Kind("metrics", MetricsConfiguration)
