"""What is told of a decision: who decided, by which statement, and what else had a part in it."""

from typing import NamedTuple

from access.evaluation.caller import Caller
from access.evaluation.template import condition_key
from access.evaluation.trail import Found, Trail
from access.identity import Principal
from schemas.configurations.ownership_controls import ObjectOwnership
from schemas.configurations.public_access_block import PublicAccessBlockConfiguration

# Keys about the caller and the resource: where they have no value, there is none.
_SETTLED = (
    "aws:principal",
    "aws:username",
    "aws:resource",
    "iam:resource",
    "s3:existingobjecttag",
    "s3:resource",
)


class BucketSettings(NamedTuple):
    """What the owner of a bucket has set that decisions go by. owner: the account's number, "" if unknown."""

    name: str
    owner: str
    policy: bool
    ownership: ObjectOwnership
    block: PublicAccessBlockConfiguration
    requester_pays: bool


def boundary_of(caller: Caller) -> str:
    """What the caller's permissions boundary is called; "" where there is none."""
    return "" if caller.boundary is None else caller.boundary.name


class Explanation(NamedTuple):
    """A decision and how it came about.

    action    as AWS writes it
    owner     the canonical id of the account that owns what is asked for
    boundary  the caller's permissions boundary; "" where there is none
    acl       which ACL grants it; "" where none does
    remarks   what settings did to the decision, in words
    bucket    None where it is about no bucket
    """

    principal: Principal
    action: str
    resource: str
    owner: str
    boundary: str
    trail: Trail
    acl: str = ""
    remarks: tuple[str, ...] = ()
    bucket: BucketSettings | None = None

    @property
    def verdict(self) -> str:
        """In the words of IAM's simulations."""
        decision = self.trail.decision
        if decision.allowed:
            return "allowed"
        return "explicitDeny" if decision.explicit else "implicitDeny"

    @property
    def deciding(self) -> tuple[Found, ...]:
        """The statements that settled it: the one that denied it, or the one that allowed it, and between
        accounts one on each side."""
        decision = self.trail.decision
        speaking = self.trail.denying + self.trail.allowing
        found = [one for one in speaking if one.statement is decision.statement]
        if decision.allowed and self.principal.id != self.owner:
            own = (one for one in self.trail.allowing if one.source == "identity-based policy")
            found += [one for one in own if one not in found][:1]
        return tuple(found)

    @property
    def missing(self) -> tuple[str, ...]:
        """Condition keys that only a request tells, and that decide something here."""
        return tuple(name for name in self.trail.missing if not condition_key(name).startswith(_SETTLED))
