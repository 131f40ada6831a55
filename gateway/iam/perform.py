"""Carry out an action: whether the caller may, what it says, and the change that it wants."""

from gateway.iam.actions import Action
from gateway.iam.call import OTHER_ACCOUNT, Call, Changes, Configuring, Reading, Result
from gateway.iam.constraints import check_parameters
from gateway.iam.permission import authorize
from gateway.request import Services
from schemas.errors import DeleteConflict, IdentitiesChanged
from schemas.events import Origin

ATTEMPTS = 8
BUCKETS_PAGE = 1000


async def perform(action: Action, call: Call, services: Services, origin: Origin) -> Result:
    """The answer, once every gateway goes by what was changed.

    Raises InvalidInput, AccessDenied, what the action raises, IdentitiesChanged where others keep changing
    the account, and ServiceUnavailable."""
    check_parameters(call.action, call.parameters)
    authorize(action, call, services.callers, services.region)
    if call.action == "DeleteAccount":
        await _check_owns_nothing(call, services)
    for _ in range(ATTEMPTS):
        wanted = action.do(call)
        if isinstance(wanted, Reading):
            return await wanted.read(services)
        if isinstance(wanted, Configuring):
            row = await services.reader.bucket(wanted.bucket)
            await services.producer.configure_bucket(row, wanted.kind, wanted.document, origin)
            return wanted.result
        if not isinstance(wanted, Changes):
            return wanted
        if not wanted.changes:
            return wanted.result
        accounts = {change.account for change in wanted.changes} | set(wanted.concerned)
        seen = {number: call.directory.in_account(number).seq for number in accounts}
        try:
            await services.producer.change_identities(seen, wanted.changes, origin)
        except IdentitiesChanged:
            await services.identities.reload()
            authorize(action, call, services.callers, services.region)
        else:
            await services.identities.refresh()
            return wanted.result
    raise IdentitiesChanged()


async def _check_owns_nothing(call: Call, services: Services) -> None:
    """Raises DeleteConflict while the account owns buckets."""
    account = call.directory.account(call.parameters.get(OTHER_ACCOUNT))
    after = ""
    while page := await services.reader.buckets("", after, BUCKETS_PAGE):
        for bucket in page:
            if account is not None and bucket.owner_id == account.canonical_id:
                raise DeleteConflict(
                    f"Cannot delete account {account.name}: it still owns the bucket {bucket.name}."
                )
        after = page[-1].name
