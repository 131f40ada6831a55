"""RestoreObject: opens an archived object for reading for a number of days."""

import time
from typing import NamedTuple

from gateway.body import whole
from gateway.get_object import version_parameter
from gateway.request import Request, Response
from gateway.xml import Element, parse
from schemas.archive import is_archived, is_restored
from schemas.errors import (
    InvalidArgument,
    InvalidObjectState,
    MalformedXML,
    NotImplementedOperation,
)
from schemas.rows import ObjectVersion

BODY_LIMIT = 64 * 1024  # bytes
TIERS = frozenset({"Standard", "Bulk", "Expedited"})
DAYS_LIMIT = 2**31 - 1


class Wanted(NamedTuple):
    """For how many days (None: not said), and by which retrieval tier."""

    days: int | None
    tier: str


async def restore_object(request: Request) -> Response:
    """RestoreObject: 202 for an archived object, 200 when it is restored already and its term changes."""
    services = request.services
    bucket = await services.reader.bucket(request.bucket)
    named = version_parameter(request.query)
    wanted = parse_restore(await whole(request, BODY_LIMIT))
    version = await services.reader.find(bucket, request.key, named)
    days = _check(version, wanted)
    await services.producer.restore(bucket, request.key, days, request.origin(), named)
    return Response(200 if is_restored(version, time.time()) else 202, [])


def parse_restore(body: bytes) -> Wanted:
    """What a `RestoreRequest` document asks for. Raises MalformedXML, InvalidArgument, and
    NotImplementedOperation for a select over an archive, which AWS itself has given up."""
    root = parse(body, "RestoreRequest")
    root.only(
        "Days", "GlacierJobParameters", "Type", "Tier", "Description", "SelectParameters", "OutputLocation"
    )
    if any(root.one(name) is not None for name in ("Type", "SelectParameters", "OutputLocation")):
        raise NotImplementedOperation("RestoreObject of type SELECT is not implemented.")
    return Wanted(_days(root.value("Days")), _tier(root))


def _days(text: str | None) -> int | None:
    if text is None:
        return None
    digits = text.strip()
    if not (digits.removeprefix("-").isdigit() and digits.isascii()) or len(digits) > 11:
        raise MalformedXML()
    days = int(digits)
    if not 1 <= days <= DAYS_LIMIT:
        raise InvalidArgument(
            f"Days must be an integer between 1 and {DAYS_LIMIT}", ArgumentName="Days", ArgumentValue=digits
        )
    return days


def _tier(root: Element) -> str:
    parameters = root.one("GlacierJobParameters")
    tier = root.value("Tier") if parameters is None else parameters.value("Tier")
    if tier is None and parameters is None:
        return "Standard"
    if tier not in TIERS:
        raise MalformedXML()
    return tier


def _check(version: ObjectVersion, wanted: Wanted) -> int:
    """For how many days the version is to be restored.

    Raises InvalidObjectState for one that is not archived, InvalidArgument, MalformedXML without days."""
    storage_class = version.attributes.storage_class
    if storage_class == "INTELLIGENT_TIERING" and wanted.days is not None:
        raise InvalidArgument(
            "INTELLIGENT_TIERING objects are not subject to restore expiry. Do not specify Days when "
            "restoring this object",
            ArgumentName="Days",
            ArgumentValue=str(wanted.days),
        )
    if not is_archived(version):
        raise InvalidObjectState(
            "Restore is not allowed for the object's current storage class", StorageClass=storage_class
        )
    if storage_class == "DEEP_ARCHIVE" and wanted.tier == "Expedited":
        raise InvalidArgument(
            "Retrieval option is not supported by this storage class",
            ArgumentName="Tier",
            ArgumentValue=wanted.tier,
        )
    if wanted.days is None:
        raise MalformedXML()
    return wanted.days


HANDLERS = {"RestoreObject": restore_object}
