"""Buckets: create, find, delete, list, and where they are."""

from gateway.body import whole
from gateway.bucket_names import check_bucket_name
from gateway.continuation import decode_token, encode_token
from gateway.dates import iso_date
from gateway.listing_parameters import number_parameter
from gateway.object_headers import XML_TYPE
from gateway.request import Request, Response
from gateway.xml import DECLARATION, NAMESPACE, document, escape, parse
from schemas.errors import InvalidArgument, InvalidLocationConstraint, NotImplementedOperation
from schemas.rows import Bucket

CONFIGURATION_LIMIT = 64 * 1024  # bytes of an XML body
MAX_BUCKETS = 10_000
DEFAULT_REGION = "us-east-1"  # the one region that LocationConstraint names by being empty


async def create_bucket(request: Request) -> Response:
    """CreateBucket. The name's owner gets BucketAlreadyOwnedByYou, in every region."""
    name = request.bucket
    check_bucket_name(name)
    check_configuration(await whole(request, CONFIGURATION_LIMIT), request.services.region)
    await request.services.producer.create_bucket(name, request.principal.id, request.origin())
    return Response(200, [("location", f"/{name}"), ("x-amz-bucket-arn", f"arn:aws:s3:::{name}")])


def check_configuration(body: bytes, region: str) -> None:
    """Raises MalformedXML, InvalidLocationConstraint for another region, NotImplementedOperation for
    directory buckets and tags."""
    if not body:
        return
    root = parse(body, "CreateBucketConfiguration")
    root.only("LocationConstraint", "Location", "Bucket", "Tags")
    for name in ("Location", "Bucket"):
        if root.one(name) is not None:
            raise NotImplementedOperation(
                f"CreateBucketConfiguration.{name} is not implemented: there are no directory buckets."
            )
    tags = root.one("Tags")
    if tags is not None and tags.children:
        raise NotImplementedOperation("CreateBucketConfiguration.Tags is not implemented.")
    constraint = root.value("LocationConstraint")
    if constraint and constraint.strip() != region:
        raise InvalidLocationConstraint(
            f"The specified location-constraint is not valid: this region is {region}.",
            LocationConstraint=constraint,
        )


async def head_bucket(request: Request) -> Response:
    """HeadBucket: whether it is there, and in which region."""
    bucket = await request.services.reader.bucket(request.bucket)
    return Response(
        200, [XML_TYPE, ("x-amz-bucket-region", bucket.region), ("x-amz-access-point-alias", "false")]
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
    limit = number_parameter(query, "max-buckets", MAX_BUCKETS, MAX_BUCKETS)
    if limit == 0:
        raise InvalidArgument(
            f"Argument max-buckets must be an integer between 1 and {MAX_BUCKETS}",
            ArgumentName="max-buckets",
            ArgumentValue="0",
        )
    token = query.get("continuation-token")
    after = decode_token(token) if token is not None else ""
    buckets = await _owned(request, prefix, after, limit + 1)
    following = encode_token(buckets[limit - 1].name) if len(buckets) > limit else ""
    return Response(200, [XML_TYPE], _listing(request, buckets[:limit], prefix, following))


async def _owned(request: Request, prefix: str, after: str, limit: int) -> list[Bucket]:
    """Up to `limit` buckets of the caller after a name; others' are passed over."""
    reader = request.services.reader
    region = request.query.get("bucket-region")
    owned: list[Bucket] = []
    while len(owned) < limit:
        page = await reader.buckets(prefix, after, limit)
        owned += [
            one
            for one in page
            if one.owner_id == request.principal.id and (region is None or one.region == region)
        ]
        if len(page) < limit:
            break
        after = page[-1].name
    return owned[:limit]


def _listing(request: Request, buckets: list[Bucket], prefix: str, following: str) -> bytes:
    principal = request.principal
    rows = "".join(
        f"<Bucket><Name>{one.name}</Name><CreationDate>{iso_date(one.created_at)}</CreationDate>"
        f"<BucketRegion>{escape(one.region)}</BucketRegion></Bucket>"
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
