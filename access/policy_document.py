"""Policy documents as they come in: JSON of the policy language, read strictly and checked as S3 checks them.

Source: IAM User Guide, "Grammar of the IAM JSON policy language"; Amazon S3 User Guide, "Bucket policies".
"""

import json
import re
from collections.abc import Iterable
from ipaddress import ip_network
from typing import Any

from access.s3_actions import BUCKET_ACTIONS, OBJECT_ACTIONS
from access.s3_condition_keys import LISTING_ACTIONS, LISTING_KEYS, is_known
from schemas.errors import MalformedPolicy

POLICY_LIMIT = 20 * 1024  # bytes

_FIELDS = frozenset({"Version", "Id", "Statement"})
_STATEMENT_FIELDS = frozenset({
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource",
    "Condition",
})  # fmt: skip
VERSIONS = ("2008-10-17", "2012-10-17")
_PRINCIPALS = frozenset({"AWS", "CanonicalUser", "Federated", "Service"})
_OPERATOR = re.compile(
    r"(ForAllValues:|ForAnyValue:)?(String(Not)?(Equals(IgnoreCase)?|Like)|Arn(Not)?(Equals|Like)"
    r"|(Numeric|Date)((Not)?Equals|(Less|Greater)Than(Equals)?)|(Not)?IpAddress|Bool|BinaryEquals)(IfExists)?|Null"
)
_CONDITION_KEY = re.compile(
    r"(aws|s3|kms|sts|saml|cognito-identity\.amazonaws\.com|[a-z0-9.-]+):[!-~]+", re.I
)
_ACCOUNT = re.compile(r"\d{12}|arn:aws[\w-]*:(iam|sts)::\d{12}:[^*]+|\*|[0-9a-f]{64}|A[A-Z0-9]{15,127}")
_RESOURCE = "arn:aws:s3:::"

Json = dict[str, Any]


def read_bucket_policy(text: str, bucket: str) -> Json:
    """The document of a bucket's policy. Raises MalformedPolicy, in S3's words."""
    if len(text.encode()) > POLICY_LIMIT:
        raise MalformedPolicy("Policy exceeds the maximum allowed document size.")
    policy = parsed(text)
    only(policy, _FIELDS)
    version = policy.get("Version", VERSIONS[0])
    if version not in VERSIONS:
        raise MalformedPolicy("The policy must contain a valid version string")
    if not isinstance(policy.get("Id", ""), str):
        raise MalformedPolicy("Id must be a string")
    found = statements(policy)
    sids = [statement["Sid"] for statement in found if statement.get("Sid")]
    for statement in found:
        _check_statement(statement, bucket)
    if len(set(sids)) < len(sids):
        raise MalformedPolicy("Statement IDs (SID) in a single policy must be unique.")
    return policy


def statements(policy: Json) -> list[Json]:
    """The statements of a document. Raises MalformedPolicy."""
    if "Statement" not in policy:
        raise MalformedPolicy("Missing required field Statement")
    found = policy["Statement"]
    many = found if isinstance(found, list) else [found]
    if not many:
        raise MalformedPolicy("Could not parse the policy: Statement is empty!")
    if not all(isinstance(one, dict) for one in many):
        raise MalformedPolicy("Statement must be an object or a list of objects")
    return many


def texts(value: Any, field: str) -> list[str]:
    """One text or a list of them, as a list. Raises MalformedPolicy, naming the field."""
    many = value if isinstance(value, list) else [value]
    if not many or not all(isinstance(one, str) for one in many):
        raise MalformedPolicy(f"{field} must be a string or a list of strings")
    return many


def parsed(text: str) -> Json:
    if text[:1] != "{":
        raise MalformedPolicy()
    try:
        policy = json.loads(text, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError):
        raise MalformedPolicy() from None
    assert isinstance(policy, dict)  # it begins with a brace
    return policy


def _no_duplicates(pairs: list[tuple[str, Any]]) -> Json:
    """Two readers of a document with a field given twice could understand it in two ways."""
    read = dict(pairs)
    if len(read) < len(pairs):
        names = [name for name, _ in pairs]
        raise MalformedPolicy(f"Duplicate field {next(name for name in names if names.count(name) > 1)}")
    return read


def only(found: Json, fields: Iterable[str]) -> None:
    for name in found:
        if name not in fields:
            raise MalformedPolicy(f"Unknown field {name}")


def _check_statement(statement: Json, bucket: str) -> None:
    only(statement, _STATEMENT_FIELDS)
    if not isinstance(statement.get("Sid", ""), str):
        raise MalformedPolicy("Sid must be a string")
    for name in ("Effect", "Principal", "Action", "Resource"):
        given = {name, f"Not{name}"} & statement.keys()
        if not given:
            raise MalformedPolicy(f"Missing required field {name}")
        if len(given) > 1:
            raise MalformedPolicy(f"Statement/policy already has instance of {name}")
    if statement["Effect"] not in ("Allow", "Deny"):
        raise MalformedPolicy(f"Invalid effect: {statement['Effect']}")
    _check_principal(statement["Principal"] if "Principal" in statement else statement["NotPrincipal"])
    _check_actions_and_resources(statement, bucket)
    if "Condition" in statement:
        check_condition(statement["Condition"])
        for operator, keys in statement["Condition"].items():
            for key, value in keys.items():
                _check_s3_condition(statement, operator, key, value if isinstance(value, list) else [value])


def _check_s3_condition(statement: Json, operator: str, key: str, values: list[Any]) -> None:
    """What S3 asks of a condition beyond the grammar: no policy is kept that could not mean what it says."""
    if not is_known(key):
        raise MalformedPolicy("Policy has an invalid condition key")
    if "IpAddress" in operator and not all(_is_range(str(value)) for value in values):
        raise MalformedPolicy("Invalid IP address in Conditions")
    if key.lower() in LISTING_KEYS and not all(
        _includes(action, LISTING_ACTIONS) for action in texts(statement.get("Action", "*"), "Action")
    ):
        raise MalformedPolicy("Conditions do not apply to combination of actions and resources in statement")


def _is_range(text: str) -> bool:
    """Whether it is an address or a range of them, or only a request's variables will tell."""
    if "${" in text:
        return True
    try:
        ip_network(text.strip(), strict=False)
    except ValueError:
        return False
    return True


def _check_principal(principal: Any) -> None:
    if principal == "*":
        return
    if not isinstance(principal, dict) or not principal or not principal.keys() <= _PRINCIPALS:
        raise MalformedPolicy("Invalid principal in policy")
    for kind, value in principal.items():
        for one in texts(value, "Principal"):
            if not one or (kind == "AWS" and not _ACCOUNT.fullmatch(one)):
                raise MalformedPolicy("Invalid principal in policy")


def _check_actions_and_resources(statement: Json, bucket: str) -> None:
    """Every action must be one of S3's and, unless it is excluded, act on one of the resources."""
    name = "Resource" if "Resource" in statement else "NotResource"
    resources = texts(statement[name], name)
    for resource in resources:
        owner, _, _ = resource.removeprefix(_RESOURCE).partition("/")
        if not resource.startswith(_RESOURCE) or not _matches(owner, bucket):
            raise MalformedPolicy("Policy has invalid resource")
    on_objects = any("/" in resource or resource.endswith("*") for resource in resources)
    on_bucket = any("/" not in resource for resource in resources)
    named = "Action" if "Action" in statement else "NotAction"
    for action in texts(statement[named], named):
        acts_on = _levels(action)
        if not acts_on:
            raise MalformedPolicy("Policy has invalid action")
        fits = ("object" in acts_on and on_objects) or ("bucket" in acts_on and on_bucket)
        if not fits and named == "Action" and name == "Resource":
            raise MalformedPolicy("Action does not apply to any resource(s) in statement")


def _levels(action: str) -> set[str]:
    """What the actions that a pattern stands for act on."""
    if action == "*":
        return {"bucket", "object"}
    service, _, _ = action.partition(":")
    if service.lower() != "s3":
        return set()
    tables = (("bucket", BUCKET_ACTIONS), ("object", OBJECT_ACTIONS))
    return {level for level, names in tables if _includes(action, names)}


def _includes(action: str, names: Iterable[str]) -> bool:
    """Whether the pattern of an action stands for one of those of S3, too."""
    pattern = action.lower().removeprefix("s3:")
    return any(_matches(pattern, name.lower()) for name in names)


def _matches(pattern: str, text: str) -> bool:
    """Whether a pattern with * and ? fits the whole text."""
    escaped = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(escaped, text) is not None


def check_condition(condition: Any) -> None:
    if not isinstance(condition, dict):
        raise MalformedPolicy("Condition must be an object")
    for operator, keys in condition.items():
        if not _OPERATOR.fullmatch(operator):
            raise MalformedPolicy(f"Invalid Condition type : {operator}")
        if not isinstance(keys, dict):
            raise MalformedPolicy(f"Condition {operator} must be an object")
        for key, value in keys.items():
            if not _CONDITION_KEY.fullmatch(key):
                raise MalformedPolicy("Policy has an invalid condition key")
            values = value if isinstance(value, list) else [value]
            if not all(isinstance(one, str | int | float | bool) for one in values):
                raise MalformedPolicy(f"The values of {key} must be strings, numbers or booleans")
