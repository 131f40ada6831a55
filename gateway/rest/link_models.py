"""Links as the REST API takes and gives them."""

from ipaddress import ip_network
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from access.presigned import MAX_EXPIRES
from gateway.rest.models import rfc3339
from schemas.configurations.links import Link, LinkMethod

SOURCES = 32


class LinkRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    method: LinkMethod = Field("GET", description="GET: to read the object; PUT: to store it")
    key: str = Field(min_length=1, description="Of the object, which need not be there yet")
    expires_in: int = Field(3600, ge=1, le=MAX_EXPIRES, description="Seconds from now")
    one_use: bool = Field(False, description="It lets one request through, whoever comes first")
    source: list[str] = Field(
        default=[],
        max_length=SOURCES,
        description="Addresses or CIDR blocks that it may be used from; none: from anywhere",
    )
    endpoint: str | None = Field(
        None,
        description="Where its users reach the S3 port, https://s3.example.org; null: at the host of this "
        "request, on the port of s3_listen",
    )

    @field_validator("source")
    @classmethod
    def _networks(cls, source: list[str]) -> list[str]:
        for one in source:
            try:
                ip_network(one)
            except ValueError:
                raise ValueError(
                    f"{one!r} is neither an address nor a CIDR block without host bits (203.0.113.0/24)"
                ) from None
        return source

    @field_validator("endpoint")
    @classmethod
    def _place(cls, endpoint: str | None) -> str | None:
        if endpoint is not None and not _is_endpoint(endpoint):
            raise ValueError(f"{endpoint!r} is not a URL like https://s3.example.org or http://10.0.0.1:9000")
        return endpoint


def _is_endpoint(text: str) -> bool:
    try:
        url = urlsplit(text)
        port_holds = url.port is None or url.port > 0
    except ValueError:
        return False
    plain = text.isascii() and text.isprintable() and " " not in text and "@" not in url.netloc
    rest = url.path.strip("/") + url.query + url.fragment
    return plain and port_holds and url.scheme in ("http", "https") and bool(url.hostname) and not rest


class LinkModel(BaseModel):
    link_id: str
    method: LinkMethod
    key: str
    created: str
    expires_at: str
    one_use: bool
    source: list[str]
    access_key: str = Field(description="That signed it, and whose rights at the moment of use it has")
    made_by: str = Field(description="Unique id of the user or role, or an account's number")
    used_at: str | None = Field(description="Of a link for one use: when it was used")

    @classmethod
    def of(cls, link_id: str, link: Link) -> Self:
        return cls(
            link_id=link_id,
            method=link.method,
            key=link.key,
            created=rfc3339(link.created_at),
            expires_at=rfc3339(link.expires_at),
            one_use=link.one_use,
            source=list(link.source),
            access_key=link.access_key,
            made_by=link.made_by,
            used_at=rfc3339(link.used_at) if link.used_at else None,
        )


class MadeLink(LinkModel):
    url: str = Field(default="", description="Shown this once; who has it needs nothing else")


class LinkList(BaseModel):
    links: list[LinkModel]
    continuation: str | None = Field(description="Pass it to get the next page; null on the last")
