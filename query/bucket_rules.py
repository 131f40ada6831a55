"""What a bucket's owner has set about access, ready to be asked: policy, grants, ACL, ownership and public
access block.

Kept under the seqs of the events that set them, which the bucket's row tells: never older than the row.
"""

from collections.abc import Mapping

import msgspec

from access.account_identities import Entry
from access.acl import owner_only
from access.evaluation.policy import Policy, compile_policy
from access.grants import compile_grants, granted_to
from access.identity import Principal
from access.public_policy import is_public
from query.configurations import Configurations
from schemas.configurations.acl import ACL
from schemas.configurations.grants import GRANTS
from schemas.configurations.ownership_controls import ENFORCED, OWNERSHIP_CONTROLS, ObjectOwnership
from schemas.configurations.policy import POLICY
from schemas.configurations.public_access_block import (
    ALL_BLOCKED,
    PUBLIC_ACCESS_BLOCK,
    PublicAccessBlockConfiguration,
    strictest,
)
from schemas.configurations.request_payment import REQUEST_PAYMENT
from schemas.recent import Recent
from schemas.rows import Bucket, Grant

KEPT_RULES = 10_000  # buckets; without a policy they take little

_KINDS = (
    POLICY.name, GRANTS.name, ACL.name, OWNERSHIP_CONTROLS.name, PUBLIC_ACCESS_BLOCK.name,
    REQUEST_PAYMENT.name,
)  # fmt: skip


class BucketRules(msgspec.Struct, frozen=True, gc=False):
    """policies: on the bucket; grants: by the unique ids of users and roles; closed: the policies are public
    and restricted to the owner's account; acl: of the bucket; requester_pays: others have to say that they
    will."""

    policies: tuple[Policy, ...]
    grants: Mapping[str, Policy]
    closed: bool
    acl: tuple[Grant, ...]
    ownership: ObjectOwnership
    block: PublicAccessBlockConfiguration
    requester_pays: bool

    def policies_about(self, principal: Principal) -> tuple[Policy, ...]:
        """The policies on the bucket that may name the principal."""
        granted = granted_to(self.grants, principal) if self.grants else None
        return self.policies if granted is None else (*self.policies, granted)

    @property
    def acls_count(self) -> bool:
        """Whether ACLs grant anything, and objects may belong to others than the bucket's owner."""
        return self.ownership != "BucketOwnerEnforced"


class RulesOfBuckets:
    """Reads and keeps the rules of buckets."""

    def __init__(self, configurations: Configurations) -> None:
        self._read = configurations.get
        self._kept: Recent[tuple[object, ...], BucketRules] = Recent(KEPT_RULES)

    async def of(self, bucket: Bucket, account: Entry | None = None) -> BucketRules:
        """The rules of a bucket as of that row.

        account: the public access block of its owner's account, which counts as well"""
        configured = bucket.configurations
        seq = 0 if account is None else account.seq
        name = (
            bucket.bucket_id,
            seq,
            *(configured[kind].seq if kind in configured else 0 for kind in _KINDS),
        )
        kept = self._kept.get(name)
        if kept is None:
            kept = await self._rules(bucket, account)
            self._kept.put(name, kept)
        return kept

    async def _rules(self, bucket: Bucket, account: Entry | None) -> BucketRules:
        policies: tuple[Policy, ...] = ()
        public = False
        policy = await self._read(bucket, POLICY)
        if policy is not None:
            policies = (compile_policy(policy.text, f"the policy of bucket {bucket.name}"),)
            public = is_public(msgspec.json.decode(policy.text))
        grants = await self._read(bucket, GRANTS)
        block = await self._read(bucket, PUBLIC_ACCESS_BLOCK) or ALL_BLOCKED
        if account is not None:
            block = strictest(block, account.document)
        controls = await self._read(bucket, OWNERSHIP_CONTROLS) or ENFORCED
        acl = await self._read(bucket, ACL)
        payment = await self._read(bucket, REQUEST_PAYMENT)
        return BucketRules(
            policies,
            {} if grants is None else compile_grants(grants, bucket.name),
            public and bool(block.restrict_public_buckets),
            owner_only(bucket.owner_id) if acl is None else acl.grants,
            # Controls that were deleted.
            controls.rules[0].object_ownership if controls.rules else "ObjectWriter",
            block,
            payment is not None and payment.payer == "Requester",
        )
