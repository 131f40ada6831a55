"""Limits of access keys, accounts and buckets: set, shown and removed by the operator of the store only. IAM
itself has no such actions."""

from typing import NamedTuple

import msgspec

from gateway.iam.call import OTHER_ACCOUNT, Call, Changes, Configuring, Reading, Result
from gateway.request import Services
from schemas.errors import InvalidInput, NoSuchEntity
from schemas.identities import LIMITS
from schemas.limits import BUCKET_LIMITS, Limits

BUCKET, KEY = "BucketName", "AccessKeyId"
MOST = 10**15
# The parameter that gives each field of Limits.
PARAMETERS = {
    "requests": "RequestsPerSecond", "upload": "UploadBytesPerSecond",
    "download": "DownloadBytesPerSecond", "size": "MaxBytes", "versions": "MaxVersions",
}  # fmt: skip


class Target(NamedTuple):
    """What the limits are of: a bucket, or an access key of an account, or the account itself (key "")."""

    bucket: str
    account: str = ""
    key: str = ""


def put_limits(call: Call) -> Changes | Configuring:
    """Set the limits, in place of those that there were. Raises InvalidInput for none at all."""
    target = _target(call)
    wanted = Limits(**{name: call.parameters.number(given, 0, 1, MOST) for name, given in PARAMETERS.items()})
    if target.key and wanted.is_quota:
        raise InvalidInput(f"access key {target.key}: quotas are of buckets and accounts, not of keys")
    if wanted == Limits():
        raise InvalidInput(f"no limit is given: at least one of {', '.join(PARAMETERS.values())} must be")
    return _set(call, target, wanted)


def get_limits(call: Call) -> Result | Reading:
    """The limits as they are; no fields where there are none."""
    target = _target(call)
    if not target.bucket:
        entry = call.directory.in_account(target.account).tables[LIMITS].get(target.key)
        return shown(None if entry is None else entry.document)

    async def read(services: Services) -> Result:
        row = await services.reader.bucket(target.bucket)
        return shown(await services.reader.configuration(row, BUCKET_LIMITS))

    return Reading(read)


def delete_limits(call: Call) -> Changes | Configuring:
    """Remove the limits; that there are none is no error."""
    return _set(call, _target(call), None)


def shown(limits: Limits | None) -> Result:
    """Limits as an answer."""
    found = {} if limits is None else msgspec.structs.asdict(limits)
    return {"Limits": {given: found[name] for name, given in PARAMETERS.items() if found.get(name)}}


def _set(call: Call, target: Target, limits: Limits | None) -> Changes | Configuring:
    if target.bucket:
        return Configuring(target.bucket, BUCKET_LIMITS, limits, shown(limits))
    there = target.key in call.directory.in_account(target.account).tables[LIMITS]
    change = call.set(LIMITS, target.key, limits, target.account)
    return Changes((change,) if there or limits is not None else (), shown(limits))


def _target(call: Call) -> Target:
    """Raises AccessDenied for all but the operator, InvalidInput, NoSuchEntity."""
    call.require_operator()
    named = [name for name in (BUCKET, KEY, OTHER_ACCOUNT) if call.parameters.get(name)]
    if len(named) != 1:
        raise InvalidInput(
            f"limits are of one thing: give one of {BUCKET}, {KEY} and {OTHER_ACCOUNT}, not "
            f"{' and '.join(named) or 'none'}"
        )
    value = call.parameters.get(named[0])
    if named[0] == BUCKET:
        return Target(value)
    if named[0] == OTHER_ACCOUNT:
        return Target("", call.number)
    owner = call.directory.owner_of(value)
    if owner is None:
        raise NoSuchEntity(f"The Access Key with id {value} cannot be found.")
    return Target("", owner[0], value)
