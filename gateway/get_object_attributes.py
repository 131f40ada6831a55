"""GetObjectAttributes: what is known about an object, without its bytes.

The parts of a multipart object are listed in pages, each with its checksum.
"""

from collections.abc import Mapping

import msgspec

from gateway.checksums import CHECKSUM_ELEMENTS, type_element, value_element
from gateway.conditions import check_read
from gateway.dates import http_date
from gateway.encryption import check_read_key
from gateway.get_object import find_named
from gateway.listing_parameters import PAGE_LIMIT, number_parameter
from gateway.multipart import PARTS_LIMIT
from gateway.object_headers import XML_TYPE, Headers, unchanged_headers
from gateway.request import Request, Response
from gateway.xml import document, escape
from schemas.errors import InvalidArgument, InvalidRequest
from schemas.manifest import PartInfo
from schemas.rows import ObjectVersion

ATTRIBUTES = frozenset({"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"})
WANTED = "x-amz-object-attributes"


async def get_object_attributes(request: Request) -> Response:
    """GetObjectAttributes."""
    reader = request.services.reader
    bucket = await reader.bucket(request.bucket)
    wanted = attributes_wanted(request.headers)
    limit = number_parameter(request.headers, "x-amz-max-parts", PAGE_LIMIT, PAGE_LIMIT)
    after = number_parameter(request.headers, "x-amz-part-number-marker", 0, PARTS_LIMIT)
    version = await find_named(request, bucket)
    check_read_key(version.attributes.encryption, request.encryption)
    if not check_read(request.headers, version.etag, version.created_at):
        return Response(304, unchanged_headers(bucket, version))
    content = _attributes(version, wanted)
    if "ObjectParts" in wanted:
        content += _parts(version, await reader.part_infos(version), after, limit)
    headers: Headers = [XML_TYPE, ("last-modified", http_date(version.created_at))]
    if bucket.versioning != "unversioned":
        headers.append(("x-amz-version-id", version.version))
    return Response(200, headers, document("GetObjectAttributesOutput", content))


def attributes_wanted(headers: Mapping[str, str]) -> frozenset[str]:
    """The attributes named. Raises InvalidRequest when there is none, InvalidArgument for an unknown one."""
    names = frozenset(name.strip() for name in headers.get(WANTED, "").split(",")) - {""}
    if not names:
        raise InvalidRequest(
            f"The {WANTED} header specifying the attributes to be retrieved is either missing or empty"
        )
    if unknown := names - ATTRIBUTES:
        raise InvalidArgument(
            "Invalid attribute name specified.", ArgumentName=WANTED, ArgumentValue=min(unknown)
        )
    return names


def _attributes(version: ObjectVersion, wanted: frozenset[str]) -> str:
    """Everything but the parts. Unlike everywhere else the ETag has no quotes here, and a composite checksum
    does not end in the number of parts: that stands beside it."""
    content = f"<ETag>{escape(version.etag)}</ETag>" if "ETag" in wanted else ""
    if "Checksum" in wanted and version.checksum is not None:
        bare = msgspec.structs.replace(version.checksum, value=version.checksum.value.partition("-")[0])
        content += f"<Checksum>{value_element(bare)}{type_element(bare)}</Checksum>"
    if "StorageClass" in wanted:
        content += f"<StorageClass>{escape(version.attributes.storage_class)}</StorageClass>"
    if "ObjectSize" in wanted:
        content += f"<ObjectSize>{version.size}</ObjectSize>"
    return content


def _parts(version: ObjectVersion, parts: tuple[PartInfo, ...], after: int, limit: int) -> str:
    """One page of parts; only their count when they have no checksums, nothing for an object that was not
    uploaded in parts."""
    if not parts:
        return ""
    count = f"<PartsCount>{len(parts)}</PartsCount>"
    if version.checksum is None:
        return f"<ObjectParts>{count}</ObjectParts>"
    element = CHECKSUM_ELEMENTS[version.checksum.algorithm]
    following = [part for part in parts if part.number > after]
    page = following[:limit]
    last = page[-1].number if page else after
    listed = "".join(
        f"<Part><PartNumber>{part.number}</PartNumber><Size>{part.size}</Size>"
        f"<{element}>{part.checksum}</{element}></Part>"
        for part in page
    )
    return (
        f"<ObjectParts>{count}<PartNumberMarker>{after}</PartNumberMarker>"
        f"<NextPartNumberMarker>{last}</NextPartNumberMarker><MaxParts>{limit}</MaxParts>"
        f"<IsTruncated>{'true' if len(following) > limit else 'false'}</IsTruncated>{listed}</ObjectParts>"
    )


HANDLERS = {"GetObjectAttributes": get_object_attributes}
