"""Who is allowed what: elements of statements, principals, and how policies of several kinds go together."""

from typing import Any

import pytest

from access.evaluation.policy import Ask
from access.evaluation.principals import Named, Principals, Who
from access.identity import ANONYMOUS
from tests.unit.evaluating import (
    OUR_ID,
    OURS,
    ROLE,
    SESSION,
    THEIR_ID,
    THEIRS,
    asked,
    policy,
    statement,
    who,
)

OBJECT = "arn:aws:s3:::photos/cat"

# (Action or NotAction, the action asked for, whether it is named)
ACTIONS = [
    ("s3:GetObject", "s3:GetObject", True), ("S3:getobject", "s3:GetObject", True),
    ("s3:Get*", "s3:GetObject", True),
    ("s3:get*", "s3:GetObjectAcl", True), ("s3:*Object", "s3:PutObject", True),
    ("s3:*Object", "s3:PutObjectAcl", False),
    ("s3:?etObject", "s3:GetObject", True), ("*", "s3:GetObject", True), ("s3:*", "iam:GetUser", False),
    ("iam:*", "iam:GetUser", True), ("s3:GetObject", "s3:GetObjectVersion", False),
    ("s3:PutObject", "s3:GetObject", False),
    ("*:*", "s3:GetObject", True), ("s3*", "s3:GetObject", True),
    (["s3:Put*", "s3:Get*"], "s3:GetObject", True),
    (["s3:Put*", "s3:Delete*"], "s3:GetObject", False),
]  # fmt: skip

# (Resource, the resource asked for, whether it is named); the user is ann
RESOURCES = [
    ("*", OBJECT, True), (OBJECT, OBJECT, True), ("arn:aws:s3:::photos/*", OBJECT, True),
    ("arn:aws:s3:::photos", OBJECT, False), ("arn:aws:s3:::photos", "arn:aws:s3:::photos", True),
    ("arn:aws:s3:::photos/*", "arn:aws:s3:::photos", False), ("arn:aws:s3:::photos*", OBJECT, True),
    ("arn:aws:s3:::*", OBJECT, True), ("arn:aws:s3:::*/cat", OBJECT, True),
    ("arn:aws:s3:::*/dog", OBJECT, False),
    ("arn:aws:s3:::photos/CAT", OBJECT, False), ("arn:aws:s3:::Photos/cat", OBJECT, False),
    ("arn:aws:s3:::photos/c?t", OBJECT, True), ("arn:aws:s3:::photos/c?", OBJECT, False),
    ("arn:aws:s3:::photos/home/${aws:username}/*", "arn:aws:s3:::photos/home/ann/x", True),
    ("arn:aws:s3:::photos/home/${aws:username}/*", "arn:aws:s3:::photos/home/bob/x", False),
    ("arn:aws:s3:::photos/home/${aws:username}/*", "arn:aws:s3:::photos/home/ann", False),
    ("arn:aws:s3:::photos/${aws:nothing}/*", "arn:aws:s3:::photos//x", False),
    ("arn:aws:s3:::photos/${aws:nothing, 'all'}/*", "arn:aws:s3:::photos/all/x", True),
    ("arn:aws:s3:::photos/${test:star}/*", "arn:aws:s3:::photos/bob/x", False),
    ("arn:aws:s3:::photos/${test:star}/*", "arn:aws:s3:::photos/*/x", True),
    (["arn:aws:s3:::a/*", "arn:aws:s3:::photos/*"], OBJECT, True),
    (["arn:aws:s3:::a/*", "arn:aws:s3:::b/*"], OBJECT, False),
    ("arn:aws:s3:::photos/a/*", "arn:aws:s3:::photos/a/../b", True),
    ("arn:aws:s3:::photos/b", "arn:aws:s3:::photos/a/../b", False),
    ("arn:aws:s3:::photos/a b", "arn:aws:s3:::photos/a%20b", False),
    ("arn:aws:s3:::photos/a/b", "arn:aws:s3:::photos/a//b", False),
]  # fmt: skip
CONTEXT: dict[str, Any] = {"aws:username": "ann", "test:star": "*"}


@pytest.mark.parametrize(("named", "action", "fits"), ACTIONS)
def test_action(named: Any, action: str, fits: bool) -> None:
    assert asked(action=action, identity=[policy(statement(Action=named))]).allowed is fits
    assert asked(action=action, identity=[policy(statement(NotAction=named))]).allowed is not fits


@pytest.mark.parametrize(("named", "resource", "fits"), RESOURCES)
def test_resource(named: Any, resource: str, fits: bool) -> None:
    one = [policy(statement(Resource=named))]
    assert asked(resource=resource, context=CONTEXT, identity=one).allowed is fits
    if "nothing}" not in str(named):  # a variable without a value excepts what cannot be told
        other = [policy(statement(NotResource=named))]
        assert asked(resource=resource, context=CONTEXT, identity=other).allowed is not fits


def test_an_exception_that_cannot_be_told_allows_nothing_and_denies_everything() -> None:
    unknown = "arn:aws:s3:::photos/${aws:nothing}/*"
    every = policy(statement())
    assert not asked(identity=[policy(statement(NotResource=unknown))]).allowed
    assert not asked(identity=[every, policy(statement("Deny", NotResource=unknown))]).allowed


ANN, EVE = f"arn:aws:iam::{OURS}:user/ann", f"arn:aws:iam::{THEIRS}:user/eve"
OUR_ROOT, THEIR_ROOT = f"arn:aws:iam::{OURS}:root", f"arn:aws:iam::{THEIRS}:root"
N, A, R, S = Named.NOT, Named.ACCOUNT, Named.ROLE, Named.ITSELF

# (Principal, how it names: our root, ann, the session of a role, their root, eve, anonymous)
PRINCIPALS: list[tuple[Any, tuple[Named, ...]]] = [
    ("*", (S, S, R, S, S, S)), ({"AWS": "*"}, (S, S, R, S, S, S)), ({"AWS": ["*", ANN]}, (S, S, R, S, S, S)),
    ({"AWS": OURS}, (S, A, A, N, N, N)), ({"AWS": OUR_ROOT}, (S, A, A, N, N, N)),
    ({"AWS": THEIRS}, (N, N, N, S, A, N)), ({"AWS": [OURS, THEIRS]}, (S, A, A, S, A, N)),
    ({"AWS": ANN}, (N, S, N, N, N, N)), ({"AWS": EVE}, (N, N, N, N, S, N)),
    ({"AWS": ROLE}, (N, N, R, N, N, N)),
    ({"AWS": SESSION}, (N, N, S, N, N, N)), ({"AWS": "AIDAANN"}, (N, S, N, N, N, N)),
    ({"AWS": "AROADEPLOY"}, (N, N, R, N, N, N)), ({"AWS": "AROADEPLOY:monday"}, (N, N, S, N, N, N)),
    ({"CanonicalUser": OUR_ID}, (S, A, A, N, N, N)), ({"AWS": OUR_ID}, (S, A, A, N, N, N)),
    ({"CanonicalUser": THEIR_ID}, (N, N, N, S, A, N)), ({"Service": "logging.s3.amazonaws.com"}, (N,) * 6),
    ({"Federated": "accounts.example.com"}, (N,) * 6), ({"AWS": [OURS, ANN]}, (S, S, A, N, N, N)),
    ({"AWS": f"arn:aws:iam::{OURS}:user/Ann"}, (N,) * 6), ({"AWS": f"arn:aws:iam::{OURS}:user/*"}, (N,) * 6),
    ({"AWS": "arn:aws:iam::111111111112:root"}, (N,) * 6),
]  # fmt: skip
NAMES = ("root", "ann", "session", "their root", "eve", "anonymous")


@pytest.mark.parametrize("place", range(len(NAMES)), ids=NAMES)
@pytest.mark.parametrize(("principal", "expected"), PRINCIPALS)
def test_principal(principal: Any, expected: tuple[Named, ...], place: int) -> None:
    assert Principals(principal).names(who(NAMES[place])) is expected[place]


# (NotPrincipal of a denial, who is spared of: root, ann, bob, session, their root, eve, anonymous)
SPARED: list[tuple[Any, str]] = [
    ("*", "root ann bob session their-root eve anonymous"),
    ({"AWS": OUR_ROOT}, "root"), ({"AWS": ANN}, ""), ({"AWS": [OURS, ANN]}, "root ann"),
    ({"AWS": [OURS, ROLE]}, "root"), ({"AWS": [OURS, ROLE, SESSION]}, "root session"),
    ({"AWS": THEIRS}, "their-root"), ({"AWS": [THEIRS, EVE]}, "their-root eve"),
]  # fmt: skip


@pytest.mark.parametrize(("principal", "spared"), SPARED)
@pytest.mark.parametrize("name", ["root", "ann", "bob", "session", "their root", "eve", "anonymous"])
def test_not_principal_of_a_denial(principal: Any, spared: str, name: str) -> None:
    everybody = statement(Principal="*")
    denial = statement("Deny", NotPrincipal=principal)
    denied = asked(name, identity=[policy(statement())], policy=policy(everybody, denial)).explicit
    assert denied is (name.replace(" ", "-") not in spared.split())


ALLOW, DENY, OTHER = policy(statement()), policy(statement("Deny")), policy(statement(Action="s3:PutObject"))
NONE: Any = None


def for_(principal: Any, effect: str = "Allow") -> Any:
    return policy(statement(effect, Principal=principal))


# (what is asked with, whether it is allowed)
DECISIONS: list[tuple[dict[str, Any], bool]] = [
    # one account: identity policies, boundary, session
    (dict(name="root"), True), (dict(name="ann"), False), (dict(name="session"), False),
    (dict(name="ann", identity=[ALLOW]), True), (dict(name="ann", identity=[OTHER]), False),
    (dict(name="ann", identity=[OTHER, ALLOW]), True), (dict(name="ann", identity=[ALLOW, DENY]), False),
    (dict(name="ann", identity=[DENY]), False), (dict(name="ann", identity=[ALLOW], boundary=ALLOW), True),
    (dict(name="ann", identity=[ALLOW], boundary=OTHER), False), (dict(name="ann", boundary=ALLOW), False),
    (dict(name="ann", identity=[ALLOW], boundary=DENY), False),
    (dict(name="session", identity=[ALLOW]), True),
    (dict(name="session", identity=[ALLOW], session=[ALLOW]), True),
    (dict(name="session", identity=[ALLOW], session=[OTHER]), False),
    (dict(name="session", identity=[ALLOW], session=[OTHER, ALLOW]), True),
    (dict(name="session", identity=[ALLOW], session=[]), False),
    (dict(name="session", session=[ALLOW]), False),
    (dict(name="session", identity=[ALLOW], session=[ALLOW, DENY]), False),
    (dict(name="session", identity=[ALLOW], boundary=ALLOW, session=[ALLOW]), True),
    (dict(name="session", identity=[ALLOW], boundary=OTHER, session=[ALLOW]), False),
    # one account: the resource's policy
    (dict(name="root", policy=for_({"AWS": ANN}, "Deny")), True),
    (dict(name="root", policy=for_("*", "Deny")), False),
    (dict(name="root", policy=for_({"AWS": OURS}, "Deny")), False),
    (dict(name="ann", policy=for_({"AWS": ANN})), True), (dict(name="bob", policy=for_({"AWS": ANN})), False),
    (dict(name="ann", policy=for_("*")), True), (dict(name="ann", policy=for_({"AWS": OURS})), False),
    (dict(name="ann", identity=[ALLOW], policy=for_({"AWS": OURS})), True),
    (dict(name="ann", identity=[ALLOW], policy=for_({"AWS": EVE})), True),
    (dict(name="ann", identity=[ALLOW], policy=for_({"AWS": ANN}, "Deny")), False),
    (dict(name="ann", identity=[ALLOW], policy=for_({"AWS": OURS}, "Deny")), False),
    (dict(name="ann", identity=[ALLOW], policy=for_({"AWS": THEIRS}, "Deny")), True),
    (dict(name="ann", identity=[DENY], policy=for_({"AWS": ANN})), False),
    (dict(name="ann", boundary=OTHER, policy=for_({"AWS": ANN})), True),
    (dict(name="ann", boundary=DENY, policy=for_({"AWS": ANN})), False),
    (dict(name="ann", session=[OTHER], policy=for_({"AWS": ANN})), False),
    (dict(name="session", policy=for_({"AWS": ROLE})), True), (dict(name="session", policy=for_("*")), True),
    (dict(name="session", boundary=OTHER, policy=for_({"AWS": ROLE})), False),
    (dict(name="session", boundary=OTHER, policy=for_("*")), False),
    (dict(name="session", session=[OTHER], policy=for_({"AWS": ROLE})), False),
    (dict(name="session", boundary=ALLOW, session=[ALLOW], policy=for_({"AWS": ROLE})), True),
    (dict(name="session", boundary=OTHER, session=[OTHER], policy=for_({"AWS": SESSION})), True),
    (dict(name="session", session=[DENY], policy=for_({"AWS": SESSION})), False),
    (dict(name="session", policy=for_({"AWS": OURS})), False),
    # between accounts
    (dict(name="their root"), False), (dict(name="eve", identity=[ALLOW]), False),
    (dict(name="their root", policy=for_({"AWS": THEIRS})), True),
    (dict(name="their root", policy=for_({"AWS": EVE})), False),
    (dict(name="their root", policy=for_("*")), True),
    (dict(name="eve", policy=for_({"AWS": THEIRS})), False),
    (dict(name="eve", policy=for_({"AWS": EVE})), False),
    (dict(name="eve", policy=for_("*")), False), (dict(name="eve", identity=[ALLOW], policy=for_("*")), True),
    (dict(name="eve", identity=[ALLOW], policy=for_({"AWS": THEIRS})), True),
    (dict(name="eve", identity=[ALLOW], policy=for_({"AWS": EVE})), True),
    (dict(name="eve", identity=[ALLOW], policy=for_({"AWS": OURS})), False),
    (dict(name="eve", identity=[ALLOW], boundary=OTHER, policy=for_({"AWS": EVE})), False),
    (dict(name="eve", identity=[ALLOW], session=[OTHER], policy=for_({"AWS": EVE})), False),
    (dict(name="eve", identity=[DENY], policy=for_({"AWS": EVE})), False),
    (dict(name="eve", identity=[ALLOW], policy=for_({"AWS": THEIRS}, "Deny")), False),
    # anonymous
    (dict(name="anonymous"), False), (dict(name="anonymous", policy=for_("*")), True),
    (dict(name="anonymous", policy=for_({"AWS": "*"})), True),
    (dict(name="anonymous", policy=for_({"AWS": OURS})), False),
    (dict(name="anonymous", policy=for_("*"), closed=True), False),
    # a public policy, restricted
    (dict(name="eve", identity=[ALLOW], policy=for_({"AWS": EVE}), closed=True), False),
    (dict(name="their root", policy=for_("*"), closed=True), False),
    (dict(name="ann", policy=for_("*"), closed=True), True),
    (dict(name="root", policy=for_("*"), closed=True), True),
    # ACLs
    (dict(name="anonymous", granted=S), True), (dict(name="eve", granted=A), False),
    (dict(name="eve", identity=[ALLOW], granted=A), True), (dict(name="their root", granted=A), True),
    (dict(name="ann", granted=A), False), (dict(name="ann", identity=[ALLOW], granted=A), True),
    (dict(name="anonymous", granted=S, policy=for_("*", "Deny")), False),
    (dict(name="their root", granted=A, policy=for_({"AWS": THEIRS}, "Deny")), False),
    (dict(name="anonymous", granted=S, policy=for_("*"), closed=True), True),
    # an object of another account
    (dict(name="root", owner=THEIR_ID), False), (dict(name="root", owner=THEIR_ID, granted=A), True),
    (dict(name="root", owner=THEIR_ID, policy=for_({"AWS": OURS}), foreign=True), False),
    (dict(name="their root", owner=THEIR_ID, foreign=True), True),
    (dict(name="their root", owner=THEIR_ID, foreign=True, policy=for_({"AWS": THEIRS}, "Deny")), False),
    (dict(name="anonymous", owner=THEIR_ID, foreign=True, policy=for_("*")), False),
    (dict(name="eve", owner=THEIR_ID, identity=[ALLOW], foreign=True), True),
    (dict(name="eve", owner=THEIR_ID, foreign=True), False),
    # resources that only their policy opens: keys, roles
    (dict(name="root", by_policy=True), False),
    (dict(name="root", by_policy=True, policy=for_({"AWS": OURS})), True),
    (dict(name="ann", identity=[ALLOW], by_policy=True), False),
    (dict(name="ann", identity=[ALLOW], by_policy=True, policy=for_({"AWS": OURS})), True),
    (dict(name="ann", by_policy=True, policy=for_({"AWS": OURS})), False),
    (dict(name="ann", by_policy=True, policy=for_({"AWS": ANN})), True),
    (dict(name="eve", identity=[ALLOW], by_policy=True, policy=for_({"AWS": THEIRS})), True),
    # grants of keys: enough by themselves, to accounts for whom their policies allow it
    (dict(name="ann", by_policy=True, grants=(for_({"AWS": ANN}),)), True),
    (dict(name="ann", by_policy=True, grants=(for_({"AWS": EVE}),)), False),
    (dict(name="eve", by_policy=True, grants=(for_({"AWS": EVE}),)), True),
    (dict(name="eve", by_policy=True, grants=(for_({"AWS": THEIRS}),)), False),
    (dict(name="eve", identity=[ALLOW], by_policy=True, grants=(for_({"AWS": THEIRS}),)), True),
    (dict(name="their root", by_policy=True, grants=(for_({"AWS": THEIRS}),)), True),
    (dict(name="ann", by_policy=True, grants=(for_({"AWS": OURS}),)), False),
    (dict(name="ann", identity=[ALLOW], by_policy=True, grants=(for_({"AWS": OURS}),)), True),
    (
        dict(name="ann", identity=[ALLOW], boundary=OTHER, by_policy=True, grants=(for_({"AWS": OURS}),)),
        False,
    ),
    (dict(name="ann", session=[OTHER], by_policy=True, grants=(for_({"AWS": ANN}),)), False),
    (dict(name="ann", identity=[DENY], by_policy=True, grants=(for_({"AWS": ANN}),)), False),
    (dict(name="eve", session=[DENY], by_policy=True, grants=(for_({"AWS": EVE}),)), False),
    (dict(name="eve", by_policy=True, policy=for_("*", "Deny"), grants=(for_({"AWS": EVE}),)), False),
    (dict(name="anonymous", by_policy=True, grants=(for_({"AWS": EVE}),)), False),
    (dict(name="eve", by_policy=True, grants=(for_({"AWS": ANN}), for_({"AWS": EVE}))), True),
]  # fmt: skip


@pytest.mark.parametrize(("question", "allowed"), DECISIONS)
def test_decision(question: dict[str, Any], allowed: bool) -> None:
    decision = asked(**question)
    assert decision.allowed is allowed
    assert decision.reason


def test_a_decision_names_the_statement_that_made_it() -> None:
    named = policy(statement(), statement("Deny", Sid="NoCats"), name="managed policy Pets")
    decision = asked(identity=[named])
    assert (decision.explicit, decision.by) == (True, "managed policy Pets, statement 2 (NoCats)")
    assert asked(identity=[ALLOW]).by == "policy, statement 1"
    assert asked("anonymous", granted=S, granted_by="the ACL of photos").by == "the ACL of photos"


VOUCHES = "arn:aws:iam::111122223333:oidc-provider/id.example.com"
ASSUME = "sts:AssumeRoleWithWebIdentity"


@pytest.mark.parametrize(
    ("field", "principal", "named"),
    [
        ("Principal", {"Federated": VOUCHES}, Named.ITSELF),
        ("Principal", {"Federated": ["other.example.com", VOUCHES]}, Named.ITSELF),
        ("Principal", {"Federated": f"{VOUCHES}/other"}, Named.NOT),
        ("Principal", {"Federated": "*"}, Named.NOT),
        ("Principal", {"AWS": OURS}, Named.NOT),
        ("Principal", {"AWS": VOUCHES}, Named.NOT),
        ("Principal", "*", Named.ROLE),
        ("Principal", {"AWS": "*"}, Named.ROLE),
        ("NotPrincipal", {"AWS": OURS}, Named.ROLE),
        ("NotPrincipal", {"Federated": VOUCHES}, Named.NOT),
    ],
)
def test_how_a_trust_policy_names_a_web_identity(field: str, principal: Any, named: Named) -> None:
    """Whoever asks whether it may assume the role wants ITSELF: everybody is not enough."""
    made = {"Effect": "Allow", "Action": ASSUME, field: principal}
    ask = Ask(Who(ANONYMOUS, provider=VOUCHES), ASSUME.lower(), ROLE, lambda key: None)
    assert policy(made).allowing(ask)[0] is named


def test_whom_a_denial_of_web_identities_is_about() -> None:
    ask = Ask(Who(ANONYMOUS, provider=VOUCHES), ASSUME.lower(), ROLE, lambda key: None)
    for field, principal, denied in (
        ("Principal", "*", True),
        ("Principal", {"Federated": VOUCHES}, True),
        ("NotPrincipal", {"Federated": VOUCHES}, False),
        ("NotPrincipal", {"AWS": OURS}, True),
    ):
        made = {"Effect": "Deny", "Action": ASSUME, field: principal}
        assert (policy(made).denying(ask) is not None) is denied
