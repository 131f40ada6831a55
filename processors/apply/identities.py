"""apply IdentitiesChange: documents become rows, if the accounts are still as their writer knew them."""

from collections.abc import Mapping

from index.contract import PutIdentity
from processors.apply.decision import Decision, Moment, refuse
from schemas.events import IdentitiesChange
from schemas.facts import Fact
from schemas.identities import ACCOUNT
from schemas.receipts import Receipt
from schemas.rows import Identity

IdentityKey = tuple[str, str, str]  # account, kind, name
NOBODY = b""  # the bucket of facts that are about none


def identities_wanted(event: IdentitiesChange) -> set[IdentityKey]:
    """The rows that the event is decided on."""
    changed = {(change.account, change.kind, change.name) for change in event.changes}
    return changed | {(account, ACCOUNT, "") for account in event.seen}


def apply_identities_change(
    event: IdentitiesChange, present: Mapping[IdentityKey, Identity | None], moment: Moment
) -> Decision:
    """Set and remove; the rows of the accounts concerned are written anew, so that their seq tells of it."""
    account = next(iter(event.seen), "")
    if any(_seq(present.get((one, ACCOUNT, ""))) != seq for one, seq in event.seen.items()):
        return refuse("identities-changed", moment, event.origin, NOBODY, account)
    documents: dict[IdentityKey, bytes | None] = {}
    for one in event.seen:
        row = present.get((one, ACCOUNT, ""))
        documents[one, ACCOUNT, ""] = None if row is None else row.document
    for change in event.changes:
        documents[change.account, change.kind, change.name] = change.document
    changes = tuple(
        PutIdentity(Identity(*key, moment.seq, moment.time, document), _seq(present.get(key)))
        for key, document in documents.items()
    )
    fact = Fact(moment.seq, moment.time, "identities.changed", event.origin, NOBODY, account)
    return Decision(changes, Receipt(moment.seq, moment.time), fact)


def _seq(row: Identity | None) -> int:
    return 0 if row is None else row.seq
