"""Retention and legal hold of a version."""

from gateway.authorization.authorizer import ask_about_body
from gateway.body import whole
from gateway.configurations.resource import BODY_LIMIT, xml_answer
from gateway.dates import iso_date
from gateway.get_object import find_named, version_parameter
from gateway.object_lock_headers import MODES, bypasses, require_lock, retain_until
from gateway.payload_headers import require_digest
from gateway.request import Request, Response
from gateway.xml import parse
from schemas.errors import MalformedXML, NoSuchObjectLockConfiguration
from schemas.rows import ObjectLock


async def put_object_retention(request: Request) -> Response:
    """PutObjectRetention; an empty document ends it. Raises AccessDenied for less than what is in force."""
    services = request.services
    bucket = await services.reader.bucket(request.bucket)
    require_digest(request.headers)
    require_lock(bucket)
    root = parse(await whole(request, BODY_LIMIT), "Retention")
    root.only("Mode", "RetainUntilDate")
    mode, until = root.value("Mode"), root.value("RetainUntilDate")
    if (mode is None) != (until is None) or (mode is not None and mode not in MODES):
        raise MalformedXML()
    retention = ObjectLock() if mode is None else ObjectLock(MODES[mode], retain_until(until or ""))
    await ask_about_body(request, lock=retention)
    version = version_parameter(request.query)
    await services.reader.find(bucket, request.key, version)
    await services.producer.set_retention(
        bucket, request.key, retention, request.origin(), version, bypasses(request.headers)
    )
    return Response(200, [])


async def get_object_retention(request: Request) -> Response:
    """GetObjectRetention."""
    lock = await _lock(request)
    if lock.mode is None:
        raise NoSuchObjectLockConfiguration()
    until = iso_date(lock.retain_until)
    return xml_answer("Retention", f"<Mode>{lock.mode}</Mode><RetainUntilDate>{until}</RetainUntilDate>")


async def put_object_legal_hold(request: Request) -> Response:
    """PutObjectLegalHold."""
    services = request.services
    bucket = await services.reader.bucket(request.bucket)
    require_digest(request.headers)
    require_lock(bucket)
    root = parse(await whole(request, BODY_LIMIT), "LegalHold")
    root.only("Status")
    status = root.value("Status")
    if status not in ("ON", "OFF"):
        raise MalformedXML()
    await ask_about_body(request, lock=ObjectLock(legal_hold=status == "ON"))
    version = version_parameter(request.query)
    await services.reader.find(bucket, request.key, version)
    await services.producer.set_legal_hold(bucket, request.key, status == "ON", request.origin(), version)
    return Response(200, [])


async def get_object_legal_hold(request: Request) -> Response:
    """GetObjectLegalHold: OFF for a version whose hold was taken away."""
    lock = await _lock(request)
    if lock.legal_hold is None:
        raise NoSuchObjectLockConfiguration()
    return xml_answer("LegalHold", f"<Status>{'ON' if lock.legal_hold else 'OFF'}</Status>")


async def _lock(request: Request) -> ObjectLock:
    """The lock of the version named. Raises InvalidRequest, NoSuchObjectLockConfiguration."""
    reader = request.services.reader
    bucket = await reader.bucket(request.bucket)
    require_lock(bucket)
    version = await find_named(request, bucket)
    if version.attributes.lock is None:
        raise NoSuchObjectLockConfiguration()
    return version.attributes.lock


HANDLERS = {
    "GetObjectLegalHold": get_object_legal_hold,
    "GetObjectRetention": get_object_retention,
    "PutObjectLegalHold": put_object_legal_hold,
    "PutObjectRetention": put_object_retention,
}
