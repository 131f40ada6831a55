"""`strandline account|user|group|role|key|policy …`: identities, as the operator of the store sees to them.

Each command is one action of IAM (`gateway.iam`), on the running server or on the data folder.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

from schemas.errors import ConfigurationError
from strandline.settings import Settings, parse_size

ENDPOINT = "iam_endpoint"


class Argument(NamedTuple):
    """A flag and the action's parameter that it gives. document: names a file with its text; size: a number
    of bytes, with a unit or without."""

    flag: str
    parameter: str
    help: str
    required: bool = True
    document: bool = False
    size: bool = False

    @property
    def destination(self) -> str:
        return f"iam_{self.parameter}"


class IdentityCommand:
    """One command. of_account: it is about one account, the operator's own unless another is named."""

    def __init__(
        self, name: str, text: str, action: str, *arguments: Argument, of_account: bool = True, **fixed: str
    ) -> None:
        self.NAME, self.HELP, self.action = name, text, action
        self.arguments, self.of_account, self.fixed = arguments, of_account, fixed

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Its flags, and those that all of these commands have."""
        for argument in self.arguments:
            metavar = "FILE" if argument.document else "VALUE"
            parser.add_argument(
                argument.flag, dest=argument.destination, required=argument.required, metavar=metavar,
                help=argument.help,
            )  # fmt: skip
        if self.of_account:
            parser.add_argument("--account", dest=ACCOUNT.destination, metavar="NUMBER", help=ACCOUNT.help)
        parser.add_argument("--json", action="store_true", help="print the answer as one JSON object")
        parser.add_argument(
            "--endpoint", dest=ENDPOINT, default="", metavar="URL",
            help="API port of the server to ask; by default that of the settings, where a server runs",
        )  # fmt: skip

    def run(self, settings: Settings, arguments: argparse.Namespace) -> int:
        """Carry it out and print the answer."""
        from strandline.identity_control import act

        given = dict(self.fixed)
        for argument in (*self.arguments, *((ACCOUNT,) if self.of_account else ())):
            value = getattr(arguments, argument.destination)
            if value is not None:
                given[argument.parameter] = _given(argument, value)
        endpoint = getattr(arguments, ENDPOINT)
        answer = act(settings, endpoint, self.action, given)
        while answer.get("IsTruncated"):
            page = act(settings, endpoint, self.action, {**given, "Marker": answer["Marker"]})
            answer = {
                name: answer[name] + value if isinstance(value, list) else value
                for name, value in page.items()
            }
        answer.pop("IsTruncated", None)
        print(json.dumps(answer) if arguments.json else "\n".join(_lines(answer)))
        return 0


def _given(argument: Argument, value: str) -> str:
    """What the action is given. Raises ConfigurationError."""
    if argument.document:
        return _read(value)
    try:
        return str(parse_size(value)) if argument.size else value
    except ValueError as error:
        raise ConfigurationError(f"{argument.flag}: {value!r} {error}") from None


def _read(path: str) -> str:
    """The text of a file; of standard input for "-"."""
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from None


def _lines(answer: dict[str, Any]) -> list[str]:
    """One line for each member of a list, one for each field of anything else."""
    lines: list[str] = []
    for name, value in answer.items():
        if isinstance(value, list):
            lines += [" ".join(_words(one)) for one in value]
        elif isinstance(value, dict):
            lines += [f"{field}: {' '.join(_words(one))}" for field, one in value.items()]
        else:
            lines.append(f"{name}: {value}")
    return lines or ["done"]


def _words(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [word for one in value.values() for word in _words(one)]
    if isinstance(value, list):
        return [word for one in value for word in _words(one)]
    return [str(value)]


ACCOUNT = Argument("--account", "AccountId", "number of the account; by default the operator's own", False)
_USER = Argument("--name", "UserName", "name of the user")
_GROUP = Argument("--name", "GroupName", "name of the group")
_ROLE = Argument("--name", "RoleName", "name of the role")
_PATH = Argument("--path", "Path", "path of the name, like /team/", False)
_NUMBER = Argument("--id", "AccountId", "number of the account")
_OF_USER = Argument("--user", "UserName", "name of the user; without it, keys of the account's root", False)
_KEY = Argument("--access-key", "AccessKeyId", "the access key")
_ARN = Argument("--arn", "PolicyArn", "ARN of the policy")
_TO_USER = Argument("--user", "UserName", "name of the user")
_DOCUMENT = Argument(
    "--document", "PolicyDocument", 'file with the policy, "-" for standard input', document=True
)
_BROUGHT = (
    Argument("--access-key", "AccessKeyId", "an access key to bring along; made by chance without it", False),
    Argument("--secret-key", "SecretAccessKey", "its secret", False),
)

_LIMITED = (
    Argument("--bucket", "BucketName", "name of the bucket", False),
    Argument("--account", "AccountId", "number of the account", False),
    Argument("--access-key", "AccessKeyId", "the access key", False),
)

IDENTITY_COMMANDS = (
    IdentityCommand(
        "account create", "make an account and an access key of its root, shown only now", "CreateAccount",
        Argument("--name", "Name", "what to call it"),
        Argument("--email", "Email", "an address; no two accounts have the same"),
        *_BROUGHT, of_account=False,
    ),
    IdentityCommand("account list", "list the accounts", "ListAccounts", of_account=False),
    IdentityCommand(
        "account suspend", "switch an account off: nobody of it may do anything", "UpdateAccount", _NUMBER,
        of_account=False, Status="Suspended",
    ),
    IdentityCommand(
        "account resume", "switch an account on again", "UpdateAccount", _NUMBER, of_account=False,
        Status="Active",
    ),
    IdentityCommand(
        "account delete", "remove an account that owns nothing any more", "DeleteAccount", _NUMBER,
        of_account=False,
    ),
    IdentityCommand("user create", "make a user", "CreateUser", _USER, _PATH),
    IdentityCommand("user list", "list the users", "ListUsers"),
    IdentityCommand("user delete", "remove a user without keys and policies", "DeleteUser", _USER),
    IdentityCommand("group create", "make a group", "CreateGroup", _GROUP, _PATH),
    IdentityCommand("group list", "list the groups", "ListGroups"),
    IdentityCommand("group delete", "remove an empty group", "DeleteGroup", _GROUP),
    IdentityCommand("group add", "put a user into a group", "AddUserToGroup", _GROUP, _TO_USER),
    IdentityCommand("group remove", "take a user out of a group", "RemoveUserFromGroup", _GROUP, _TO_USER),
    IdentityCommand(
        "role create", "make a role", "CreateRole", _ROLE, _PATH,
        Argument(
            "--trust", "AssumeRolePolicyDocument", 'file that says who may assume it, "-" for standard input',
            document=True,
        ),
    ),
    IdentityCommand("role list", "list the roles", "ListRoles"),
    IdentityCommand("role delete", "remove a role that has no policies any more", "DeleteRole", _ROLE),
    IdentityCommand(
        "key create", "make an access key, whose secret is shown only now", "CreateAccessKey",
        _OF_USER, *_BROUGHT,
    ),
    IdentityCommand(
        "key list", "list access keys and when they were used last, without their secrets", "ListAccessKeys",
        _OF_USER,
    ),
    IdentityCommand(
        "key disable", "switch an access key off", "UpdateAccessKey", _KEY, _OF_USER, Status="Inactive"
    ),
    IdentityCommand(
        "key enable", "switch an access key on again", "UpdateAccessKey", _KEY, _OF_USER, Status="Active"
    ),
    IdentityCommand("key delete", "remove an access key for good", "DeleteAccessKey", _KEY, _OF_USER),
    IdentityCommand(
        "policy create", "make a managed policy", "CreatePolicy",
        Argument("--name", "PolicyName", "name of the policy"), _PATH, _DOCUMENT,
    ),
    IdentityCommand("policy list", "list the managed policies", "ListPolicies"),
    IdentityCommand("policy delete", "remove a managed policy attached nowhere", "DeletePolicy", _ARN),
    IdentityCommand(
        "policy attach-user", "attach a managed policy to a user", "AttachUserPolicy", _ARN, _TO_USER
    ),
    IdentityCommand(
        "policy detach-user", "detach a managed policy from a user", "DetachUserPolicy", _ARN, _TO_USER
    ),
    IdentityCommand(
        "policy attach-group", "attach a managed policy to a group", "AttachGroupPolicy", _ARN,
        Argument("--group", "GroupName", "name of the group"),
    ),
    IdentityCommand(
        "policy detach-group", "detach a managed policy from a group", "DetachGroupPolicy", _ARN,
        Argument("--group", "GroupName", "name of the group"),
    ),
    IdentityCommand(
        "policy attach-role", "attach a managed policy to a role", "AttachRolePolicy", _ARN,
        Argument("--role", "RoleName", "name of the role"),
    ),
    IdentityCommand(
        "policy detach-role", "detach a managed policy from a role", "DetachRolePolicy", _ARN,
        Argument("--role", "RoleName", "name of the role"),
    ),
    IdentityCommand(
        "limit set", "limit a bucket, an account or an access key, instead of what it had", "PutLimits",
        *_LIMITED,
        Argument("--requests", "RequestsPerSecond", "requests a second", False),
        Argument("--upload", "UploadBytesPerSecond", "bytes of requests a second: 8MiB", False, size=True),
        Argument("--download", "DownloadBytesPerSecond", "bytes of answers a second", False, size=True),
        Argument("--max-bytes", "MaxBytes", "bytes in a bucket, or in an account's", False, size=True),
        Argument("--max-versions", "MaxVersions", "versions of objects there", False),
        of_account=False,
    ),
    IdentityCommand(
        "limit show", "show the limits of a bucket, an account or an access key", "GetLimits", *_LIMITED,
        of_account=False,
    ),
    IdentityCommand(
        "limit remove", "remove the limits of a bucket, an account or an access key", "DeleteLimits",
        *_LIMITED, of_account=False,
    ),
)  # fmt: skip
