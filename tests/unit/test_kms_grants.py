"""Laws of grants: what one made from another allows, the other allows; tokens name their grant alone."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from access.keyring import KeyRing
from access.kms import Kms
from access.kms_grants import GRANTS_LIMIT, covers, create_grant, of_token, remove_grant, token_of
from access.kms_keys import KmsGrant
from schemas.errors import KmsInvalidGrantToken, LimitExceeded

USER = "arn:aws:iam::111111111111:user/u"
contexts = st.dictionaries(st.sampled_from(["a", "A", "b", "c"]), st.sampled_from(["1", "2"]), max_size=3)
operations = st.lists(st.sampled_from(["Decrypt", "Encrypt", "DescribeKey"]), unique=True)


def grant(number: int = 0, **fields: object) -> KmsGrant:
    made = KmsGrant(f"{number:064x}", USER, ("Decrypt",), 0)
    return msgspec.structs.replace(made, **fields)


@st.composite
def parents_and_children(draw: st.DrawFn) -> tuple[KmsGrant, KmsGrant]:
    """A grant to make grants, and one of some of its operations, with constraints often as strict."""
    allowed = draw(operations)
    subset, equals = draw(contexts), draw(contexts)
    parent = grant(
        operations=("CreateGrant", *allowed), context_subset=subset,
        context_equals=draw(st.sampled_from([{}, equals])),
    )  # fmt: skip
    child = grant(
        operations=tuple(draw(st.lists(st.sampled_from(parent.operations), unique=True))),
        context_subset=draw(st.sampled_from([{}, subset, {**subset, **equals}])),
        context_equals=draw(st.sampled_from([{}, subset, equals, {**subset, **equals}])),
    )
    return parent, child


@given(parents_and_children(), contexts, st.sampled_from(["Decrypt", "Encrypt", "DescribeKey"]))
def test_a_grant_made_by_a_grant_allows_nothing_more(
    made: tuple[KmsGrant, KmsGrant], context: dict[str, str], action: str
) -> None:
    parent, child = made
    assume(covers(parent, "CreateGrant", {}, child))
    if covers(child, action, context):
        assert covers(parent, action, context)


@given(parents_and_children(), contexts)
def test_only_its_operations_are_granted(made: tuple[KmsGrant, KmsGrant], context: dict[str, str]) -> None:
    one = made[0]
    for action in ("Decrypt", "Encrypt", "DescribeKey", "GenerateDataKey", "DisableKey", "RetireGrant"):
        assert not covers(one, action, context) or action in one.operations


def kms(folder: Path) -> Kms:
    return Kms(KeyRing(folder).kms_keys, "us-east-1", "1" * 12)


def test_tokens_name_their_grant_while_there_is_one(tmp_path: Path) -> None:
    found = kms(tmp_path)
    key_id = found.create().key_id
    made = [create_grant(found, key_id, grant(number)) for number in range(3)]
    for one in made:
        key, named = of_token(found.keys, token_of(key_id, one))
        assert (key.key_id, named) == (key_id, one)
    remove_grant(found.keys, key_id, made[1].grant_id)
    other = found.create().key_id
    for token in (token_of(key_id, made[1]), token_of(other, made[0]), "", "é", "!!!", "A" * 76):
        with pytest.raises(KmsInvalidGrantToken):
            of_token(found.keys, token)


def test_a_key_has_so_many_grants(tmp_path: Path) -> None:
    found = kms(tmp_path)
    key_id = found.create().key_id
    many = tuple(grant(number) for number in range(GRANTS_LIMIT))
    found.update(key_id, grants=many)
    with pytest.raises(LimitExceeded, match=f"at most {GRANTS_LIMIT}"):
        create_grant(found, key_id, grant(GRANTS_LIMIT))
    remove_grant(found.keys, key_id, many[7].grant_id)
    create_grant(found, key_id, grant(GRANTS_LIMIT))
