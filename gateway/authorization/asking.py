"""Questions of one request about one bucket and what is in it, put to the evaluator."""

from collections.abc import Sequence

from access.acl import ANONYMOUS_ID
from access.evaluation.acl import granted
from access.evaluation.caller import Caller
from access.evaluation.decide import Decision, Target, decide
from access.evaluation.principals import Named
from gateway.authorization.actions import BY_ACL, BY_OBJECT_OWNER, DELETES, OF_INITIATOR, WITH_WRITE, WRITES
from gateway.authorization.refusal import refusal
from gateway.authorization.request_keys import EXISTING_TAG, RequestKeys
from gateway.request import Request
from query.bucket_rules import BucketRules
from schemas.errors import AccessDenied, MethodNotAllowed, NoSuchKey, NoSuchUpload, NoSuchVersion
from schemas.rows import Bucket, ObjectVersion

ARN = "arn:aws:s3:::"

# The root of the account that owns a bucket may always mend the policy that shuts it out.
MENDS = frozenset({"GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"})

_REQUEST_TAGS = "s3:requestobjecttag"
_LOCK = (
    "s3:object-lock-legal-hold", "s3:object-lock-mode", "s3:object-lock-remaining-retention-days",
    "s3:object-lock-retain-until-date",
)  # fmt: skip
# What only the body of these requests tells.
_BODIES = {
    "PutObjectLegalHold": _LOCK,
    "PutObjectRetention": _LOCK,
    "PutObjectTagging": (_REQUEST_TAGS, "s3:requestobjecttagkeys"),
}
MAY_MEND = Decision(True, reason="The root of the account that owns a bucket may always set its policy.")
_LATER = Decision(True, reason="It depends on the request's body.")


class Asking:
    """Questions of one request about one bucket and a key in it ("": the bucket itself).

    writes  the request makes an object of that key, so what is there already does not matter
    """

    __slots__ = (
        "_initiated", "_looked", "_policies", "bucket", "caller", "key", "keys", "request", "rules",
        "version", "writes",
    )  # fmt: skip

    def __init__(
        self, request: Request, caller: Caller, bucket: Bucket, rules: BucketRules, key: str
    ) -> None:
        self.request = request
        self.caller = caller
        self.bucket = bucket
        self.rules = rules
        self._policies = rules.policies_about(caller.principal)
        self.key = key
        owner = request.services.identities.directory.number_of(bucket.owner_id) or ""
        self.keys = RequestKeys(request, caller, bucket, owner)
        self.writes = request.operation in WRITES
        self.version: ObjectVersion | None = None
        self._looked = self._initiated = False

    @classmethod
    async def of(cls, request: Request, bucket: Bucket) -> "Asking":
        services = request.services
        caller = services.callers.caller(request.principal)
        return cls(request, caller, bucket, await services.rules(bucket), request.key)

    def about(self, key: str, version: str | None) -> "Asking":
        """The same about another key of the bucket, or a version of it."""
        other = Asking(self.request, self.caller, self.bucket, self.rules, key)
        other.keys.named = version
        return other

    # --- answers -------------------------------------------------------------------------------------
    async def require(self, *actions: str, body: bool = False) -> None:
        """Raises AccessDenied unless all of them are allowed."""
        self._check_payer()
        for action in actions:
            decision = await self.decide(action, body)
            if not decision.allowed:
                raise AccessDenied(self.refusal(action, decision))

    async def require_found(self, *actions: str) -> None:
        """The same for reading an object. Where there is none, whoever may list the bucket is told so.

        Raises AccessDenied, NoSuchKey."""
        self._check_payer()
        for action in actions:
            decision = await self.decide(action)
            if decision.allowed:
                continue
            if decision.explicit or await self.look_up() is not None:
                raise AccessDenied(self.refusal(action, decision))
            await self.require_list()
            raise NoSuchKey("The specified key does not exist.", Key=self.key)

    async def require_list(self) -> None:
        """Raises AccessDenied, unless the caller may know what there is in the bucket."""
        await self.about("", None).require("ListBucket")

    async def decide(self, action: str, body: bool = False) -> Decision:
        """Whether the caller may do that. `body`: what the request's body brings is known by now."""
        if self.may_mend(action):
            return MAY_MEND
        target = await self.target(action)
        if not body and self._asks_about(_BODIES.get(self.request.operation, ())):
            return _LATER
        return decide(self.caller, f"s3:{action.lower()}", self.resource, self.keys, target)

    def may_mend(self, action: str) -> bool:
        """Whether it is about a bucket's policy, and the caller the root of the account that owns it."""
        principal = self.caller.principal
        return action in MENDS and principal.kind == "account" and principal.id == self.bucket.owner_id

    async def target(self, action: str) -> Target:
        """The resource from its owner's side; `keys` know the object where the answer turns on it."""
        if self._turns_on_object(action):
            self.keys.version = await self.look_up()
        if action in OF_INITIATOR:
            self._initiated = await self._has_initiated()
        return self._target(action)

    @property
    def resource(self) -> str:
        """The ARN."""
        return f"{ARN}{self.bucket.name}/{self.key}" if self.key else ARN + self.bucket.name

    def refusal(self, action: str, decision: Decision) -> str:
        """What the caller is told: of the bucket's own account, what kind of policy it was; "" for what
        everybody else is told."""
        principal = self.caller.principal
        if principal.id != self.bucket.owner_id or not decision.source:
            return ""
        return refusal(principal.arn, f"s3:{action}", f'"{self.resource}"', decision)

    def _check_payer(self) -> None:
        """Raises AccessDenied where the requester is to pay and does not say that it will."""
        if not self.rules.requester_pays or self.caller.principal.id == self.bucket.owner_id:
            return
        pays = self.request.headers.get("x-amz-request-payer") == "requester"
        if not pays or self.caller.principal.kind == "anonymous":
            raise AccessDenied()

    # --- what is asked about -------------------------------------------------------------------------
    def _turns_on_object(self, action: str) -> bool:
        """Whether the answer depends on the object as it is: on its owner and ACL, or on its tags."""
        if not self.key or self.writes:
            return False
        if self.rules.acls_count and (action in BY_OBJECT_OWNER or action in DELETES):
            return True
        return self._asks_about((EXISTING_TAG,))

    def _asks_about(self, keys: Sequence[str]) -> bool:
        """Whether some policy has a condition on one of those keys."""
        if not keys:
            return False
        policies = (*self._policies, *self.caller.policies)
        return any(not policy.keys.isdisjoint(keys) for policy in policies)

    async def look_up(self) -> ObjectVersion | None:
        """The object, or the version that is named; None when it is not there."""
        if self._looked:
            return self.version
        self._looked = True
        named = self.keys.named or self.request.query.get("versionId") or None
        try:
            self.version = await self.request.services.reader.find(self.bucket, self.key, named)
        except (NoSuchKey, NoSuchVersion, MethodNotAllowed):
            self.version = None
        return self.version

    async def _has_initiated(self) -> bool:
        """Whether the upload is one of the caller's account."""
        principal = self.caller.principal
        if principal.kind == "anonymous" or principal.id == self.bucket.owner_id:
            return False
        upload_id = self.request.query.get("uploadId", "")
        try:
            upload = await self.request.services.reader.upload(self.bucket, self.key, upload_id)
        except NoSuchUpload:
            return False
        return upload.initiator == principal.id

    def _target(self, action: str) -> Target:
        bucket, rules, version = self.bucket, self.rules, self.version
        owner, foreign = bucket.owner_id, False
        if rules.acls_count and version is not None and action in BY_OBJECT_OWNER:
            owner, foreign = version.owner_id, version.owner_id != bucket.owner_id
        if self._initiated:
            # The account that began an upload may end it, as far as its own policies let the caller.
            return Target(owner, self._policies, Named.ACCOUNT, "who began the upload", rules.closed)
        named, by = self._granted(action) if rules.acls_count else (Named.NOT, "")
        return Target(owner, self._policies, named, by, rules.closed, foreign)

    def _granted(self, action: str) -> tuple[Named, str]:
        """How an ACL names the caller for that action, and whose ACL it is."""
        rules, version, who = self.rules, self.version, self.caller.who
        ignore = bool(rules.block.ignore_public_acls)
        of_bucket = f"the ACL of bucket {self.bucket.name}"
        if action in DELETES:
            owns = version is not None and version.owner_id == self.owner_of_writes()
            return (granted(rules.acl, "WRITE", who, ignore) if owns else Named.NOT), of_bucket
        if action in WITH_WRITE and self.writes:
            return granted(rules.acl, "WRITE", who, ignore), of_bucket
        if action not in BY_ACL:
            return Named.NOT, ""
        whose, permission = BY_ACL[action]
        if whose == "bucket":
            return granted(rules.acl, permission, who, ignore), of_bucket
        if version is None or version.attributes.acl is None:
            return Named.NOT, ""
        return granted(version.attributes.acl, permission, who, ignore), f"the ACL of {self.key}"

    def owner_of_writes(self) -> str:
        """Who owns what the caller writes, where objects may belong to others than the bucket's owner."""
        if self.rules.ownership == "BucketOwnerPreferred" and (
            self.request.headers.get("x-amz-acl") == "bucket-owner-full-control"
        ):
            return self.bucket.owner_id
        return self.caller.principal.id or ANONYMOUS_ID
