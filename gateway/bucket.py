"""Buckets: create, find, delete, list, and where they are."""

from gateway.body import whole
from gateway.bucket_names import check_bucket_name
from gateway.configurations.tagging import check as check_tagging
from gateway.continuation import decode_token, encode_token
from gateway.dates import iso_date
from gateway.listing_parameters import number_parameter
from gateway.new_bucket import asked_acl, asked_lock, asked_ownership, set_access
from gateway.object_headers import XML_TYPE
from gateway.request import Request, Response
from gateway.xml import DECLARATION, NAMESPACE, document, escape, parse
from gateway.xml_structs import read_struct
from query.reader import Reader
from schemas.configurations.tagging import TAGGING, Tagging, TagSet
from schemas.errors import (
    InvalidArgument,
    InvalidLocationConstraint,
    NotImplementedOperation,
)
from schemas.rows import Bucket

CONFIGURATION_LIMIT = 64 * 1024  # bytes of an XML body
MAX_BUCKETS = 10_000
DEFAULT_REGION = "us-east-1"  # the one region that LocationConstraint names by being empty


async def create_bucket(request: Request) -> Response:
    """CreateBucket. The name's owner gets BucketAlreadyOwnedByYou, in every region."""
    name = request.bucket
    check_bucket_name(name)
    tags = check_configuration(await whole(request, CONFIGURATION_LIMIT), request.services.region)
    services = request.services
    controls = asked_ownership(request.headers, services.new_buckets)
    acl = asked_acl(request, controls)
    locked = asked_lock(request.headers)
    producer, origin = services.producer, request.origin()
    bucket = await producer.create_bucket(name, request.principal.id, origin, locked)
    await set_access(producer, bucket, services.new_buckets, controls, acl, origin)
    if tags is not None:
        await producer.configure_bucket(bucket, TAGGING, tags, origin)
    return Response(200, [("location", f"/{name}"), ("x-amz-bucket-arn", f"arn:aws:s3:::{name}")])


def check_configuration(body: bytes, region: str) -> Tagging | None:
    """The tags that a new bucket is to have. Raises MalformedXML, InvalidLocationConstraint for another
    region, NotImplementedOperation for directory buckets, InvalidTag, TooManyTags."""
    if not body:
        return None
    root = parse(body, "CreateBucketConfiguration")
    root.only("LocationConstraint", "Location", "Bucket", "Tags")
    for name in ("Location", "Bucket"):
        if root.one(name) is not None:
            raise NotImplementedOperation(
                f"CreateBucketConfiguration.{name} is not implemented: there are no directory buckets."
            )
    constraint = root.value("LocationConstraint")
    if constraint and constraint.strip() != region:
        raise InvalidLocationConstraint(
            f"The specified location-constraint is not valid: this region is {region}.",
            LocationConstraint=constraint,
        )
    tags = root.one("Tags")
    if tags is None or not tags.children:
        return None
    tagging = Tagging(read_struct(tags, TagSet))
    check_tagging(tagging)
    return tagging


async def head_bucket(request: Request) -> Response:
    """HeadBucket: whether it is there, and in which region."""
    bucket = await request.services.reader.bucket(request.bucket)
    return Response(
        200,
        [
            XML_TYPE,
            ("x-amz-bucket-region", bucket.region),
            ("x-amz-bucket-arn", f"arn:aws:s3:::{bucket.name}"),
            ("x-amz-access-point-alias", "false"),
        ],
    )


async def delete_bucket(request: Request) -> Response:
    """DeleteBucket, if it holds no version of anything."""
    bucket = await request.services.reader.bucket(request.bucket)
    await request.services.producer.delete_bucket(bucket, request.origin())
    return Response(204, [])


async def get_bucket_location(request: Request) -> Response:
    """GetBucketLocation: the region, empty for us-east-1."""
    bucket = await request.services.reader.bucket(request.bucket)
    region = "" if bucket.region == DEFAULT_REGION else escape(bucket.region)
    body = f'{DECLARATION}<LocationConstraint xmlns="{NAMESPACE}">{region}</LocationConstraint>'
    return Response(200, [XML_TYPE], body.encode())


async def list_buckets(request: Request) -> Response:
    """ListBuckets: the caller's buckets by name, in pages if asked for."""
    query = request.query
    prefix = query.get("prefix", "")
    limit = number_parameter(query, "max-buckets", MAX_BUCKETS, MAX_BUCKETS + 1)
    if not 1 <= limit <= MAX_BUCKETS:
        raise InvalidArgument(
            f"Argument max-buckets must be an integer between 1 and {MAX_BUCKETS}",
            ArgumentName="max-buckets",
            ArgumentValue=query["max-buckets"],
        )
    token = query.get("continuation-token")
    after = decode_token(token) if token is not None else ""
    reader, owner = request.services.reader, request.principal.id
    buckets = await owned_buckets(reader, owner, prefix, after, limit + 1, query.get("bucket-region"))
    following = encode_token(buckets[limit - 1].name) if len(buckets) > limit else ""
    return Response(200, [XML_TYPE], _listing(request, buckets[:limit], prefix, following))


async def owned_buckets(
    reader: Reader, owner_id: str, prefix: str, after: str, limit: int, region: str | None = None
) -> list[Bucket]:
    """Up to `limit` buckets of an account after a name, of one region if given; others are passed over."""
    owned: list[Bucket] = []
    while len(owned) < limit:
        page = await reader.buckets(prefix, after, limit)
        owned += [one for one in page if one.owner_id == owner_id and region in (None, one.region)]
        if len(page) < limit:
            break
        after = page[-1].name
    return owned[:limit]


def _listing(request: Request, buckets: list[Bucket], prefix: str, following: str) -> bytes:
    """The answer; regions are told only where the request has a parameter, as in AWS."""
    principal = request.principal
    rows = "".join(
        f"<Bucket><Name>{one.name}</Name><CreationDate>{iso_date(one.created_at)}</CreationDate>"
        + (f"<BucketRegion>{escape(one.region)}</BucketRegion></Bucket>" if request.query else "</Bucket>")
        for one in buckets
    )
    return document(
        "ListAllMyBucketsResult",
        f"<Owner><ID>{principal.id}</ID><DisplayName>{escape(principal.display_name)}</DisplayName></Owner>"
        f"<Buckets>{rows}</Buckets>"
        + (f"<ContinuationToken>{following}</ContinuationToken>" if following else "")
        + (f"<Prefix>{escape(prefix)}</Prefix>" if prefix else ""),
    )


HANDLERS = {
    "CreateBucket": create_bucket,
    "DeleteBucket": delete_bucket,
    "GetBucketLocation": get_bucket_location,
    "HeadBucket": head_bucket,
    "ListBuckets": list_buckets,
}
