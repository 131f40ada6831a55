"""Whom a statement is about: the Principal and NotPrincipal of policies on resources.

A caller is known under several names, from its account to its session; a policy may name any of them.

Source: IAM User Guide, "AWS JSON policy elements: Principal" and "NotPrincipal".
"""

import re
from enum import IntEnum
from typing import Any

import msgspec

from access.identity import Principal

_is_account_root = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):root").fullmatch
_is_account = re.compile(r"\d{12}").fullmatch


class Who(msgspec.Struct, frozen=True, gc=False):
    """A principal under every name that policies may call it.

    role_arn  of a session of a role: that role; else ""
    provider  who vouches for a federated session, or of an anonymous caller for its web identity: an ARN, or
              a domain; else ""
    service   the service that acts for itself, "logging.s3.amazonaws.com"; else ""
    """

    principal: Principal
    role_arn: str = ""
    provider: str = ""
    service: str = ""


class Named(IntEnum):
    """How closely a statement names the caller: what its allowing is worth depends on it.

    ACCOUNT  the caller's account, which decides further by the caller's own policies
    ROLE     everybody (of a web identity, and of a session), or the role that the caller is a session of
    ITSELF   the user, or this very session
    """

    NOT = 0
    ACCOUNT = 1
    ROLE = 2
    ITSELF = 3


class Principals:
    """Principals that a statement names."""

    __slots__ = ("_accounts", "_arns", "_canonical", "_everybody", "_federated", "_ids", "_services")

    def __init__(self, principal: Any) -> None:
        self._everybody = principal == "*"
        self._accounts: set[str] = set()
        self._arns: set[str] = set()
        self._ids: set[str] = set()
        self._canonical: set[str] = set()
        self._federated: set[str] = set()
        self._services: set[str] = set()
        for kind, value in {} if self._everybody else principal.items():
            for one in value if isinstance(value, list) else [value]:
                self._add(kind, one)

    def _add(self, kind: str, name: str) -> None:
        if kind == "AWS":
            root = _is_account_root(name)
            if name == "*":
                self._everybody = True
            elif root or _is_account(name):
                self._accounts.add(root[1] if root else name)
            elif name.startswith("arn:"):
                self._arns.add(name)
            elif re.fullmatch("[0-9a-f]{64}", name):
                self._canonical.add(name)
            else:
                self._ids.add(name)
        elif kind == "CanonicalUser":
            self._canonical.add(name)
        elif kind == "Federated":
            self._federated.add(name)
        elif kind == "Service":
            self._services.add(name)

    def names(self, who: Who) -> Named:
        """The closest way in which they name the caller."""
        caller = who.principal
        if who.service and who.service in self._services:
            return Named.ITSELF
        if caller.kind == "anonymous":
            return self._name_unsigned(who)
        if caller.arn in self._arns or caller.unique_id in self._ids or who.provider in self._federated:
            return Named.ITSELF
        account = caller.account in self._accounts or caller.id in self._canonical
        if account and caller.kind == "account":
            return Named.ITSELF
        if self._everybody:
            return Named.ROLE if caller.kind == "role" else Named.ITSELF
        if self._name_role(who):
            return Named.ROLE
        return Named.ACCOUNT if account else Named.NOT

    def _name_unsigned(self, who: Who) -> Named:
        """Nobody signed. A web identity is more than everybody only where its provider is named."""
        if who.provider and who.provider in self._federated:
            return Named.ITSELF
        if not self._everybody:
            return Named.NOT
        return Named.ROLE if who.provider else Named.ITSELF

    def _name_role(self, who: Who) -> bool:
        return bool(who.role_arn) and (
            who.role_arn in self._arns or who.principal.unique_id.partition(":")[0] in self._ids
        )

    def name_all_of(self, who: Who) -> bool:
        """Whether every name of the caller is among these: so NotPrincipal of a denial must name the account
        beside the user, and beside a session its role."""
        caller = who.principal
        if self._everybody:
            return True
        if caller.kind == "anonymous":
            service = bool(who.service) and who.service in self._services
            return service or (bool(who.provider) and who.provider in self._federated)
        if not (caller.account in self._accounts or caller.id in self._canonical):
            return False
        if caller.kind == "account":
            return True
        itself = caller.arn in self._arns or caller.unique_id in self._ids
        return itself and (caller.kind != "role" or self._name_role(who))

    def name_any_of(self, who: Who) -> bool:
        """Whether some name of the caller is among these."""
        return self.names(who) is not Named.NOT
