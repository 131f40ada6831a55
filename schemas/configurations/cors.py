"""CORS: which web pages of other origins may read and write a bucket."""

import msgspec

from schemas.configurations.kinds import Kind


class CorsRule(msgspec.Struct, frozen=True, rename="pascal", omit_defaults=True, kw_only=True):
    """A rule. Origins and headers may hold one `*` each; the first rule that fits a request decides."""

    identifier: str | None = msgspec.field(default=None, name="ID")
    allowed_headers: tuple[str, ...] = msgspec.field(default=(), name="AllowedHeader")
    allowed_methods: tuple[str, ...] = msgspec.field(name="AllowedMethod")
    allowed_origins: tuple[str, ...] = msgspec.field(name="AllowedOrigin")
    expose_headers: tuple[str, ...] = msgspec.field(default=(), name="ExposeHeader")
    max_age_seconds: int | None = None


class CorsConfiguration(msgspec.Struct, frozen=True, omit_defaults=True):
    rules: tuple[CorsRule, ...] = msgspec.field(name="CORSRule")


CORS = Kind("cors", CorsConfiguration)
