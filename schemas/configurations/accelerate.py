"""Transfer acceleration: a switch of AWS's edge network, kept for the tools that look at it."""

from typing import Literal

from schemas.configurations.element import S3Element
from schemas.configurations.kinds import Kind


class AccelerateConfiguration(S3Element, frozen=True):
    status: Literal["Enabled", "Suspended"] | None = None


ACCELERATE = Kind("accelerate", AccelerateConfiguration)
