"""ListParts: the parts of an upload in progress, by number."""

from gateway.checksums import value_element
from gateway.dates import iso_date
from gateway.object_headers import XML_TYPE, quoted
from gateway.request import Request, Response
from gateway.upload_part import find_upload
from gateway.xml import document, escape
from schemas.errors import InvalidArgument
from schemas.rows import Part, Upload

PAGE_LIMIT = 1000
HIGHEST = 2_147_483_647


async def list_parts(request: Request) -> Response:
    """ListParts."""
    limit = min(_number(request, "max-parts", PAGE_LIMIT), PAGE_LIMIT)
    after = _number(request, "part-number-marker", 0)
    _, upload = await find_upload(request)
    parts = await request.services.reader.list_parts(upload, after, limit + 1)
    truncated = len(parts) > limit
    return Response(200, [XML_TYPE], _page(request, upload, parts[:limit], after, limit, truncated))


def _number(request: Request, name: str, default: int) -> int:
    text = request.query.get(name, "")
    if not text:
        return default
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else -1
    if not 0 <= number <= HIGHEST:
        raise InvalidArgument(
            f"Argument {name} must be an integer between 0 and {HIGHEST}",
            ArgumentName=name,
            ArgumentValue=text,
        )
    return number


def _page(
    request: Request, upload: Upload, parts: list[Part], after: int, limit: int, truncated: bool
) -> bytes:
    last = parts[-1].number if parts else 0
    elements = [
        f"<Bucket>{escape(request.bucket)}</Bucket><Key>{escape(upload.key)}</Key>"
        f"<UploadId>{escape(upload.upload_id)}</UploadId>"
        f"<PartNumberMarker>{after}</PartNumberMarker><NextPartNumberMarker>{last}</NextPartNumberMarker>"
        f"<MaxParts>{limit}</MaxParts><IsTruncated>{'true' if truncated else 'false'}</IsTruncated>"
    ]
    elements.extend(_part(part) for part in parts)
    elements.append(
        f"{_person(request, 'Initiator', upload.initiator)}{_person(request, 'Owner', upload.owner_id)}"
        f"<StorageClass>{escape(upload.attributes.storage_class)}</StorageClass>"
    )
    if upload.checksum_algorithm is not None:
        elements.append(
            f"<ChecksumAlgorithm>{upload.checksum_algorithm}</ChecksumAlgorithm>"
            f"<ChecksumType>{upload.checksum_type}</ChecksumType>"
        )
    return document("ListPartsResult", "".join(elements))


def _part(part: Part) -> str:
    return (
        f"<Part><PartNumber>{part.number}</PartNumber>"
        f"<LastModified>{iso_date(part.modified_at)}</LastModified>"
        f"<ETag>{escape(quoted(part.etag))}</ETag><Size>{part.size}</Size>"
        f"{value_element(part.checksum)}</Part>"
    )


def _person(request: Request, element: str, identifier: str) -> str:
    """Owner or initiator; only the caller's own display name is known here."""
    caller = request.principal
    name = f"<DisplayName>{escape(caller.display_name)}</DisplayName>" if caller.id == identifier else ""
    return f"<{element}><ID>{escape(identifier)}</ID>{name}</{element}>"


HANDLERS = {"ListParts": list_parts}
