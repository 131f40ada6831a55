"""What a principal may do, asked before it does it: SimulatePrincipalPolicy, SimulateCustomPolicy."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.iam.accounts import Account
from tests.iam.conftest import Site
from tests.iam.test_iam import READ, READ_ONLY, TRUST, refused
from tests.iam.test_permissions import DENIED, User, allow, document

OBJECT, OTHER = "arn:aws:s3:::photos/cat.jpeg", "arn:aws:s3:::letters/1"
INVALID_INPUT, VALIDATION = ("InvalidInput", 400), ("ValidationError", 400)
Json = dict[str, Any]


def simulated(iam: Any, arn: str, *actions: str, **more: Any) -> list[Json]:
    """The results for the actions; for s3:GetObject where none are given."""
    found = iam.simulate_principal_policy(
        PolicySourceArn=arn, ActionNames=list(actions or ["s3:GetObject"]), **more
    )
    assert not found["IsTruncated"]
    results: list[Json] = found["EvaluationResults"]
    return results


def decided(results: list[Json]) -> list[str]:
    return [one["EvalDecision"] for one in results]


def custom(iam: Any, *policies: str, **more: Any) -> Json:
    """The result for s3:GetObject."""
    wanted = {"PolicyInputList": list(policies), "ActionNames": ["s3:GetObject"]} | more
    [result] = iam.simulate_custom_policy(**wanted)["EvaluationResults"]
    return dict(result)


def entry(key: str, *values: str, kind: str = "string") -> Json:
    return {"ContextKeyName": key, "ContextKeyValues": list(values), "ContextKeyType": kind}


def open_to(arn: str, effect: str = "Allow") -> str:
    return document(allow("s3:GetObject", "arn:aws:s3:::photos/*", effect) | {"Principal": {"AWS": arn}})


def message(call: Any, **parameters: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return str(caught.value.response["Error"]["Message"])


# --- decisions -----------------------------------------------------------------------------------------
def test_allowed_denied_and_not_allowed(site: Site, iam: Any) -> None:
    one = User(site, iam, allow("s3:Get*"), allow("s3:GetObjectAcl", effect="Deny"))
    results = simulated(iam, one.arn, "s3:GetObject", "s3:GetObjectAcl", "s3:PutObject")
    assert [one["EvalActionName"] for one in results] == ["s3:GetObject", "s3:GetObjectAcl", "s3:PutObject"]
    assert decided(results) == ["allowed", "explicitDeny", "implicitDeny"]
    assert [one["EvalResourceName"] for one in results] == ["*"] * 3
    source = f"user_{one.name}_own"
    for result in results[:2]:
        [matched] = result["MatchedStatements"]
        assert (matched["SourcePolicyId"], matched["SourcePolicyType"]) == (source, "user")
    assert results[2]["MatchedStatements"] == []


def test_where_a_statement_stands(iam: Any) -> None:
    text = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}'
    lines = json.dumps(json.loads(document(allow("iam:*"), allow("s3:*"))), indent=2)
    first, second = custom(iam, text, lines)["MatchedStatements"]
    assert first["SourcePolicyId"] == "PolicyInputList.1"
    # As AWS has it: from the brace that opens it to just after the one that closes it.
    assert first["StartPosition"] == {"Line": 1, "Column": 37}
    assert first["EndPosition"] == {"Line": 1, "Column": len(text)}
    assert second["SourcePolicyId"] == "PolicyInputList.2"
    assert (second["StartPosition"], second["EndPosition"]) == (
        {"Line": 9, "Column": 5}, {"Line": 13, "Column": 6},
    )  # fmt: skip


def test_several_resources_are_one_result_with_details(site: Site, iam: Any) -> None:
    one = User(site, iam, allow("s3:GetObject", "arn:aws:s3:::photos/*"))
    [result] = simulated(iam, one.arn, ResourceArns=[OBJECT, OTHER])
    assert result["EvalDecision"] == "implicitDeny"  # the most restrictive of both
    assert result["EvalResourceName"] == "*"
    first, second = result["ResourceSpecificResults"]
    assert (first["EvalResourceName"], first["EvalResourceDecision"]) == (OBJECT, "allowed")
    assert first["MatchedStatements"][0]["SourcePolicyId"] == f"user_{one.name}_own"
    assert (second["EvalResourceName"], second["EvalResourceDecision"]) == (OTHER, "implicitDeny")
    [alone] = simulated(iam, one.arn, ResourceArns=[OBJECT])
    assert (alone["EvalResourceName"], alone["EvalDecision"]) == (OBJECT, "allowed")


def test_policies_of_groups_count(site: Site, iam: Any, name: str) -> None:
    one = User(site, iam)
    group = iam.create_group(GroupName=name)["Group"]["Arn"]
    iam.attach_group_policy(GroupName=name, PolicyArn=READ_ONLY)
    iam.put_group_policy(GroupName=name, PolicyName="write", PolicyDocument=document(allow("s3:Put*")))
    iam.add_user_to_group(GroupName=name, UserName=one.name)
    for arn in (one.arn, group):
        read, write, delete = simulated(iam, arn, "s3:GetObject", "s3:PutObject", "s3:DeleteObject")
        assert decided([read, write, delete]) == ["allowed", "allowed", "implicitDeny"]
        [managed], [inline] = read["MatchedStatements"], write["MatchedStatements"]
        assert (managed["SourcePolicyId"], managed["SourcePolicyType"]) == (
            "AmazonS3ReadOnlyAccess", "aws-managed",
        )  # fmt: skip
        assert (inline["SourcePolicyId"], inline["SourcePolicyType"]) == (f"group_{name}_write", "group")


def test_a_role(iam: Any, name: str) -> None:
    arn = iam.create_role(RoleName=name, Path="/ops/", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    managed = iam.create_policy(PolicyName=name, PolicyDocument=READ)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn=managed)
    iam.put_role_policy(
        RoleName=name, PolicyName="not",
        PolicyDocument=document(allow("s3:*", effect="Deny", ArnEquals={"aws:PrincipalArn": arn})),
    )  # fmt: skip
    [result] = simulated(iam, arn)
    assert (result["EvalDecision"], result["MissingContextValues"]) == ("explicitDeny", [])
    [matched] = result["MatchedStatements"]
    assert (matched["SourcePolicyId"], matched["SourcePolicyType"]) == (f"role_{name}_not", "role")
    iam.delete_role_policy(RoleName=name, PolicyName="not")
    [result] = simulated(iam, arn)
    [matched] = result["MatchedStatements"]
    assert (matched["SourcePolicyId"], matched["SourcePolicyType"]) == (name, "user-managed")


def test_policies_that_are_given_come_besides(site: Site, iam: Any) -> None:
    one = User(site, iam, allow("s3:Get*"))
    more = [document(allow("s3:Put*")), document(allow("s3:GetObject", effect="Deny"))]
    results = simulated(iam, one.arn, "s3:PutObject", "s3:GetObject", "s3:GetObjectAcl", PolicyInputList=more)
    assert decided(results) == ["allowed", "explicitDeny", "allowed"]
    matched = [one["MatchedStatements"][0] for one in results[:2]]
    assert [one["SourcePolicyId"] for one in matched] == ["PolicyInputList.1", "PolicyInputList.2"]
    assert {one["SourcePolicyType"] for one in matched} == {"none"}


def test_the_boundary(site: Site, iam: Any) -> None:
    one = User(site, iam, allow("s3:*"), PermissionsBoundary=READ_ONLY)

    def told(results: list[Json]) -> list[tuple[str, bool]]:
        return [
            (one["EvalDecision"], one["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"])
            for one in results
        ]

    assert told(simulated(iam, one.arn, "s3:GetObject", "s3:PutObject")) == [
        ("allowed", True), ("implicitDeny", False),
    ]  # fmt: skip
    other = [document(allow("s3:Put*"), allow("s3:PutObjectAcl", effect="Deny"))]
    results = simulated(
        iam, one.arn, "s3:GetObject", "s3:PutObject", "s3:PutObjectAcl", ResourceArns=[OBJECT],
        PermissionsBoundaryPolicyInputList=other,
    )  # fmt: skip
    assert told(results) == [("implicitDeny", False), ("allowed", True), ("explicitDeny", False)]
    assert results[2]["MatchedStatements"][0]["SourcePolicyId"] == "PermissionsBoundaryPolicyInputList.1"
    [detail] = results[0]["ResourceSpecificResults"]
    assert detail["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    assert "PermissionsBoundaryDecisionDetail" not in custom(iam, READ)


# --- resource policies ---------------------------------------------------------------------------------
def test_a_resource_policy(site: Site, iam: Any) -> None:
    one = User(site, iam)
    [result] = simulated(iam, one.arn, ResourceArns=[OBJECT], ResourcePolicy=open_to(one.arn))
    assert result["EvalDecision"] == "allowed"
    [matched] = result["MatchedStatements"]
    assert (matched["SourcePolicyId"], matched["SourcePolicyType"]) == ("ResourcePolicy", "resource")
    assert decided(simulated(iam, one.arn, ResourceArns=[OTHER], ResourcePolicy=open_to(one.arn))) == [
        "implicitDeny"
    ]
    two = User(site, iam, allow("s3:*"))
    assert decided(
        simulated(iam, two.arn, ResourceArns=[OBJECT], ResourcePolicy=open_to(two.arn, "Deny"))
    ) == ["explicitDeny"]


def test_between_accounts_both_must_allow_it(site: Site, iam: Any, main: Account) -> None:
    one = User(site, iam, allow("s3:*"))
    theirs = f"arn:aws:iam::{main.id}:root"
    for owner in (theirs, main.id):
        wanted = {"ResourceArns": [OBJECT], "ResourceOwner": owner}
        assert decided(simulated(iam, one.arn, **wanted)) == ["implicitDeny"]
        both = simulated(iam, one.arn, **wanted, ResourcePolicy=open_to(one.arn))
        assert decided(both) == ["allowed"]
        assert {one["SourcePolicyType"] for one in both[0]["MatchedStatements"]} == {"user", "resource"}
    other = User(site, iam)
    assert decided(simulated(iam, other.arn, **wanted, ResourcePolicy=open_to(other.arn))) == ["implicitDeny"]


def test_as_somebody_else(site: Site, iam: Any) -> None:
    """Bob with Ann's policies: what is allowed to Bob by name, too."""
    ann, bob = User(site, iam), User(site, iam, allow("s3:*"))
    wanted = {"ResourceArns": [OBJECT], "ResourcePolicy": open_to(bob.arn)}
    assert decided(simulated(iam, ann.arn, **wanted)) == ["implicitDeny"]
    assert decided(simulated(iam, ann.arn, **wanted, CallerArn=bob.arn)) == ["allowed"]
    assert decided(simulated(iam, ann.arn, CallerArn=bob.arn)) == ["implicitDeny"]


# --- conditions ----------------------------------------------------------------------------------------
def test_context_entries_and_what_is_missing(site: Site, iam: Any) -> None:
    condition = {
        "IpAddress": {"aws:SourceIp": "203.0.113.0/24"},
        "StringEquals": {"s3:ExistingObjectTag/team": "sea"},
    }
    one = User(site, iam, allow("s3:GetObject", **condition), allow("s3:PutObject", Bool={"aws:x": "true"}))
    [result] = simulated(iam, one.arn)
    assert result["EvalDecision"] == "implicitDeny"
    assert sorted(result["MissingContextValues"]) == ["aws:SourceIp", "s3:ExistingObjectTag/team"]
    address = entry("aws:SourceIp", "203.0.113.9", kind="ip")
    [result] = simulated(iam, one.arn, ContextEntries=[address], ResourceArns=[OBJECT])
    assert result["MissingContextValues"] == ["s3:ExistingObjectTag/team"]
    assert result["ResourceSpecificResults"][0]["MissingContextValues"] == ["s3:ExistingObjectTag/team"]
    [result] = simulated(iam, one.arn, ContextEntries=[address, entry("S3:existingObjectTag/team", "sea")])
    assert (result["EvalDecision"], result["MissingContextValues"]) == ("allowed", [])


@pytest.mark.parametrize(
    ("condition", "kind", "values"),
    [
        ({"StringEquals": {"aws:k": "a"}}, "string", ["a"]),
        ({"ForAnyValue:StringEquals": {"aws:k": "b"}}, "stringList", ["a", "b"]),
        ({"NumericLessThan": {"aws:k": "10"}}, "numeric", ["9"]),
        ({"ForAllValues:NumericLessThan": {"aws:k": "10"}}, "numericList", ["8", "9"]),
        ({"Bool": {"aws:k": "true"}}, "boolean", ["true"]),
        ({"ForAllValues:Bool": {"aws:k": "true"}}, "booleanList", ["true", "true"]),
        ({"IpAddress": {"aws:k": "10.0.0.0/8"}}, "ip", ["10.1.2.3"]),
        ({"ForAllValues:IpAddress": {"aws:k": "10.0.0.0/8"}}, "ipList", ["10.1.2.3", "10.2.0.1"]),
        ({"BinaryEquals": {"aws:k": "QmluYXJ5"}}, "binary", ["QmluYXJ5"]),
        ({"ForAnyValue:BinaryEquals": {"aws:k": "QmluYXJ5"}}, "binaryList", ["AAAA", "QmluYXJ5"]),
        ({"DateLessThan": {"aws:k": "2026-01-01T00:00:00Z"}}, "date", ["2025-06-01T00:00:00Z"]),
        ({"ForAllValues:DateLessThan": {"aws:k": "2026-01-01"}}, "dateList", ["2025-06-01", "2025-07-01"]),
    ],
)  # fmt: skip
def test_context_of_every_type(iam: Any, condition: Json, kind: str, values: list[str]) -> None:
    policy = document(allow("s3:GetObject", **condition))
    assert custom(iam, policy)["EvalDecision"] == (
        "allowed" if "ForAllValues" in str(condition) else "implicitDeny"  # which holds of no values
    )
    assert custom(iam, policy)["MissingContextValues"] == ["aws:k"]
    found = custom(iam, policy, ContextEntries=[entry("aws:k", *values, kind=kind)])
    assert (found["EvalDecision"], found["MissingContextValues"]) == ("allowed", [])


def test_what_is_known_of_the_caller(site: Site, iam: Any) -> None:
    home = allow("s3:GetObject", "arn:aws:s3:::photos/${aws:username}/*")
    tagged = allow("s3:PutObject", StringEquals={"aws:PrincipalTag/team": "sea"})
    one = User(site, iam, home, tagged, Tags=[{"Key": "Team", "Value": "sea"}])
    mine = f"arn:aws:s3:::photos/{one.name}/1"
    results = simulated(iam, one.arn, "s3:GetObject", "s3:PutObject", ResourceArns=[mine])
    assert decided(results) == ["allowed", "allowed"]
    as_other = simulated(iam, one.arn, ResourceArns=[mine], ContextEntries=[entry("aws:username", "other")])
    assert decided(as_other) == ["implicitDeny"]
    # Nobody is the caller of policies alone.
    found = custom(iam, document(home), ResourceArns=[mine])
    assert (found["EvalDecision"], found["MissingContextValues"]) == ("implicitDeny", ["aws:username"])
    assert custom(iam, document(home), ResourceArns=[mine], CallerArn=one.arn)["EvalDecision"] == "allowed"


# --- pages ---------------------------------------------------------------------------------------------
def test_pages(site: Site, iam: Any) -> None:
    one = User(site, iam, allow("s3:*"))
    actions = [f"s3:GetObject{word}" for word in ("", "Acl", "Tagging", "Retention", "LegalHold")]
    wanted = {"PolicySourceArn": one.arn, "ActionNames": actions}
    first = iam.simulate_principal_policy(**wanted, MaxItems=2)
    assert first["IsTruncated"]
    assert [one["EvalActionName"] for one in first["EvaluationResults"]] == actions[:2]
    pages = iam.get_paginator("simulate_principal_policy").paginate(
        **wanted, PaginationConfig={"PageSize": 2}
    )
    found = [[result["EvalActionName"] for result in page["EvaluationResults"]] for page in pages]
    assert found == [actions[:2], actions[2:4], actions[4:]]
    simulate = iam.simulate_principal_policy
    assert refused(simulate, **wanted, Marker="nonsense") == VALIDATION


def test_much_work_comes_in_smaller_pages(iam: Any) -> None:
    many = document(*(allow("s3:GetObject", f"arn:aws:s3:::photos/{n}/*") for n in range(500)))
    actions = [f"s3:Get{n:03}" for n in range(130)]
    wanted = {"PolicyInputList": [many, many], "ActionNames": actions}
    first = iam.simulate_custom_policy(**wanted)
    assert (first["IsTruncated"], len(first["EvaluationResults"])) == (True, 50)
    pages = iam.get_paginator("simulate_custom_policy").paginate(**wanted)
    found = [result["EvalActionName"] for page in pages for result in page["EvaluationResults"]]
    assert found == actions
    resources = [f"arn:aws:s3:::photos/{n}" for n in range(51)]
    assert refused(iam.simulate_custom_policy, **wanted, ResourceArns=resources) == INVALID_INPUT


def test_values_of_conditions_by_those_that_are_given_are_work(iam: Any) -> None:
    values = [f"*{n}*b" for n in range(500)]
    policy = document(allow("s3:GetObject", StringLike={"aws:k": values}))
    actions = [f"s3:Get{n:03}" for n in range(60)]
    wanted = {"PolicyInputList": [policy], "ActionNames": actions}
    for given, answered in ((1, 60), (9, 11), (99, 1)):
        context = [entry("aws:k", *(f"{n}a" for n in range(given)), kind="stringList")]
        found = iam.simulate_custom_policy(**wanted, ContextEntries=context)["EvaluationResults"]
        assert len(found) == answered, given
    resources = [f"arn:aws:s3:::photos/{n}" for n in range(2)]
    simulate = iam.simulate_custom_policy
    assert refused(simulate, **wanted, ContextEntries=context, ResourceArns=resources) == INVALID_INPUT
    assert "comparisons" in message(simulate, **wanted, ContextEntries=context, ResourceArns=resources)
    long = [entry("aws:k", "a" * 30_000)]
    assert refused(simulate, **wanted, ContextEntries=long) == INVALID_INPUT


# --- policies alone ------------------------------------------------------------------------------------
def test_custom_policies(iam: Any, main: Account) -> None:
    found = custom(iam, READ, document(allow("s3:GetObject", OTHER, effect="Deny")), ResourceArns=[OBJECT])
    assert (found["EvalDecision"], found["EvalResourceName"]) == ("allowed", OBJECT)
    bounded = custom(iam, READ, PermissionsBoundaryPolicyInputList=[document(allow("s3:Put*"))])
    assert bounded["EvalDecision"] == "implicitDeny"
    assert bounded["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    somebody = f"arn:aws:iam::{main.id}:user/of-whom-nothing-is-known"
    policy = {"ResourceArns": [OBJECT], "ResourcePolicy": open_to(somebody), "CallerArn": somebody}
    nothing = document(allow("iam:*"))
    assert custom(iam, nothing, **policy)["EvalDecision"] == "allowed"  # within one account, by name
    other = f"arn:aws:iam::{'9' * 12}:root"
    assert custom(iam, nothing, **policy, ResourceOwner=other)["EvalDecision"] == "implicitDeny"
    assert custom(iam, READ, **policy, ResourceOwner=other)["EvalDecision"] == "allowed"


# --- refusals ------------------------------------------------------------------------------------------
def test_whom_there_is_not(iam: Any, site: Site, main: Account, name: str) -> None:
    number = site.client("sts", site.root).get_caller_identity()["Account"]
    simulate = iam.simulate_principal_policy
    for kind in ("user", "group", "role"):
        wanted = {"PolicySourceArn": f"arn:aws:iam::{number}:{kind}/{name}", "ActionNames": ["s3:GetObject"]}
        assert refused(simulate, **wanted) == ("NoSuchEntity", 404)
        assert f"The {kind} with name {name} cannot be found." == message(simulate, **wanted)
    theirs = main.iam.create_user(UserName=name)["User"]["Arn"]
    assert refused(simulate, PolicySourceArn=theirs, ActionNames=["s3:GetObject"]) == ("NoSuchEntity", 404)
    elsewhere = theirs.replace("user/", "user/elsewhere/")  # the name with another path is another ARN
    assert refused(
        main.iam.simulate_principal_policy, PolicySourceArn=elsewhere, ActionNames=["s3:GetObject"]
    ) == ("NoSuchEntity", 404)
    for arn in (f"arn:aws:iam::{number}:root", f"arn:aws:sts::{number}:assumed-role/r/s", "x" * 20):
        assert refused(simulate, PolicySourceArn=arn, ActionNames=["s3:GetObject"]) == INVALID_INPUT
        assert message(simulate, PolicySourceArn=arn, ActionNames=["s3:GetObject"]) == (
            f"Invalid Entity Arn: {arn}"
        )


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"PolicyInputList": ["{"]}, INVALID_INPUT),
        ({"PolicyInputList": [open_to("*")]}, INVALID_INPUT),  # a principal has no place there
        ({"PermissionsBoundaryPolicyInputList": ["[]"]}, INVALID_INPUT),
        ({"PermissionsBoundaryPolicyInputList": [READ, READ]}, INVALID_INPUT),
        ({"ResourcePolicy": READ}, INVALID_INPUT),  # nor without one here
        ({"ResourcePolicy": "{}"}, INVALID_INPUT),
        ({"ResourceOwner": "somebody"}, INVALID_INPUT),
        ({"CallerArn": "somebody"}, INVALID_INPUT),
        ({"CallerArn": "arn:aws:sts::123456789012:assumed-role/a/b"}, INVALID_INPUT),
        ({"ActionNames": ["GetObject"]}, INVALID_INPUT),
        ({"ActionNames": ["s3:Get*"]}, INVALID_INPUT),
        ({"ActionNames": ["s3:" + "a" * 130]}, VALIDATION),
        ({"ResourceArns": ["photos"]}, INVALID_INPUT),
        ({"ContextEntries": [entry("aws:k", "a", "b")]}, INVALID_INPUT),
        ({"ContextEntries": [entry("aws:k", "many", kind="numeric")]}, INVALID_INPUT),
        ({"ContextEntries": [entry("aws:k", "1.2.3", kind="ip")]}, INVALID_INPUT),
        ({"ContextEntries": [entry("aws:k", "yes", kind="booleanList")]}, INVALID_INPUT),
        ({"ContextEntries": [entry("aws:k", "?", kind="binary")]}, INVALID_INPUT),
        ({"ContextEntries": [entry("aws:k", "soon", kind="date")]}, INVALID_INPUT),
        ({"ContextEntries": [entry("aws:k", "x", kind="colour")]}, VALIDATION),
        ({"ContextEntries": [entry("k", "x")]}, VALIDATION),
        ({"ContextEntries": [entry("aws:k", "x"), entry("AWS:K", "y")]}, INVALID_INPUT),
        ({"ResourceHandlingOption": "EC2-VPC-EBS"}, INVALID_INPUT),
        ({"MaxItems": 1001}, VALIDATION),
    ],
)  # fmt: skip
def test_what_is_refused(
    site: Site, iam: Any, name: str, parameters: Json, expected: tuple[str, int]
) -> None:
    client = site.client("iam", site.root, parameter_validation=False)
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    wanted = {"PolicySourceArn": arn, "ActionNames": ["s3:GetObject"]} | parameters
    assert refused(client.simulate_principal_policy, **wanted) == expected
    wanted.pop("PolicySourceArn")
    wanted = {"PolicyInputList": [READ]} | wanted
    assert refused(client.simulate_custom_policy, **wanted) == expected


def test_what_must_be_given(site: Site, iam: Any, name: str) -> None:
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    # A list that is empty is sent as its bare name, and counts as none.
    for wanted in ({"PolicySourceArn": arn, "ActionNames": []},):
        assert refused(iam.simulate_principal_policy, **wanted) == VALIDATION
        assert message(iam.simulate_principal_policy, **wanted) == (
            "1 validation error detected: Value null at 'actionNames' failed to satisfy constraint: Member "
            "must not be null"
        )
    assert refused(iam.simulate_custom_policy, PolicyInputList=[READ], ActionNames=[]) == VALIDATION
    assert refused(iam.simulate_custom_policy, PolicyInputList=[], ActionNames=["s3:GetObject"]) == VALIDATION
    wanted = {"PolicyInputList": [READ], "ActionNames": ["s3:GetObject"]}
    assert refused(iam.simulate_custom_policy, **wanted, ResourcePolicy=open_to("*")) == INVALID_INPUT
    group = iam.create_group(GroupName=name)["Group"]["Arn"]
    wanted = {"PolicySourceArn": group, "ActionNames": ["s3:GetObject"], "ResourcePolicy": open_to("*")}
    assert message(iam.simulate_principal_policy, **wanted) == (
        "Invalid caller - Caller must be an IAM user in this context."
    )


# --- who may ask ---------------------------------------------------------------------------------------
def test_it_is_decided_like_any_action(site: Site, iam: Any) -> None:
    other = User(site, iam)
    one = User(site, iam, allow("iam:Get*"), allow("iam:SimulatePrincipalPolicy", other.arn))
    assert decided(simulated(one.iam, other.arn)) == ["implicitDeny"]
    wanted = {"PolicySourceArn": one.arn, "ActionNames": ["s3:GetObject"]}
    assert refused(one.iam.simulate_principal_policy, **wanted) == DENIED
    assert message(one.iam.simulate_principal_policy, **wanted) == (
        f"User: {one.arn} is not authorized to perform: iam:SimulatePrincipalPolicy on resource: {one.arn} "
        "because no identity-based policy allows the iam:SimulatePrincipalPolicy action"
    )
    policies = {"PolicyInputList": [READ], "ActionNames": ["s3:GetObject"]}
    assert refused(one.iam.simulate_custom_policy, **policies) == DENIED
    two = User(site, iam, allow("iam:SimulateCustomPolicy"))
    assert custom(two.iam, READ)["EvalDecision"] == "allowed"


def test_conditions_on_whose_policies_they_are(site: Site, iam: Any) -> None:
    tagged = allow("iam:SimulatePrincipalPolicy", StringEquals={"iam:ResourceTag/team": "sea"})
    one = User(site, iam, tagged)
    ours = User(site, iam, Tags=[{"Key": "team", "Value": "sea"}])
    assert decided(simulated(one.iam, ours.arn)) == ["implicitDeny"]
    wanted = {"PolicySourceArn": one.arn, "ActionNames": ["s3:GetObject"]}
    assert refused(one.iam.simulate_principal_policy, **wanted) == DENIED


def test_the_real_decision_is_the_simulated_one(site: Site, iam: Any, name: str) -> None:
    s3 = site.client("s3", site.root)
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="in/1", Body=b"1")
    s3.put_object(Bucket=name, Key="out/1", Body=b"1")
    one = User(
        site, iam, allow("s3:GetObject", f"arn:aws:s3:::{name}/in/*", Bool={"aws:SecureTransport": "false"})
    )
    over_http = [entry("aws:SecureTransport", "false", kind="boolean")]
    for key in ("in/1", "out/1"):
        [result] = simulated(
            iam, one.arn, ResourceArns=[f"arn:aws:s3:::{name}/{key}"], ContextEntries=over_http
        )
        if result["EvalDecision"] == "allowed":
            one.s3.get_object(Bucket=name, Key=key)
        else:
            assert refused(one.s3.get_object, Bucket=name, Key=key) == DENIED
    assert result["EvalDecision"] == "implicitDeny"
