"""What tests of authorisation ask with: two accounts with users, and nobody, against the operations of a real
embedded store."""

import json
from typing import Any

from access.arns import account_principal, user_principal
from access.identity import ANONYMOUS, Principal
from schemas.configurations.documents import encode_document
from schemas.errors import StrandlineError
from schemas.identities import ACCOUNT, USER, Account, User
from schemas.rows import Identity
from tests.gateway_client import ROOT, Answer, Client

OURS, THEIRS = "111111111111", "222222222222"
OUR_ID, THEIR_ID = ROOT.id, "e" * 64
OUR_ACCOUNT = Account(OUR_ID, "ours", "ours@example.com", 0)
THEIR_ACCOUNT = Account(THEIR_ID, "theirs", "theirs@example.com", 0)
MAIN = account_principal(OURS, OUR_ACCOUNT)
ALT = account_principal(THEIRS, THEIR_ACCOUNT)
NOBODY = ANONYMOUS

ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"

Json = dict[str, Any]


def statement(effect: str = "Allow", principal: Any = "*", action: Any = "s3:*", **more: Any) -> Json:
    """About the bucket and all in it, unless `Resource` says otherwise."""
    everything = ["arn:aws:s3:::bucket", "arn:aws:s3:::bucket/*"]
    made = {"Effect": effect, "Principal": principal, "Action": action, "Resource": everything} | more
    return {name: value for name, value in made.items() if value is not None}


def document(*statements: Json) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def aws(principal: Principal) -> Json:
    """It, as a policy names it."""
    return {"AWS": principal.arn}


class World:
    """A bucket of ours, "bucket", with one object, "key"; and who asks for what."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.directory = client.services.identities.directory
        self._seq = 0
        for number, account in ((OURS, OUR_ACCOUNT), (THEIRS, THEIR_ACCOUNT)):
            self._set(number, ACCOUNT, "", account)

    def _set(self, number: str, kind: str, name: str, found: Any) -> None:
        self._seq += 1
        self.directory.update([Identity(number, kind, name, self._seq, 0, encode_document(found))])

    def user(self, name: str, *statements: Json, number: str = OURS, boundary: str = "") -> Principal:
        """A user whose one policy has those statements (without principals)."""
        own = [{k: v for k, v in one.items() if k != "Principal"} for one in statements]
        inline = {"own": document(*own)} if own else {}
        user = User(name, f"AIDA{name.upper():X<12}", 0, inline=inline, boundary=boundary)
        self._set(number, USER, name, user)
        account = OUR_ACCOUNT if number == OURS else THEIR_ACCOUNT
        return user_principal(number, account, user)

    async def ask(
        self, who: Principal, operation: str, key: str = "key", body: bytes = b"", query: str = "",
        bucket: str = "bucket", **headers: str,
    ) -> str:  # fmt: skip
        """ "" where it was done, else the error's name."""
        try:
            await self.call(who, operation, key, body, query, bucket, **headers)
        except StrandlineError as error:
            return type(error).__name__
        return ""

    async def call(
        self, who: Principal, operation: str, key: str = "key", body: bytes = b"", query: str = "",
        bucket: str = "bucket", **headers: str,
    ) -> Answer:  # fmt: skip
        return await self.client.call(operation, key, body, query, bucket, who, **headers)

    async def may(self, who: Principal, *operations: str) -> list[bool]:
        """Of each, whether it was done."""
        return [await self.ask(who, one, *_ARGUMENTS.get(one, ("key",))) == "" for one in operations]

    async def unblock(self) -> None:
        """Let ACLs and policies open the bucket to the public."""
        await self.call(MAIN, "DeletePublicAccessBlock", "")

    async def own(self, ownership: str = "ObjectWriter") -> None:
        """Enable ACLs."""
        rule = f"<Rule><ObjectOwnership>{ownership}</ObjectOwnership></Rule>"
        body = f"<OwnershipControls>{rule}</OwnershipControls>".encode()
        await self.call(MAIN, "PutBucketOwnershipControls", "", body)

    async def policy(self, *statements: Json) -> None:
        await self.call(MAIN, "PutBucketPolicy", "", document(*statements).encode())

    async def acl(self, key: str = "", who: Principal = MAIN, **headers: str) -> None:
        """Set the ACL of the bucket, or of an object."""
        await self.call(who, "PutObjectAcl" if key else "PutBucketAcl", key, **headers)


# What a request of an operation has beside its key.
_ARGUMENTS: dict[str, tuple[str, bytes] | tuple[str]] = {
    "GetBucketAcl": ("",), "GetBucketPolicy": ("",), "HeadBucket": ("",), "ListObjectsV2": ("",),
    "ListObjectVersions": ("",), "ListMultipartUploads": ("",), "PutObject": ("key", b"new"),
    "GetBucketVersioning": ("",), "DeleteBucketPolicy": ("",),
}  # fmt: skip
