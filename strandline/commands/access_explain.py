"""`strandline access explain`: whether somebody may do something, who decided it, and why.

It is the action ExplainAccess of the API port (`gateway.iam.explain_access`), asked as the operator.
"""

import argparse
import json
import re
from typing import Any

from schemas.errors import ConfigurationError
from strandline.settings import Settings

NAME = "access explain"
HELP = "say whether somebody may do something, which policy decides it, and why"

_account_of = re.compile(r"arn:aws:(?:iam|sts)::(\d{12}):").match
_VERDICTS = {
    "allowed": "allowed", "explicitDeny": "denied, by a statement", "implicitDeny": "not allowed",
}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Who, what, on what, and under which conditions."""
    parser.add_argument(
        "--principal", required=True, metavar="ARN",
        help='who: ARN or name of a user or role, ARN of a session or of an account\'s root, or "anonymous"',
    )  # fmt: skip
    parser.add_argument("--action", required=True, help="what, like s3:GetObject; also of iam and sts")
    parser.add_argument(
        "--resource", required=True, metavar="ARN", help='on what, like arn:aws:s3:::photos/cat.jpeg, or "*"'
    )
    parser.add_argument(
        "--context", action="append", default=[], metavar="KEY=VALUE",
        help="a condition key that the request has, like aws:SourceIp=203.0.113.7; may be given again",
    )  # fmt: skip
    parser.add_argument(
        "--account",
        metavar="NUMBER",
        help="account of a name; by default the operator's own, of an ARN its own",
    )
    parser.add_argument("--json", action="store_true", help="print the answer as one JSON object")
    parser.add_argument(
        "--endpoint", default="", metavar="URL",
        help="API port of the server to ask; by default that of the settings, where a server runs",
    )  # fmt: skip


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Ask and print. The exit code tells that there is an answer, whichever it is."""
    from strandline.identity_control import act

    given = {
        "PrincipalArn": arguments.principal, "ActionName": arguments.action,
        "ResourceArn": arguments.resource, **_context(arguments.context),
    }  # fmt: skip
    named = _account_of(arguments.principal)
    account = arguments.account or (named[1] if named is not None else "")
    if account:
        given["AccountId"] = account
    answer = act(settings, arguments.endpoint, "ExplainAccess", given)
    print(json.dumps(answer) if arguments.json else "\n".join(lines(answer)))
    return 0


def _context(entries: list[str]) -> dict[str, str]:
    """The entries as parameters of the action; one that comes again has several values."""
    values: dict[str, list[str]] = {}
    for entry in entries:
        key, equals, value = entry.partition("=")
        if not key or not equals:
            raise ConfigurationError(f"--context: {entry!r} is not KEY=VALUE, like aws:SourceIp=203.0.113.7")
        values.setdefault(key, []).append(value)
    given = {}
    for place, (key, many) in enumerate(values.items(), 1):
        name = f"ContextEntries.member.{place}"
        given[f"{name}.ContextKeyName"] = key
        given[f"{name}.ContextKeyType"] = "stringList"
        given |= {f"{name}.ContextKeyValues.member.{n}": one for n, one in enumerate(many, 1)}
    return given


# --- in words ------------------------------------------------------------------------------------------
def lines(answer: dict[str, Any]) -> list[str]:
    """The answer for people: who, what and the decision first, then what it rests on."""
    told = [
        f"{_VERDICTS[answer['Decision']]}: {answer['Action']} on {answer['Resource']}",
        f"  for       {answer['Principal']}",
        f"  why       {answer['Reason']}",
    ]
    told += [f"  decided   by {_statement(one)}" for one in answer["DecidedBy"]]
    if "Acl" in answer:
        told.append(f"  granted   by {answer['Acl']}")
    if "PermissionsBoundary" in answer:
        boundary = answer["PermissionsBoundary"]
        does = "allows it" if boundary["Allows"] else "does not allow it"
        told.append(f"  boundary  {boundary['Policy']} {does}")
    others = [one for one in answer["Statements"] if one not in answer["DecidedBy"]]
    told += [f"  also      {one['Effect'].lower()}: {_statement(one)}" for one in others]
    told += [
        f"  missing   {key}: give it with --context {key}=VALUE" for key in answer["MissingContextValues"]
    ]
    told += [f"  note      {one}" for one in answer["Remarks"]]
    return told + ([_bucket(answer["Bucket"])] if "Bucket" in answer else [])


def _statement(one: dict[str, Any]) -> str:
    sid = f" ({one['Sid']})" if "Sid" in one else ""
    return f"statement {one['Statement']}{sid} of {one['Policy']}, {_a(one['Kind'])}"


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] == "i" else f"a {kind}"


def _bucket(bucket: dict[str, Any]) -> str:
    policy = "a policy" if bucket["HasPolicy"] else "no policy"
    blocks = [name for name in ("IgnorePublicAcls", "RestrictPublicBuckets") if bucket[name]]
    return (
        f"  bucket    {bucket['Name']} of account {bucket['Account']}: {policy}, "
        f"{', '.join([bucket['ObjectOwnership'], *blocks])}"
    )
