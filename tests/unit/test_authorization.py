"""Who gets through: the operations of S3 as asked by two accounts, their users, and nobody."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from schemas.errors import AccessDenied
from tests import gateway_client
from tests.gateway_client import Client
from tests.s3.raw import content_md5
from tests.unit.permitting import (
    ALL_USERS,
    ALT,
    MAIN,
    NOBODY,
    OURS,
    THEIR_ID,
    THEIRS,
    World,
    aws,
    document,
    statement,
)

DENIED = "AccessDenied"


def run(folder: Path, test: Callable[[World], Awaitable[None]]) -> None:
    async def scenario(client: Client) -> None:
        world = World(client)
        await world.call(MAIN, "PutObject", "key", b"bytes")
        await test(world)

    gateway_client.run(folder, scenario)


def test_nothing_is_open_unless_somebody_opened_it(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        asked = ["GetObject", "HeadObject", "PutObject", "DeleteObject", "ListObjectsV2", "HeadBucket"]
        asked += ["ListObjectVersions", "GetObjectAcl", "GetBucketAcl", "GetBucketPolicy"]
        ann, eve = world.user("ann"), world.user("eve", statement(), number=THEIRS)
        for who in (NOBODY, ALT, ann, eve):
            for operation in asked:
                assert await world.may(who, operation) == [False], (who.arn, operation)
            assert await world.ask(who, "GetObject", "missing") == DENIED
            assert await world.ask(who, "GetObject", bucket="no-such-bucket") == "NoSuchBucket"
        assert await world.may(MAIN, "GetObject", "ListObjectsV2", "GetBucketAcl") == [True] * 3

    run(tmp_path, test)


def test_a_users_own_policies(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        reader = world.user("ann", statement(action=["s3:GetObject", "s3:ListBucket"]))
        asked = ["GetObject", "HeadObject", "ListObjectsV2", "HeadBucket", "PutObject", "GetObjectTagging"]
        assert await world.may(reader, *asked) == [True, True, True, True, False, False]
        assert await world.ask(reader, "GetObject", "missing") == "NoSuchKey"
        home = world.user("bob", statement(Resource="arn:aws:s3:::bucket/home/${aws:username}/*"))
        assert await world.ask(home, "PutObject", "home/bob/x", b"x") == ""
        assert await world.ask(home, "PutObject", "home/ann/x", b"x") == DENIED
        # Policies of its own do not take it beyond its account's buckets.
        eve = world.user("eve", statement(Resource="*"), number=THEIRS)
        assert await world.may(eve, "GetObject") == [False]
        await world.policy(statement(principal={"AWS": THEIRS}, action="s3:GetObject"))
        assert await world.may(eve, "GetObject") == [True]
        assert await world.may(world.user("mallory", number=THEIRS), "GetObject") == [False]
        # A policy that changed is the one that counts.
        assert await world.may(world.user("ann"), "GetObject") == [False]

    run(tmp_path, test)


def test_tags_of_an_object_as_variables(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        for key in ("sea/1", "hill/1"):
            await world.call(MAIN, "PutObject", key, b"bytes", x_amz_tagging="team=sea")
        own = statement(Resource="arn:aws:s3:::bucket/${s3:ExistingObjectTag/team}/*")
        ann = world.user("ann", own)
        assert [await world.ask(ann, "GetObject", key) for key in ("sea/1", "hill/1")] == ["", DENIED]
        named = {"StringEquals": {"aws:username": "${s3:ExistingObjectTag/team}"}}
        sea = world.user("sea", statement(Condition=named))
        assert await world.ask(sea, "GetObject", "hill/1") == ""
        assert await world.ask(sea, "GetObject") == DENIED  # which has no such tag

    run(tmp_path, test)


def test_messages_tell_members_of_the_account_why(tmp_path: Path) -> None:
    async def told(world: World, who: object, operation: str) -> str:
        with pytest.raises(AccessDenied) as caught:
            await world.call(who, operation)  # type: ignore[arg-type]
        return str(caught.value)

    async def test(world: World) -> None:
        ann = world.user("ann")
        head = f"User: {ann.arn} is not authorized to perform: s3:GetObject on resource: "
        head += '"arn:aws:s3:::bucket/key"'
        assert await told(world, ann, "GetObject") == (
            f"{head} because no identity-based policy allows the s3:GetObject action"
        )
        await world.policy(statement("Deny", action="s3:GetObject"))
        assert await told(world, ann, "GetObject") == (
            f"{head} with an explicit deny in a resource-based policy"
        )
        assert await told(world, ALT, "GetObject") == ""
        assert await told(world, NOBODY, "GetObject") == ""

    run(tmp_path, test)


def test_a_bucket_policy_opens_to_everybody(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        text = document(statement(action=["s3:GetObject"])).encode()
        assert await world.ask(MAIN, "PutBucketPolicy", "", text) == DENIED  # BlockPublicPolicy
        await world.unblock()
        await world.policy(statement(action=["s3:GetObject"]))
        for who in (NOBODY, ALT, world.user("ann"), world.user("eve", statement(), number=THEIRS)):
            asked = ["GetObject", "HeadObject", "PutObject", "ListObjectsV2"]
            assert await world.may(who, *asked) == [True, True, False, False]
            assert await world.ask(who, "GetObject", "missing") == DENIED  # it may not list
        await world.policy(statement(action=["s3:GetObject", "s3:ListBucket"]))
        assert await world.ask(NOBODY, "GetObject", "missing") == "NoSuchKey"
        # Without its own policies nobody of another account gets in.
        assert await world.may(world.user("mallory", number=THEIRS), "GetObject") == [False]
        block = "<PublicAccessBlockConfiguration><RestrictPublicBuckets>true</RestrictPublicBuckets>"
        block += "</PublicAccessBlockConfiguration>"
        await world.call(MAIN, "PutPublicAccessBlock", "", block.encode())
        for who, allowed in ((NOBODY, False), (ALT, False), (world.user("ann"), True)):
            assert await world.may(who, "GetObject") == [allowed]

    run(tmp_path, test)


def test_another_account(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        await world.policy(statement(principal=aws(ALT)))
        asked = ["GetObject", "PutObject", "ListObjectsV2", "GetBucketAcl", "DeleteObject"]
        assert await world.may(ALT, *asked) == [True] * 5
        # The policy of the bucket is its owner's affair.
        for operation in ("GetBucketPolicy", "DeleteBucketPolicy"):
            assert await world.ask(ALT, operation, "") == "MethodNotAllowed"
        assert await world.ask(ALT, "PutBucketPolicy", "", document(statement()).encode()) == (
            "MethodNotAllowed"
        )
        assert await world.may(NOBODY, "GetObject") == [False]
        assert await world.ask(ALT, "CreateBucket", "", bucket="bucket") == "BucketAlreadyExists"
        assert await world.ask(MAIN, "CreateBucket", "", bucket="bucket") == "BucketAlreadyOwnedByYou"
        assert await world.ask(ALT, "CreateBucket", "", bucket="theirs") == ""
        assert await world.ask(MAIN, "PutObject", "key", b"x", bucket="theirs") == DENIED
        answer = await world.call(ALT, "ListBuckets", "", bucket="")
        assert b"<Name>theirs</Name>" in answer.body
        assert b"<Name>bucket</Name>" not in answer.body
        assert await world.ask(NOBODY, "ListBuckets", "", bucket="") == DENIED
        assert await world.ask(world.user("ann"), "ListBuckets", "", bucket="") == DENIED
        lists = world.user("bob", statement(action="s3:ListAllMyBuckets", Resource="*"))
        assert await world.ask(lists, "ListBuckets", "", bucket="") == ""

    run(tmp_path, test)


def test_a_denial_ends_it_but_the_root_may_mend_the_policy(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        await world.policy(statement("Deny"))
        ann = world.user("ann", statement(Resource="*"))
        for who in (MAIN, ann):
            assert await world.may(who, "GetObject", "ListObjectsV2", "PutObject") == [False] * 3
        assert await world.may(ann, "GetBucketPolicy", "DeleteBucketPolicy") == [False, False]
        assert await world.may(MAIN, "GetBucketPolicy", "DeleteBucketPolicy", "GetObject") == [True] * 3

    run(tmp_path, test)


def test_conditions_of_requests(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        def only(**conditions: dict[str, object]) -> dict[str, object]:
            return statement(principal=aws(ALT), Condition=conditions)

        async def denied(*statements: dict[str, object]) -> None:
            await world.policy(*statements)

        await denied(only(StringLike={"s3:prefix": "home/*"}))
        assert await world.ask(ALT, "ListObjectsV2", "", query="prefix=home/a") == ""
        assert await world.ask(ALT, "ListObjectsV2", "", query="prefix=other") == DENIED
        assert await world.ask(ALT, "ListObjectsV2", "") == DENIED
        await denied(only(StringEquals={"s3:x-amz-server-side-encryption": "AES256"}))
        assert await world.ask(ALT, "PutObject", "k", b"x") == DENIED
        asked = {"x-amz-server-side-encryption": "AES256"}
        assert await world.ask(ALT, "PutObject", "k", b"x", **asked) == ""
        await denied(only(StringEquals={"s3:ExistingObjectTag/security": "public"}))
        assert await world.ask(ALT, "GetObject") == DENIED
        await world.call(MAIN, "PutObject", "tagged", b"x", **{"x-amz-tagging": "security=public"})
        assert await world.ask(ALT, "GetObject", "tagged") == ""
        assert await world.ask(ALT, "GetObjectTagging", "tagged") == ""
        await denied(only(StringEquals={"s3:RequestObjectTag/security": "public"}))
        tags = b"<Tagging><TagSet><Tag><Key>security</Key><Value>%s</Value></Tag></TagSet></Tagging>"
        for value, told in ((b"public", ""), (b"private", DENIED)):
            body = tags % value
            assert await world.ask(ALT, "PutObjectTagging", "tagged", body, **content_md5(body)) == told
            asked = {"x-amz-tagging": f"security={value.decode()}"}
            assert await world.ask(ALT, "PutObject", "new", b"x", **asked) == told
        await denied(only(IpAddress={"aws:SourceIp": "10.0.0.0/8"}))
        assert await world.may(ALT, "GetObject") == [False]
        await denied(only(IpAddress={"aws:SourceIp": "127.0.0.0/8"}))
        assert await world.may(ALT, "GetObject") == [True]
        await denied(statement("Deny", Condition={"Bool": {"aws:SecureTransport": "false"}}))
        assert await world.may(MAIN, "GetObject") == [False]

    run(tmp_path, test)


def test_copies_need_both_sides(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        assert await world.ask(ALT, "CreateBucket", "", bucket="theirs") == ""
        source = {"x-amz-copy-source": "bucket/key"}
        assert await world.ask(ALT, "CopyObject", "copy", bucket="theirs", **source) == DENIED
        await world.policy(statement(principal=aws(ALT), action="s3:GetObject"))
        assert await world.ask(ALT, "CopyObject", "copy", bucket="theirs", **source) == ""
        missing = {"x-amz-copy-source": "bucket/missing"}
        assert await world.ask(ALT, "CopyObject", "copy", bucket="theirs", **missing) == DENIED
        assert await world.ask(ALT, "CopyObject", "copy", bucket="bucket", **source) == DENIED
        # The object's tags are read with it, and written.
        await world.call(MAIN, "PutObject", "key", b"x", **{"x-amz-tagging": "a=b"})
        assert await world.ask(ALT, "CopyObject", "copy", bucket="theirs", **source) == DENIED
        replace = {"x-amz-tagging-directive": "REPLACE"}
        assert await world.ask(ALT, "CopyObject", "copy", bucket="theirs", **source, **replace) == ""
        await world.policy(statement(principal=aws(ALT), action=["s3:GetObject", "s3:GetObjectTagging"]))
        assert await world.ask(ALT, "CopyObject", "copy", bucket="theirs", **source) == ""
        answer = await world.call(ALT, "CreateMultipartUpload", "parts", query="uploads", bucket="theirs")
        part = f"partNumber=1&uploadId={answer.element('UploadId')}"
        assert await world.ask(ALT, "UploadPartCopy", "parts", query=part, bucket="theirs", **source) == ""
        await world.call(MAIN, "DeleteBucketPolicy", "")
        assert await world.ask(ALT, "UploadPartCopy", "parts", query=part, bucket="theirs", **source) == (
            DENIED
        )

    run(tmp_path, test)


def test_acls_of_buckets(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        await world.own()
        await world.unblock()
        asked = ["ListObjectsV2", "PutObject", "GetBucketAcl", "GetObject"]
        for header, expected in (
            ("x-amz-grant-read", [True, False, False, False]),
            ("x-amz-grant-write", [False, True, False, True]),  # what it wrote just now is its own
            ("x-amz-grant-read-acp", [False, False, True, True]),
            ("x-amz-grant-full-control", [True, True, True, True]),
        ):
            await world.call(MAIN, "PutObject", "key", b"x") if header.endswith("read") else None
            await world.acl(**{header: f'id="{THEIR_ID}"'})
            assert await world.may(ALT, *asked) == expected, header
            assert await world.may(NOBODY, *asked) == [False] * 4
        # An ACL names the account; its users need their own policies beside that.
        allowed = world.user("eve", statement(), number=THEIRS)
        assert await world.may(allowed, "ListObjectsV2") == [True]
        assert await world.may(world.user("mallory", number=THEIRS), "ListObjectsV2") == [False]
        await world.acl(**{"x-amz-acl": "public-read-write"})
        assert await world.may(NOBODY, "ListObjectsV2", "PutObject", "GetBucketAcl") == [True, True, False]
        await world.acl(**{"x-amz-acl": "authenticated-read"})
        assert await world.may(NOBODY, "ListObjectsV2") == [False]
        assert await world.may(ALT, "ListObjectsV2", "PutObject") == [True, False]

    run(tmp_path, test)


def test_acls_of_objects(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        await world.own()
        await world.unblock()
        asked = ["GetObject", "HeadObject", "GetObjectAcl", "ListObjectsV2", "PutObject", "GetObjectTagging"]
        await world.acl("key", **{"x-amz-acl": "public-read"})
        for who in (NOBODY, ALT):
            assert await world.may(who, *asked) == [True, True, False, False, False, False]
        assert await world.ask(NOBODY, "GetObject", "missing") == DENIED
        await world.acl("key", **{"x-amz-grant-read-acp": f"id={THEIR_ID}"})
        assert await world.may(ALT, *asked) == [False, False, True, False, False, False]
        await world.acl("key", **{"x-amz-grant-write-acp": f"id={THEIR_ID}"})
        await world.acl("key", ALT, **{"x-amz-grant-read": f"uri={ALL_USERS}"})
        assert await world.may(NOBODY, "GetObject") == [True]
        ignore = b"<PublicAccessBlockConfiguration><IgnorePublicAcls>true</IgnorePublicAcls>"
        ignore += b"</PublicAccessBlockConfiguration>"
        await world.call(MAIN, "PutPublicAccessBlock", "", ignore)
        assert await world.may(NOBODY, "GetObject") == [False]
        await world.unblock()
        # With ACLs disabled, what they say counts for nothing.
        await world.own("BucketOwnerEnforced")
        assert await world.may(NOBODY, "GetObject") == [False]

    run(tmp_path, test)


def test_objects_that_others_wrote(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        await world.own()
        await world.acl(**{"x-amz-grant-write": f"id={THEIR_ID}"})
        await world.call(ALT, "PutObject", "theirs", b"x")
        assert await world.ask(ALT, "GetObject", "theirs") == ""
        # The bucket's owner may remove it, and no more, whatever its policy says.
        ours = await world.call(MAIN, "ListObjectsV2", "", query="fetch-owner=true")
        assert f"<ID>{THEIR_ID}</ID>".encode() in ours.body
        assert await world.ask(MAIN, "GetObject", "theirs") == DENIED
        await world.policy(statement(principal={"AWS": OURS}))
        assert await world.ask(MAIN, "GetObject", "theirs") == DENIED
        await world.policy(statement("Deny", principal=aws(ALT), action="s3:GetObject"))
        assert await world.ask(ALT, "GetObject", "theirs") == DENIED
        await world.call(MAIN, "DeleteBucketPolicy", "")
        assert await world.ask(ALT, "DeleteObject", "key") == DENIED
        assert await world.ask(ALT, "DeleteObject", "theirs") == ""
        await world.call(ALT, "PutObject", "theirs", b"x")
        assert await world.ask(MAIN, "DeleteObject", "theirs") == ""
        given = {"x-amz-acl": "bucket-owner-full-control"}
        await world.call(ALT, "PutObject", "shared", b"x", **given)
        assert await world.ask(MAIN, "GetObject", "shared") == ""
        assert THEIR_ID in (await world.call(MAIN, "GetObjectAcl", "shared")).body.decode()
        # Where it prefers to own what is given to it, it does.
        await world.own("BucketOwnerPreferred")
        await world.call(ALT, "PutObject", "preferred", b"x", **given)
        assert await world.ask(ALT, "GetObject", "preferred") == DENIED
        assert THEIR_ID not in (await world.call(MAIN, "GetObjectAcl", "preferred")).body.decode()
        # And with ACLs disabled it owns everything.
        await world.call(ALT, "PutObject", "kept", b"x")
        assert await world.ask(MAIN, "GetObject", "kept") == DENIED
        await world.acl(**{"x-amz-acl": "private"})
        await world.own("BucketOwnerEnforced")
        assert await world.ask(MAIN, "GetObject", "kept") == ""
        assert await world.ask(ALT, "GetObject", "kept") == DENIED

    run(tmp_path, test)


def test_uploads_of_another_account(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        await world.policy(statement(principal=aws(ALT), action="s3:PutObject"))
        answer = await world.call(ALT, "CreateMultipartUpload", "parts", query="uploads")
        upload = f"uploadId={answer.element('UploadId')}"
        ours = await world.call(MAIN, "CreateMultipartUpload", "parts", query="uploads")
        # Who began an upload may look at it and end it.
        assert await world.ask(ALT, "ListParts", "parts", query=upload) == ""
        assert await world.ask(ALT, "ListMultipartUploads", "") == DENIED
        other = f"uploadId={ours.element('UploadId')}"
        assert await world.ask(ALT, "ListParts", "parts", query=other) == DENIED
        assert await world.ask(ALT, "AbortMultipartUpload", "parts", query=other) == DENIED
        assert await world.ask(world.user("mallory", number=THEIRS), "ListParts", "parts", query=upload) == (
            DENIED
        )
        assert await world.ask(world.user("ann"), "AbortMultipartUpload", "parts", query=other) == DENIED
        assert await world.ask(ALT, "AbortMultipartUpload", "parts", query=upload) == ""

    run(tmp_path, test)


def test_each_of_several_deletions_is_decided(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        await world.policy(
            statement(principal=aws(ALT), action="s3:DeleteObject", Resource="arn:aws:s3:::bucket/a/*")
        )
        for key in ("a/1", "b/1"):
            await world.call(MAIN, "PutObject", key, b"x")
        body = b"<Delete><Object><Key>a/1</Key></Object><Object><Key>b/1</Key></Object></Delete>"
        answer = await world.call(ALT, "DeleteObjects", "", body, query="delete", **content_md5(body))
        assert b"<Deleted><Key>a/1</Key></Deleted>" in answer.body
        assert b"<Key>b/1</Key><Code>AccessDenied</Code>" in answer.body
        assert await world.ask(MAIN, "GetObject", "b/1") == ""

    run(tmp_path, test)


def test_versions_have_actions_of_their_own(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        await world.client.versioning("enabled")
        await world.call(MAIN, "PutObject", "key", b"x")
        version = (await world.call(MAIN, "HeadObject")).headers["x-amz-version-id"]
        named = f"versionId={version}"
        await world.policy(statement(principal=aws(ALT), action=["s3:GetObject", "s3:DeleteObject"]))
        assert await world.ask(ALT, "GetObject") == ""
        assert await world.ask(ALT, "GetObject", query=named) == DENIED
        assert await world.ask(ALT, "DeleteObject", query=named) == DENIED
        assert await world.ask(ALT, "GetObject", query="versionId=null") == DENIED
        await world.policy(statement(principal=aws(ALT), action=["s3:GetObjectVersion"]))
        assert await world.ask(ALT, "GetObject", query=named) == ""
        assert await world.ask(ALT, "GetObject") == DENIED

    run(tmp_path, test)


def test_public_writers_own_nothing_of_ours(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        await world.own()
        await world.unblock()
        await world.acl(**{"x-amz-acl": "public-read-write"})
        await world.call(NOBODY, "PutObject", "theirs", b"x", **{"x-amz-acl": "public-read"})
        owner = (await world.call(NOBODY, "ListObjectsV2", "", query="fetch-owner=true")).body.decode()
        assert "<ID>65a011a29cdf8ec533ec3d1ccaae921c</ID>" in owner
        assert await world.ask(ALT, "GetObject", "theirs") == ""
        assert await world.ask(MAIN, "PutObjectAcl", "theirs", **{"x-amz-acl": "private"}) == DENIED

    run(tmp_path, test)
