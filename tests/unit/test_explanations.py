"""Explanations of decisions about buckets: always what the store does, and who decided it."""

import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from access.evaluation.template import condition_key
from access.identity import Principal
from gateway.authorization.explain_s3 import explain_s3
from gateway.authorization.explanation import Explanation
from schemas.errors import InvalidSimulation, NoSuchBucket
from schemas.identities import POLICY, Policy, PolicyVersion
from tests import gateway_client
from tests.gateway_client import Client
from tests.unit.permitting import ALT, MAIN, NOBODY, OURS, THEIRS, Json, World, aws, document, statement

BUCKET = "arn:aws:s3:::bucket"
# What a request of these tests has, whoever sends it.
SENT = {"aws:sourceip": ("127.0.0.1",), "aws:securetransport": ("false",)}
REFUSALS = ("AccessDenied", "MethodNotAllowed")
# (operation, action, key)
ASKED = [
    ("GetObject", "GetObject", "key"), ("GetObject", "GetObject", "theirs"),
    ("ListObjectsV2", "ListBucket", ""),
    ("GetObjectTagging", "GetObjectTagging", "key"), ("GetObjectTagging", "GetObjectTagging", "theirs"),
    ("GetObjectAcl", "GetObjectAcl", "key"), ("GetBucketAcl", "GetBucketAcl", ""),
    ("GetBucketVersioning", "GetBucketVersioning", ""), ("GetBucketPolicy", "GetBucketPolicy", ""),
    ("PutObject", "PutObject", "new"), ("DeleteObject", "DeleteObject", "gone"),
]  # fmt: skip

some = st.sampled_from


def run(test: Callable[[World], Awaitable[None]]) -> None:
    async def scenario(client: Client) -> None:
        world = World(client)
        await world.call(MAIN, "PutObject", "key", b"bytes", x_amz_tagging="team=sea")
        await test(world)

    with tempfile.TemporaryDirectory() as folder:
        gateway_client.run(Path(folder), scenario)


async def explained(
    world: World,
    who: Principal,
    action: str = "GetObject",
    key: str = "key",
    asker: str = "",
    **context: str,
) -> Explanation:
    resource = f"{BUCKET}/{key}" if key else BUCKET
    context = {condition_key(name.replace("__", ":")): value for name, value in context.items()}
    values = SENT | {name: (value,) for name, value in context.items()}
    return await explain_s3(world.client.services, who, action, resource, values, asker)


def by(found: Explanation) -> list[tuple[str, int, str]]:
    return [(one.policy.name, one.statement.place, one.statement.sid) for one in found.deciding]


# --- the law -------------------------------------------------------------------------------------------
actions = some([
    "s3:*", "s3:Get*", "s3:GetObject", ["s3:PutObject", "s3:DeleteObject"], "s3:ListBucket", "s3:*Object*",
])  # fmt: skip
resources = some([[BUCKET, f"{BUCKET}/*"], [BUCKET, f"{BUCKET}/key"], [BUCKET, f"{BUCKET}/t*"]])
condition = st.none() | some([
    {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, {"Bool": {"aws:SecureTransport": "true"}},
    {"StringEquals": {"s3:ExistingObjectTag/team": "sea"}}, {"StringNotEquals": {"s3:x-amz-acl": "private"}},
    {"StringEquals": {"aws:username": "ann"}}, {"Null": {"s3:ExistingObjectTag/team": "true"}},
])  # fmt: skip
ANN, EVE = f"arn:aws:iam::{OURS}:user/ann", f"arn:aws:iam::{THEIRS}:user/eve"
named = st.just("*") | some([
    {"AWS": OURS}, {"AWS": THEIRS}, {"AWS": ANN}, {"AWS": EVE}, {"AWS": [ANN, THEIRS]},
])  # fmt: skip


@st.composite
def statements(draw: st.DrawFn) -> Json:
    return statement(
        draw(some(["Allow", "Allow", "Deny"])), draw(named), draw(actions), Resource=draw(resources),
        Condition=draw(condition),
    )  # fmt: skip


many = st.lists(statements(), min_size=1, max_size=3)


def bounded(world: World, boundary: list[Json] | None) -> str:
    """The ARN of a policy with those statements."""
    if boundary is None:
        return ""
    own = [{k: v for k, v in one.items() if k != "Principal"} for one in boundary]
    version = PolicyVersion(1, document(*own), 0)
    world._set(OURS, POLICY, "boundary", Policy("boundary", "ANPABOUNDARY", 0, 0, (version,)))
    return f"arn:aws:iam::{OURS}:policy/boundary"


@settings(max_examples=25, deadline=None)
@given(
    policy=many, anns=many, eves=many, boundary=st.none() | many,
    ownership=some(["BucketOwnerEnforced", "ObjectWriter", "BucketOwnerPreferred"]),
    acl=some(["private", "public-read", "public-read-write", "authenticated-read"]),
    ignore=st.booleans(), restrict=st.booleans(),
)  # fmt: skip
def test_it_is_what_the_store_does(
    policy: list[Json], anns: list[Json], eves: list[Json], boundary: list[Json] | None, ownership: str,
    acl: str, ignore: bool, restrict: bool,
) -> None:  # fmt: skip
    async def test(world: World) -> None:
        ann = world.user("ann", *anns, boundary=bounded(world, boundary))
        eve = world.user("eve", *eves, number=THEIRS)
        await world.unblock()
        await world.own(ownership)
        if ownership != "BucketOwnerEnforced":
            await world.acl(x_amz_acl="public-read-write")
            await world.call(ALT, "PutObject", "theirs", b"theirs")
            await world.acl("key", x_amz_acl=acl)
            await world.acl(x_amz_acl=acl)
        else:
            await world.call(MAIN, "PutObject", "theirs", b"ours")
        await world.call(MAIN, "PutObject", "gone", b"")
        await _block(world, ignore, restrict)
        await world.policy(*policy)
        for who in (MAIN, ann, eve, ALT, NOBODY):
            for operation, action, key in ASKED:
                # Nothing is changed by being explained, so that comes first.
                found = await explained(world, who, action, key)
                happened = await world.ask(who, operation, key)
                assert found.trail.decision.allowed is (happened not in REFUSALS), (who.arn, operation, key)
                assert found.trail.decision.allowed or not found.deciding or found.trail.decision.explicit

    run(test)


async def _block(world: World, ignore: bool, restrict: bool) -> None:
    flags = "".join(
        f"<{name}>{str(on).lower()}</{name}>"
        for name, on in (("IgnorePublicAcls", ignore), ("RestrictPublicBuckets", restrict))
    )
    body = f"<PublicAccessBlockConfiguration>{flags}</PublicAccessBlockConfiguration>".encode()
    await world.call(MAIN, "PutPublicAccessBlock", "", body)


# --- who and why ---------------------------------------------------------------------------------------
def test_who_decided() -> None:
    async def test(world: World) -> None:
        ann = world.user("ann", statement(action="s3:Get*", Sid="Reads"))
        found = await explained(world, ann)
        assert (found.verdict, by(found)) == ("allowed", [("policy own of user ann", 1, "Reads")])
        found = await explained(world, ann, "PutObject", "new")
        assert (found.verdict, by(found)) == ("implicitDeny", [])
        assert found.trail.decision.reason == "No policy of the caller's own allows it."
        await world.policy(
            statement("Allow", aws(ann), "s3:PutObject"),
            statement("Deny", aws(ann), "s3:GetObject", Sid="Not"),
        )
        found = await explained(world, ann)
        assert (found.verdict, by(found)) == ("explicitDeny", [("the policy of bucket bucket", 2, "Not")])
        assert [one.statement.sid for one in found.trail.allowing] == ["Reads"]
        found = await explained(world, ann, "PutObject", "new")
        assert (found.verdict, by(found)) == ("allowed", [("the policy of bucket bucket", 1, "")])
        found = await explained(world, MAIN)
        assert (found.verdict, by(found)) == ("allowed", [])
        assert "root of the account" in found.trail.decision.reason

    run(test)


def test_the_boundary_has_its_part() -> None:
    async def test(world: World) -> None:
        boundary = bounded(world, [statement(action="s3:Put*")])
        ann = world.user("ann", statement(), boundary=boundary)
        found = await explained(world, ann)
        assert (found.verdict, found.boundary, found.trail.boundary) == ("implicitDeny", boundary, False)
        assert found.trail.decision.reason == "The permissions boundary does not allow it."
        assert (await explained(world, ann, "PutObject", "new")).trail.boundary is True

    run(test)


def test_between_accounts_one_statement_of_each() -> None:
    async def test(world: World) -> None:
        eve = world.user("eve", statement(Sid="Own"), number=THEIRS)
        await world.policy(statement("Allow", {"AWS": THEIRS}, "s3:GetObject", Sid="Theirs"))
        found = await explained(world, eve)
        assert [sid for _, _, sid in by(found)] == ["Theirs", "Own"]
        hidden = await explained(world, eve, asker=ALT.id)
        assert (hidden.verdict, [sid for _, _, sid in by(hidden)]) == ("allowed", ["Own"])
        assert hidden.bucket is None
        await world.policy(statement("Deny", {"AWS": THEIRS}, "s3:*", Sid="No"))
        hidden = await explained(world, eve, asker=ALT.id)
        assert (hidden.verdict, hidden.trail.denying, hidden.trail.decision.statement) == (
            "implicitDeny", (), None,
        )  # fmt: skip

    run(test)


# --- what strangers are told ---------------------------------------------------------------------------
def asked_of(*, effect: str = "Allow", **condition: Json) -> Json:
    return statement(effect, action="s3:*", Resource="*", Condition=condition, Sid="Own")


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
@pytest.mark.parametrize("key", ["s3:ExistingObjectTag/team", "s3:ResourceAccount", "aws:ResourceAccount"])
def test_strangers_learn_nothing_of_the_resource(effect: str, key: str) -> None:
    async def test(world: World) -> None:
        told = []
        for value in ("s*", "1*", "x*"):
            own = asked_of(effect=effect, StringLike={key: value})
            eve = world.user("eve", statement(), own, number=THEIRS)
            for name in ("key", "none"):
                found = await explained(world, eve, key=name, asker=ALT.id)
                told.append((found.verdict, [one.statement.place for one in found.trail.allowing],
                             found.trail.denying, found.trail.decision.reason, found.missing))  # fmt: skip
        assert told == [told[0]] * 6

    run(test)


def test_strangers_are_told_the_outcome_of_a_request() -> None:
    async def test(world: World) -> None:
        await world.policy(statement("Allow", {"AWS": THEIRS}, "s3:GetObject"))
        for value in ("sea", "sky"):
            own = asked_of(StringEquals={"s3:ExistingObjectTag/team": value})
            eve = world.user("eve", own, number=THEIRS)
            found = await explained(world, eve, asker=ALT.id)
            allowed = await world.ask(eve, "GetObject") == ""
            assert (found.trail.decision.allowed, found.trail.allowing) == (allowed, ())
            assert allowed is (value == "sea")

    run(test)


def test_strangers_are_told_no_mechanism() -> None:
    """One text for what is allowed, one for what is not, whatever the owner has set."""

    async def test(world: World) -> None:
        await world.unblock()
        await world.own()
        eve = world.user("eve", statement(), number=THEIRS)
        told: dict[bool, set[str]] = {True: set(), False: set()}

        async def ask() -> None:
            for who in (eve, NOBODY):
                for action, key in (("GetObject", "key"), ("PutBucketPolicy", "")):
                    found = await explained(world, who, action, key, asker=ALT.id)
                    decision = found.trail.decision
                    assert (found.acl, found.bucket, found.remarks[1:]) == ("", None, ())
                    told[decision.allowed].add(f"{found.verdict}: {decision.reason}")

        await ask()
        await world.acl("key", x_amz_acl="public-read")
        await ask()
        await world.policy(statement("Deny", "*", "s3:*"))
        await ask()
        await world.policy(statement("Allow", "*", "s3:*"))
        await ask()
        body = b"<RequestPaymentConfiguration><Payer>Requester</Payer></RequestPaymentConfiguration>"
        await world.call(MAIN, "PutBucketRequestPayment", "", body)
        await ask()
        assert (len(told[True]), len(told[False])) == (1, 1), told

    run(test)


def test_strangers_are_told_what_their_own_policies_say() -> None:
    async def test(world: World) -> None:
        denied = asked_of(effect="Deny", IpAddress={"aws:SourceIp": "10.0.0.0/8"})
        eve = world.user("eve", statement(), denied, number=THEIRS)
        found = await explained(world, eve, asker=ALT.id, aws__SourceIp="10.1.2.3")
        assert (found.verdict, by(found)) == ("explicitDeny", [("policy own of user eve", 2, "Own")])
        eve = world.user("eve", number=THEIRS)
        found = await explained(world, eve, asker=ALT.id)
        assert found.trail.decision.reason == "No policy of the caller's own allows it."

    run(test)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("aws:SourceIp", "10.1.2.3"), ("aws:SourceVpc", "vpc-1"), ("aws:SourceVpce", "vpce-1"),
        ("aws:VpcSourceIp", "10.1.2.3"), ("aws:PrincipalArn", "arn:aws:iam::1:user/x"),
        ("aws:PrincipalTag/team", "sea"), ("aws:PrincipalOrgID", "o-1"), ("aws:userid", "AIDA1"),
        ("aws:username", "ann"), ("aws:CurrentTime", "2000-01-01T00:00:00Z"),
        ("s3:ExistingObjectTag/team", "sky"), ("aws:MultiFactorAuthPresent", "true"),
    ],
)  # fmt: skip
def test_policies_of_others_are_not_tried_with_what_callers_cannot_choose(key: str, value: str) -> None:
    async def test(world: World) -> None:
        equals = "StringEquals" if "Time" not in key else "DateEquals"
        theirs = statement("Allow", {"AWS": THEIRS}, "s3:*", Condition={equals: {key: value}})
        await world.policy(theirs)
        eve = world.user("eve", asked_of(**{equals: {key: value}}), number=THEIRS)
        words = {condition_key(key).replace(":", "__"): value}
        found = await explained(world, eve, asker=ALT.id, **words)
        assert (found.verdict, len(found.trail.allowing)) == ("implicitDeny", 1)
        assert condition_key(key) in found.remarks[0]
        assert (await explained(world, eve, **words)).verdict == "allowed"  # to the owner

    run(test)


def test_what_a_request_says_is_tried_with_policies_of_others() -> None:
    async def test(world: World) -> None:
        theirs = {"StringEquals": {"s3:prefix": "a/"}, "Bool": {"aws:SecureTransport": "true"}}
        await world.policy(statement("Allow", {"AWS": THEIRS}, "s3:ListBucket", Condition=theirs))
        eve = world.user("eve", statement(), number=THEIRS)
        said = {"s3__prefix": "a/", "aws__securetransport": "true"}
        assert (await explained(world, eve, "ListBucket", "", ALT.id, **said)).verdict == "allowed"
        assert (await explained(world, eve, "ListBucket", "", ALT.id)).verdict == "implicitDeny"

    run(test)


def test_acls_and_what_keeps_them_from_counting() -> None:
    async def test(world: World) -> None:
        await world.unblock()
        await world.own()
        await world.acl("key", x_amz_acl="public-read")
        found = await explained(world, NOBODY)
        assert (found.verdict, found.acl, by(found)) == ("allowed", "the ACL of key", [])
        await _block(world, ignore=True, restrict=False)
        found = await explained(world, NOBODY)
        assert (found.verdict, found.acl) == ("implicitDeny", "")
        assert found.remarks == ("An ACL would grant it, but IgnorePublicAcls is on.",)
        await world.own("BucketOwnerEnforced")
        [remark] = (await explained(world, NOBODY)).remarks
        assert "BucketOwnerEnforced" in remark
        assert (await explained(world, NOBODY, "PutObject", "new")).remarks == ()

    run(test)


def test_restricted_public_buckets() -> None:
    async def test(world: World) -> None:
        await world.unblock()
        await world.policy(statement("Allow", "*", "s3:GetObject"))
        assert (await explained(world, NOBODY)).verdict == "allowed"
        await _block(world, ignore=False, restrict=True)
        found = await explained(world, NOBODY)
        assert found.verdict == "implicitDeny"
        assert "RestrictPublicBuckets" in found.remarks[0]

    run(test)


def test_missing_keys_are_those_that_a_request_tells() -> None:
    async def test(world: World) -> None:
        ann = world.user(
            "ann",
            statement(
                Condition={
                    "StringEquals": {
                        "s3:prefix": "a",
                        "s3:ExistingObjectTag/none": "x",
                        "aws:PrincipalTag/t": "x",
                    }
                }
            ),
        )
        assert (await explained(world, ann)).missing == ("s3:prefix",)
        assert (await explained(world, ann, "ListBucket", "", s3__prefix="a")).missing == ()

    run(test)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("GetObject", BUCKET), ("ListBucket", f"{BUCKET}/key"), ("GetObject", "*"),
        ("GetObject", "arn:aws:iam::123456789012:user/ann"), ("ReplicateObject", f"{BUCKET}/key"),
        ("GetObjekt", f"{BUCKET}/key"),
    ],
)  # fmt: skip
def test_what_no_request_could_ask(action: str, resource: str) -> None:
    async def test(world: World) -> None:
        with pytest.raises(InvalidSimulation):
            await explain_s3(world.client.services, MAIN, action, resource, {})
        with pytest.raises(NoSuchBucket):
            await explain_s3(world.client.services, MAIN, "GetObject", "arn:aws:s3:::nothing/key", {})

    run(test)


def test_actions_of_the_account() -> None:
    async def test(world: World) -> None:
        ann = world.user("ann", statement(action="s3:ListAllMyBuckets", Resource="*"))
        services = world.client.services
        for who, action, expected in (
            (ann, "listallmybuckets", "allowed"), (ann, "CreateBucket", "implicitDeny"),
            (MAIN, "CreateBucket", "allowed"), (NOBODY, "ListAllMyBuckets", "implicitDeny"),
        ):  # fmt: skip
            found = await explain_s3(services, who, action, "*", {})
            assert (found.verdict, found.bucket) == (expected, None)
        assert found.action == "s3:ListAllMyBuckets"

    run(test)
