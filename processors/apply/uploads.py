"""apply UploadCreate, PartPut and UploadAbort. (Complete is an ObjectPut that names its upload.)"""

import msgspec

from index.contract import KeyState, PutPart, PutUpload, RemoveUpload
from processors.apply.decision import Decision, Moment, freed, refuse
from processors.apply.put import spilled_only
from schemas.events import PartPut, UploadAbort, UploadCreate
from schemas.facts import Fact
from schemas.receipts import Receipt
from schemas.rows import BucketLock, Part, Upload


def apply_upload_create(
    event: UploadCreate, moment: Moment, bucket_lock: BucketLock | None = None
) -> Decision:
    if event.attributes.lock is not None and bucket_lock is None:
        return refuse("invalid-bucket-state", moment, event.origin, event.bucket_id, event.key)
    row = Upload(
        key=event.key,
        upload_id=event.upload_id,
        created_at=moment.time,
        seq=moment.seq,
        owner_id=event.owner_id,
        initiator=event.origin.actor,
        attributes=event.attributes,
        checksum_algorithm=event.checksum_algorithm,
        checksum_type="FULL_OBJECT" if event.checksum_type == "FULL_OBJECT" else "COMPOSITE",
    )
    fact = Fact(
        moment.seq, moment.time, "upload.created", event.origin, event.bucket_id, event.key,
        upload_id=event.upload_id,
    )  # fmt: skip
    return Decision((PutUpload(event.bucket_id, row),), Receipt(moment.seq, moment.time), fact)


def apply_part_put(event: PartPut, state: KeyState, moment: Moment) -> Decision:
    """A part lands, and may replace one of the same number; the upload remembers that it did."""
    upload = state.upload
    if upload is None:
        return refuse(
            "no-such-upload", moment, event.origin, event.bucket_id, event.key, freed(event.manifest)
        )
    part = Part(
        number=event.number,
        size=event.size,
        etag=event.etag,
        modified_at=moment.time,
        manifest=event.manifest,
        seq=moment.seq,
        checksum=event.checksum,
    )
    size = upload.size + event.size - (state.part.size if state.part is not None else 0)
    changes = (
        PutPart(event.upload_id, part),
        PutUpload(event.bucket_id, msgspec.structs.replace(upload, part_seq=moment.seq, size=size)),
    )
    fact = Fact(
        moment.seq, moment.time, "part.stored", event.origin, event.bucket_id, event.key, "", event.size,
        event.etag, "", event.upload_id, freed(state.part.manifest if state.part else None),
    )  # fmt: skip
    return Decision(changes, Receipt(moment.seq, moment.time), fact)


def apply_upload_abort(event: UploadAbort, state: KeyState, moment: Moment) -> Decision:
    upload = state.upload
    own = freed(spilled_only(event.discarded))
    if upload is None:
        return refuse("no-such-upload", moment, event.origin, event.bucket_id, event.key, own)
    if upload.part_seq != event.upload_seq:
        return refuse("part-landed-since", moment, event.origin, event.bucket_id, event.key, own)
    fact = Fact(
        moment.seq, moment.time, "upload.aborted", event.origin, event.bucket_id, event.key,
        upload_id=event.upload_id, freed=freed(event.discarded),
    )  # fmt: skip
    change = RemoveUpload(event.bucket_id, event.key, event.upload_id)
    return Decision((change,), Receipt(moment.seq, moment.time), fact)
