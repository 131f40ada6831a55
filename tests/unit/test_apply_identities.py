"""apply IdentitiesChange, through the materializer and a real index; and what is stored of identities."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from index.contract import FIRST_PLACE
from schemas.configurations.documents import decode_document, encode_document
from schemas.configurations.public_access_block import PublicAccessBlockConfiguration
from schemas.events import POLICIES, IdentitiesChange, IdentityChange, decode_event, encode_event
from schemas.identities import (
    TYPES,
    AccessKey,
    Account,
    Group,
    KeyUse,
    Policy,
    PolicyVersion,
    Provider,
    Role,
    User,
)
from schemas.limits import Limits
from schemas.rows import Identity
from tests.unit.applying import ORIGIN, Partition

ONE, TWO = "1" * 12, "2" * 12


def change(seen: dict[str, int], *changes: tuple[str, str, str, bytes | None]) -> IdentitiesChange:
    return IdentitiesChange(ORIGIN, seen, tuple(IdentityChange(*one) for one in changes))


def run(tmp_path: Path, body: Callable[[Partition], Awaitable[None]]) -> None:
    async def main() -> None:
        partition = Partition(tmp_path / "index.sqlite", POLICIES)
        await body(partition)
        await partition.close()

    asyncio.run(main())


async def rows(partition: Partition) -> dict[tuple[str, str, str], Identity]:
    found = await partition.reader.identities(FIRST_PLACE, 1000)
    return {(row.account, row.kind, row.name): row for row in found}


def test_a_change_is_made_whole_if_its_accounts_are_as_they_were_seen(tmp_path: Path) -> None:
    async def body(p: Partition) -> None:
        first, fact = await p.one(change({ONE: 0}, (ONE, "user", "ann", b"a"), (ONE, "key", "K", b"k")))
        assert (first.refusal, fact.type, fact.key) == ("", "identities.changed", ONE)
        account = Identity(ONE, "account", "", first.seq, first.time)
        ann = Identity(ONE, "user", "ann", first.seq, first.time, b"a")
        assert (await rows(p))[ONE, "account", ""] == account
        assert (await rows(p))[ONE, "user", "ann"] == ann

        late, fact = await p.one(change({ONE: 0}, (ONE, "user", "ann", b"b")))
        assert (late.refusal, fact.type) == ("identities-changed", "refused")
        assert (await rows(p))[ONE, "user", "ann"] == ann

        # Of two in one batch the second sees the first.
        (second, _), (lost, _) = await p.apply(
            change({ONE: first.seq}, (ONE, "user", "ann", None)),
            change({ONE: first.seq}, (ONE, "user", "ann", b"c")),
        )
        assert (second.refusal, lost.refusal) == ("", "identities-changed")
        assert (await rows(p))[ONE, "user", "ann"].document is None
        assert (await rows(p))[ONE, "key", "K"].seq == first.seq

    run(tmp_path, body)


def test_a_change_of_two_accounts_needs_both(tmp_path: Path) -> None:
    async def body(p: Partition) -> None:
        store, _ = await p.one(change({"": 0, ONE: 0}, (ONE, "account", "", b"one")))
        assert (await rows(p))["", "account", ""].document is None
        assert (await rows(p))[ONE, "account", ""].document == b"one"
        stale, _ = await p.one(change({"": 0, TWO: 0}, (TWO, "account", "", b"two")))
        assert stale.refusal == "identities-changed"
        made, _ = await p.one(change({"": store.seq, TWO: 0}, (TWO, "account", "", b"two")))
        assert made.refusal == ""
        # What the account is stays when something else in it changes.
        await p.one(change({ONE: store.seq}, (ONE, "user", "ann", b"a")))
        assert (await rows(p))[ONE, "account", ""].document == b"one"

    run(tmp_path, body)


steps = st.lists(
    st.tuples(st.sampled_from([ONE, TWO]), st.sampled_from(["a", "b"]), st.sampled_from([b"x", b"y", None]),
              st.booleans()),
    max_size=12,
)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(steps)
def test_what_was_seen_is_what_is_changed(steps: list[tuple[str, str, bytes | None, bool]]) -> None:
    """Whoever saw the last change wins, everybody else is refused; and each row has one place."""

    async def body(p: Partition) -> None:
        heads: dict[str, int] = {}
        expected: dict[tuple[str, str, str], bytes | None] = {}
        for account, name, document, current in steps:
            seen = heads.get(account, 0) if current else heads.get(account, 0) + 1
            receipt, _ = await p.one(change({account: seen}, (account, "user", name, document)))
            assert (receipt.refusal == "") == current
            if current:
                heads[account] = receipt.seq
                expected[account, "user", name] = document
        found = await p.reader.identities(FIRST_PLACE, 1000)
        users = {(r.account, r.kind, r.name): r.document for r in found if r.kind == "user"}
        assert users == expected
        assert {r.account: r.seq for r in found if r.kind == "account"} == heads

    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), body)


def test_the_event_and_the_row_have_these_bytes() -> None:
    """Golden bytes: a change of them is a new version of the event."""
    event = change({ONE: 7}, (ONE, "user", "ann", b"{}"), (ONE, "key", "K", None))
    golden = (
        "95" "b3" + b"identities.change/1".hex() + "96" "c410" + "00" * 16 + "a5" + b"actor".hex()
        + "a3" + b"::1".hex() + "a4" + b"Test".hex() + "c0c0" "81ac" + b"1".hex() * 12 + "07" "92"
        "94ac" + b"1".hex() * 12 + "a4" + b"user".hex() + "a3" + b"ann".hex() + "c402" + b"{}".hex()
        + "94ac" + b"1".hex() * 12 + "a3" + b"key".hex() + "a1" + b"K".hex() + "c0" "01"
    )  # fmt: skip
    assert encode_event(event).hex() == golden
    assert decode_event(bytes.fromhex(golden)) == event


DOCUMENTS = {
    "account": (
        Account("f" * 64, "acme", "ops@acme.example", 7, True, "acme-co"),
        b'{"canonical_id":"' + b"f" * 64 + b'","name":"acme","email":"ops@acme.example","created_at":7,'
        b'"disabled":true,"alias":"acme-co"}',
    ),
    "key": (
        AccessKey("ann", b"sealed", 7, False),
        b'{"user":"ann","secret":"c2VhbGVk","created_at":7,"active":false}',
    ),
    "user": (
        User("Ann", "AIDA", 7, "/a/", ("g",), ("arn:p",), {"n": "{}"}, "arn:b", {"k": "v"}),
        b'{"name":"Ann","unique_id":"AIDA","created_at":7,"path":"/a/","groups":["g"],"attached":["arn:p"],'
        b'"inline":{"n":"{}"},"boundary":"arn:b","tags":{"k":"v"}}',
    ),
    "group": (
        Group("g", "AGPA", 7, attached=("arn:p",)),
        b'{"name":"g","unique_id":"AGPA","created_at":7,"attached":["arn:p"]}',
    ),
    "role": (
        Role("r", "AROA", 7, "{}", max_seconds=7200),
        b'{"name":"r","unique_id":"AROA","created_at":7,"trust":"{}","max_seconds":7200}',
    ),
    "policy": (
        Policy("p", "ANPA", 7, 8, (PolicyVersion(1, "{}", 7),), description="d"),
        b'{"name":"p","unique_id":"ANPA","created_at":7,"updated_at":8,"versions":[{"number":1,'
        b'"document":"{}","created_at":7}],"description":"d"}',
    ),
    "oidc-provider": (
        Provider("https://id.example", 7, ("app",), ("ab" * 20,)),
        b'{"url":"https://id.example","created_at":7,"client_ids":["app"],"thumbprints":["'
        + b"ab" * 20 + b'"]}',
    ),
    "key-use": (KeyUse(7, "s3", "us-east-1"), b'{"used_at":7,"service":"s3","region":"us-east-1"}'),
    "public-access-block": (
        PublicAccessBlockConfiguration(True, restrict_public_buckets=False),
        b'{"BlockPublicAcls":true,"RestrictPublicBuckets":false}',
    ),
    "limits": (Limits(500, download=9), b'{"requests":500,"download":9}'),
}  # fmt: skip


def test_documents_have_these_bytes() -> None:
    assert DOCUMENTS.keys() == TYPES.keys()
    for kind, (document, golden) in DOCUMENTS.items():
        assert encode_document(document) == golden
        assert decode_document(golden, TYPES[kind]) == document
