"""Whether a policy opens a bucket to the public, by AWS's definition.

Source: Amazon S3 User Guide, "Blocking public access to your Amazon S3 storage", "The meaning of public".
"""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from access.policy_document import Json, statements

# A condition on one of these, with a fixed value, keeps the public out (lower case).
_FIXING_KEYS = frozenset({
    "aws:principalorgid", "aws:principalaccount", "aws:principalarn", "aws:sourceaccount", "aws:sourcearn",
    "aws:sourceowner", "aws:sourcevpc", "aws:sourcevpce", "aws:userid", "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn", "s3:x-amz-server-side-encryption-aws-kms-key-id",
})  # fmt: skip
_FIXING_OPERATORS = frozenset(
    {"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike"}
)
_PATTERNS = frozenset({"stringlike", "arnlike", "arnequals"})

# Networks shorter than these are "very broad".
_SHORTEST_4, _SHORTEST_6 = 8, 32


def is_public(policy: Json) -> bool:
    """Whether some statement allows something to principals that are not fixed."""
    return any(
        statement["Effect"] == "Allow" and _anybody(statement) and not _fixed(statement.get("Condition", {}))
        for statement in statements(policy)
    )


def _anybody(statement: Json) -> bool:
    if "NotPrincipal" in statement:
        return True
    principal = statement["Principal"]
    if not isinstance(principal, dict):
        return True
    named = principal.get("AWS", [])
    return "*" in (named if isinstance(named, list) else [named])


def _fixed(condition: dict[str, dict[str, Any]]) -> bool:
    """Whether one of the conditions, which must all hold, names fixed values only."""
    for operator, keys in condition.items():
        name = operator.rpartition(":")[2].lower()
        for key, value in keys.items():
            values = [str(one) for one in (value if isinstance(value, list) else [value])]
            if operator.startswith("ForAllValues:") or not values:
                continue  # holds, too, where the request has no such value
            if name == "ipaddress" and key.lower() == "aws:sourceip" and all(map(_narrow, values)):
                return True
            if name in _FIXING_OPERATORS and key.lower() in _FIXING_KEYS:
                wild = name in _PATTERNS and any("*" in one or "?" in one for one in values)
                if not wild and not any("${" in one for one in values):
                    return True
    return False


def _narrow(text: str) -> bool:
    """Whether an address range is not a very broad one; private ranges never are."""
    try:
        network: IPv4Network | IPv6Network = ip_network(text, strict=False)
    except ValueError:
        return False
    shortest = _SHORTEST_4 if network.version == 4 else _SHORTEST_6
    return network.prefixlen >= shortest
