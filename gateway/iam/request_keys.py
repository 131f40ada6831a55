"""Condition keys of a request to IAM or STS.

Source: Service Authorization Reference, "Condition keys for AWS Identity and Access Management (IAM)" and
"Condition keys for AWS Security Token Service"; IAM User Guide, "IAM and AWS STS condition context keys".
"""

from collections.abc import Callable, Mapping

import msgspec

from access.evaluation.caller import Caller, session_values
from gateway.authorization.global_keys import GLOBAL, Values, named
from gateway.iam.call import Call
from gateway.iam.subjects import Subject


class QueryKeys(msgspec.Struct, gc=False):
    """The keys of one request, as access.evaluation asks for them."""

    call: Call
    caller: Caller
    subject: Subject
    region: str

    @property
    def source(self) -> str:
        return self.call.via.source

    @property
    def secure(self) -> bool:
        return self.call.via.scheme == "https"

    @property
    def owner(self) -> str:
        return self.subject.account

    def __call__(self, key: str) -> Values:
        found = GLOBAL.get(key)
        if found is not None:
            value = found(self)
            return None if value is None else (value,)
        own = _KEYS.get(key)
        if own is not None:
            return own(self)
        kind, _, name = key.partition("/")
        tags = _TAGS.get(kind)
        if tags is None or not name:
            identity = self.call.identity
            return session_values(self.caller, key) if identity is None else identity.keys.get(key)
        return named(tags(self), name)

    def parameter(self, name: str) -> Values:
        value = self.call.parameters.get(name)
        return (value,) if value else None


def _parameter(name: str) -> Callable[[QueryKeys], Values]:
    return lambda keys: keys.parameter(name)


def _tag_keys(keys: QueryKeys) -> Values:
    names = [*_requested(keys), *keys.call.parameters.items("TagKeys")]
    return tuple(names) or None


def _transitive(keys: QueryKeys) -> Values:
    identity = keys.call.identity
    names = keys.call.parameters.items("TransitiveTagKeys") if identity is None else identity.transitive
    return tuple(names) or None


def _requested(keys: QueryKeys) -> Mapping[str, str]:
    """Tags of the request; of a web identity those of its token, which the client cannot choose."""
    identity = keys.call.identity
    return keys.call.parameters.tags() if identity is None else identity.tags


def _source_identity(keys: QueryKeys) -> Values:
    identity = keys.call.identity
    if identity is None:
        return keys.parameter("SourceIdentity")
    return (identity.source_identity,) if identity.source_identity else None


def _user_agent(keys: QueryKeys) -> Values:
    return (keys.call.via.agent,) if keys.call.via.agent else None


_KEYS: dict[str, Callable[[QueryKeys], Values]] = {
    "aws:tagkeys": _tag_keys,
    "aws:useragent": _user_agent,
    "iam:permissionsboundary": lambda keys: (keys.subject.boundary,) if keys.subject.boundary else None,
    "iam:policyarn": _parameter("PolicyArn"),
    "sts:externalid": _parameter("ExternalId"),
    "sts:rolesessionname": _parameter("RoleSessionName"),
    "sts:sourceidentity": _source_identity,
    "sts:transitivetagkeys": _transitive,
}

_TAGS: dict[str, Callable[[QueryKeys], Mapping[str, str]]] = {
    "aws:principaltag": lambda keys: keys.caller.tags,
    "aws:requesttag": _requested,
    "aws:resourcetag": lambda keys: keys.subject.tags,
    "iam:resourcetag": lambda keys: keys.subject.tags,
}
