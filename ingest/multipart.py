"""Multipart uploads: create, parts, complete, abort."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from ingest.checksums import (
    ALGORITHMS,
    checksum_type,
    composite,
    decode_expected,
    full_object,
    multipart_etag,
)
from ingest.intake import store_part
from ingest.payload import Payload
from ingest.ports import Ports
from ingest.results import CompletedPart, PartResult, PutResult
from ingest.submission import PartLandedSince, submit_key_event, submit_with_bytes
from schemas.errors import (
    BadDigest,
    EntityTooLarge,
    EntityTooSmall,
    InvalidPart,
    InvalidPartOrder,
    InvalidRequest,
    NoSuchUpload,
    ServiceUnavailable,
)
from schemas.events import Condition, ObjectPut, Origin, PartPut, UploadAbort, UploadCreate
from schemas.ids import uuid7
from schemas.manifest import Manifest, PartInfo
from schemas.rows import Attributes, Bucket, Checksum, ObjectVersion, Part, Upload

MIN_PART_BYTES = 5 * 1024 * 1024  # every part but the last; Amazon S3 multipart upload limits
MAX_OBJECT_BYTES = 50 * 1024**4  # the same page: 50 TB (counted in binary units, as S3 does)
PARTS_PAGE = 1000
ATTEMPTS = 8


async def create_upload(
    ports: Ports,
    bucket: Bucket,
    key: str,
    attributes: Attributes,
    origin: Origin,
    checksum_algorithm: str | None = None,
    wanted_type: Literal["FULL_OBJECT", "COMPOSITE"] | None = None,
    owner: str = "",
) -> Upload:
    """Begin an upload. Raises InvalidRequest for an algorithm that lacks that type."""
    if checksum_algorithm is not None:
        kind = checksum_type(checksum_algorithm, wanted_type)
    elif wanted_type is None:
        kind = "FULL_OBJECT"
    else:
        raise InvalidRequest(
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
        )
    upload_id = uuid7().hex()
    event = UploadCreate(
        origin, bucket.bucket_id, bucket.epoch, key, upload_id, owner or bucket.owner_id, attributes,
        checksum_algorithm, kind,
    )  # fmt: skip
    receipt = await submit_key_event(ports, bucket, event)
    return Upload(
        key, upload_id, receipt.time, receipt.seq, owner or bucket.owner_id, origin.actor, attributes,
        checksum_algorithm, kind,
    )  # fmt: skip


async def put_part(
    ports: Ports, bucket: Bucket, upload: Upload, number: int, payload: Payload, origin: Origin
) -> PartResult:
    """Store a part, always in a blob file of its own: parts are joined by listing their extents."""
    _check_algorithm(upload, payload)
    if payload.checksum_algorithm is None and upload.checksum_algorithm is not None:
        payload = replace(payload, checksum_algorithm=upload.checksum_algorithm)
    expires = ports.lease_end()
    stored = await store_part(ports, bucket.key_id, payload)
    event = PartPut(
        origin, bucket.bucket_id, bucket.epoch, upload.key, upload.upload_id, number, stored.size,
        stored.etag, stored.manifest, stored.checksum, expires=expires,
    )  # fmt: skip
    receipt = await submit_with_bytes(ports, bucket, event)
    return PartResult(stored.etag, receipt.time, stored.checksum)


def _check_algorithm(upload: Upload, payload: Payload) -> None:
    """A part brings a checksum of the upload's algorithm. It may come without one only where the object's
    checksum does not depend on what clients said of its parts: FULL_OBJECT. Raises InvalidRequest."""
    expected, actual = upload.checksum_algorithm, payload.checksum_algorithm
    if expected is None or expected == actual:
        return
    if actual is not None or upload.checksum_type == "COMPOSITE":
        raise InvalidRequest(
            f"Checksum Type mismatch occurred, expected checksum Type: {expected.lower()}, actual checksum "
            f"Type: {actual.lower() if actual is not None else 'null'}"
        )


async def copy_part(
    ports: Ports,
    bucket: Bucket,
    upload: Upload,
    number: int,
    source: ObjectVersion,
    start: int,
    length: int,
    origin: Origin,
    object_key: bytes = b"",
) -> PartResult:
    """Store a part from a byte range of an object, read and encrypted anew."""
    if source.manifest is None or length == 0:
        payload = Payload(b"", 0, object_key=object_key)
        return await put_part(ports, bucket, upload, number, payload, origin)
    manifest = await ports.blobs.expand(source.manifest)
    payload = Payload(
        ports.blobs.stream(manifest, start, length),
        length,
        checksum_algorithm=upload.checksum_algorithm,
        object_key=object_key,
    )
    return await put_part(ports, bucket, upload, number, payload, origin)


async def complete_upload(
    ports: Ports,
    bucket: Bucket,
    key: str,
    upload_id: str,
    named: Sequence[CompletedPart],
    origin: Origin,
    condition: Condition | None = None,
    object_size: int | None = None,
    checksum: tuple[str, str] | None = None,
    announced_type: str | None = None,
) -> PutResult:
    """Join the parts named into a new version of the key.

    Repeated after it succeeded, it has the same result for as long as that version is the key's head."""
    for _ in range(ATTEMPTS):
        try:
            upload, rows = await _read(ports, bucket, key, upload_id)
        except NoSuchUpload:
            done = await _completed(ports, bucket, key, upload_id, named)
            if done is None:
                raise
            _check_whole(done, object_size, checksum)
            return PutResult(
                done.version, done.etag, done.size, done.created_at, done.checksum, done.attributes.encryption
            )
        _check_type(upload, announced_type)
        try:
            joined = _join(upload, rows, named)
        except InvalidPart:
            if await ports.index.upload(bucket.bucket_id, key, upload_id) is not None:
                raise
            continue  # it ended, and its parts went, between the two readings
        _check_whole(joined, object_size, checksum)
        expires = ports.lease_end()
        event = ObjectPut(
            origin, bucket.bucket_id, bucket.epoch, key, ports.new_nonce(), upload.owner_id, joined.size,
            joined.etag, upload.attributes,
            await ports.blobs.spill(bucket.key_id, joined.manifest),
            joined.checksum, condition, upload_id, upload.part_seq,
            await ports.blobs.spill(bucket.key_id, joined.discarded), expires=expires,
        )  # fmt: skip
        try:
            receipt = await submit_key_event(ports, bucket, event)
        except PartLandedSince:
            continue
        return PutResult(
            receipt.version, joined.etag, joined.size, receipt.time, joined.checksum,
            upload.attributes.encryption,
        )  # fmt: skip
    raise ServiceUnavailable("Parts of the upload keep arriving; please try again.")


async def _completed(
    ports: Ports, bucket: Bucket, key: str, upload_id: str, named: Sequence[CompletedPart]
) -> ObjectVersion | None:
    """The head of the key, if it was made by completing that upload with just these parts."""
    head = await ports.index.current(bucket.bucket_id, key)
    if head is None or head.upload_id != upload_id or head.manifest is None:
        return None
    try:
        etag = multipart_etag([part.etag.strip('"') for part in named])
    except ValueError:  # no ETag of a part
        return None
    if head.etag != etag:
        return None
    parts = (await ports.blobs.expand(head.manifest)).parts
    return head if [part.number for part in parts] == [part.number for part in named] else None


async def abort_upload(ports: Ports, bucket: Bucket, key: str, upload_id: str, origin: Origin) -> None:
    """Give an upload up; its parts are freed."""
    for _ in range(ATTEMPTS):
        upload, rows = await _read(ports, bucket, key, upload_id)
        discarded = await ports.blobs.spill(bucket.key_id, _gather(rows.values()))
        event = UploadAbort(
            origin, bucket.bucket_id, bucket.epoch, key, upload_id, upload.part_seq, discarded
        )
        try:
            await submit_key_event(ports, bucket, event)
        except PartLandedSince:
            continue
        return
    raise ServiceUnavailable("Parts of the upload keep arriving; please try again.")


async def _read(ports: Ports, bucket: Bucket, key: str, upload_id: str) -> tuple[Upload, dict[int, Part]]:
    """The upload and all of its parts. The upload is read first: a part that lands in between raises
    its part_seq, and apply then refuses what was decided on this reading."""
    upload = await ports.index.upload(bucket.bucket_id, key, upload_id)
    if upload is None:
        raise NoSuchUpload(
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have "
            "been aborted or completed.",
            UploadId=upload_id,
        )
    rows: dict[int, Part] = {}
    after = 0
    while page := await ports.index.parts(upload_id, after, PARTS_PAGE):
        rows.update((part.number, part) for part in page)
        after = page[-1].number
    return upload, rows


@dataclass(frozen=True, slots=True)
class _Joined:
    size: int
    etag: str
    manifest: Manifest
    discarded: Manifest
    checksum: Checksum | None


def _join(upload: Upload, rows: dict[int, Part], named: Sequence[CompletedPart]) -> _Joined:
    chosen = [_choose(upload, rows, part) for part in _in_order(named)]
    for part in chosen[:-1]:
        if part.size < MIN_PART_BYTES:
            raise EntityTooSmall(
                "Your proposed upload is smaller than the minimum allowed size",
                ProposedSize=str(part.size),
                MinSizeAllowed=str(MIN_PART_BYTES),
                PartNumber=str(part.number),
                ETag=part.etag,
            )
    size = sum(part.size for part in chosen)
    if size > MAX_OBJECT_BYTES:
        raise EntityTooLarge(
            "Your proposed upload exceeds the maximum allowed object size.",
            ProposedSize=str(size),
            MaxSizeAllowed=str(MAX_OBJECT_BYTES),
        )
    used = {part.number for part in chosen}
    infos = tuple(
        PartInfo(part.number, part.size, part.checksum.value if part.checksum else None) for part in chosen
    )
    extents = tuple(extent for part in chosen for extent in part.manifest.extents)
    return _Joined(
        size,
        multipart_etag([part.etag for part in chosen]),
        Manifest("file", extents, infos),
        _gather(part for part in rows.values() if part.number not in used),
        _whole_checksum(upload, chosen),
    )


def _whole_checksum(upload: Upload, chosen: Sequence[Part]) -> Checksum | None:
    """The object's checksum out of its parts': of the type that the upload was created for; without one,
    the full-object checksum if the parts have one that can be put together."""
    kept = [part.checksum for part in chosen if part.checksum is not None]
    if not kept or len(kept) != len(chosen) or len({checksum.algorithm for checksum in kept}) > 1:
        return None
    algorithm = upload.checksum_algorithm or kept[0].algorithm
    if algorithm != kept[0].algorithm:
        return None
    if upload.checksum_algorithm is not None and upload.checksum_type == "COMPOSITE":
        return Checksum(algorithm, composite(algorithm, [c.value for c in kept]), "COMPOSITE")
    if ALGORITHMS[algorithm].combine is None:
        return None
    sizes = [part.size for part in chosen]
    values = [checksum.value for checksum in kept]
    return Checksum(algorithm, full_object(algorithm, zip(values, sizes, strict=True)))


def _in_order(named: Sequence[CompletedPart]) -> Sequence[CompletedPart]:
    if any(a.number >= b.number for a, b in pairwise(named)):
        raise InvalidPartOrder(
            "The list of parts was not in ascending order. The parts list must be specified in order by "
            "part number."
        )
    return named


def _choose(upload: Upload, rows: dict[int, Part], named: CompletedPart) -> Part:
    part = rows.get(named.number)
    if part is None or part.etag != named.etag.strip('"'):
        raise _invalid_part(upload, named)
    if named.checksum is not None:
        kept = part.checksum
        if kept is None or (named.checksum_algorithm, named.checksum) != (kept.algorithm, kept.value):
            raise _invalid_part(upload, named)
    elif upload.checksum_algorithm is not None and upload.checksum_type == "COMPOSITE":
        algorithm = upload.checksum_algorithm.lower()
        raise InvalidRequest(
            f"The upload was created using a {algorithm} checksum. The complete request must include "
            f"the checksum for each part. It was missing for part {named.number} in the request."
        )
    return part


def _invalid_part(upload: Upload, named: CompletedPart) -> InvalidPart:
    return InvalidPart(
        "One or more of the specified parts could not be found.  The part may not have been uploaded, or "
        "the specified entity tag may not match the part's entity tag.",
        UploadId=upload.upload_id,
        PartNumber=str(named.number),
        ETag=named.etag.strip('"'),
    )


def _check_type(upload: Upload, announced: str | None) -> None:
    if announced is not None and announced != upload.checksum_type:
        raise InvalidRequest(
            f"The upload was created using the {upload.checksum_type} checksum mode. The complete "
            f"request must use the same checksum mode."
        )


def _check_whole(
    joined: "_Joined | ObjectVersion", object_size: int | None, checksum: tuple[str, str] | None
) -> None:
    if object_size is not None and object_size != joined.size:
        raise InvalidRequest(
            f"The provided 'x-amz-mp-object-size' header value {object_size} does not match what was "
            f"computed: {joined.size}"
        )
    if checksum is None:
        return
    algorithm, value = checksum
    decode_expected(algorithm, _without_count(value))
    kept = joined.checksum
    if kept is None or kept.algorithm != algorithm:
        raise InvalidRequest(
            f"The upload was not created using the {algorithm} checksum, so the object cannot be "
            f"checked against one."
        )
    # A composite is kept as "value-N"; clients announce it with or without the count.
    if value not in (kept.value, kept.value.partition("-")[0]):
        raise BadDigest(f"The {algorithm} you specified did not match the calculated checksum.")


def _without_count(value: str) -> str:
    """A composite's digest: what stands before "-N"."""
    digest, dash, count = value.partition("-")
    return digest if dash and count.isascii() and count.isdigit() else value


def _gather(parts: Iterable[Part]) -> Manifest:
    """One manifest of the bytes of several parts, for freeing."""
    extents = tuple(extent for part in parts for extent in part.manifest.extents)
    return Manifest("file", extents) if extents else Manifest("inline")
