"""Condition keys of a request that nobody has sent: what is given, and what is known without it.

What only a request tells (its address, whether it comes by TLS, its headers) has no value unless it is given.
"""

from collections.abc import Mapping, Sequence

import msgspec

from access.evaluation.caller import Caller
from gateway.authorization.global_keys import GLOBAL, Values, named
from gateway.authorization.request_keys import HEADERS

Given = Mapping[str, Sequence[str]]  # by condition key, as access.evaluation.template writes it

# The caller's, where there is one. Those of a role's session depend on the session.
_OF_CALLER = frozenset({"aws:principalaccount", "aws:principalarn", "aws:principaltype"})
_OF_USER = frozenset({"aws:userid", "aws:username"})
_ALWAYS = frozenset({
    "aws:currenttime", "aws:epochtime", "aws:principalisawsservice", "aws:resourceaccount",
    "aws:viaawsservice",
})  # fmt: skip
_TAG = "aws:principaltag/"
# What whoever sends a request writes into it: so it may be tried against the policies of others, too.
_WRITTEN = frozenset({
    *HEADERS, "aws:securetransport", "aws:tagkeys", "iam:policyarn", "s3:authtype", "s3:delimiter",
    "s3:max-keys", "s3:object-lock-legal-hold", "s3:object-lock-mode",
    "s3:object-lock-remaining-retention-days",
    "s3:object-lock-retain-until-date", "s3:objectcreationoperation", "s3:prefix",
    "s3:requestobjecttagkeys", "s3:signatureversion", "s3:versionid", "s3:x-amz-content-sha256",
    "s3:x-amz-copy-source", "s3:x-amz-storage-class", "sts:externalid", "sts:rolesessionname",
    "sts:sourceidentity", "sts:transitivetagkeys",
})  # fmt: skip
_WRITTEN_TAGS = ("aws:requesttag/", "s3:requestobjecttag/")


def of_request(given: Given) -> Given:
    """Of what is given only what callers choose in their requests: not who and where they are, when it is,
    or what the resource is like."""
    return {key: values for key, values in given.items() if key in _WRITTEN or key.startswith(_WRITTEN_TAGS)}


class GivenKeys(msgspec.Struct, gc=False):
    """The keys, as access.evaluation asks for them. What is given goes before what is known, and a key that
    is given without a value has none.

    owner   the number of the account that owns what is asked for, "" where that is not known
    region  the store's, "" where that does not matter
    """

    caller: Caller
    given: Given
    owner: str
    region: str = ""
    source: str = ""
    secure: bool = False

    def __call__(self, key: str) -> Values:
        given = self.given.get(key)
        if given is not None:
            return given or None
        if key.startswith(_TAG):
            return named(self.caller.tags, key.removeprefix(_TAG))
        if not self._known(key):
            return None
        value = GLOBAL[key](self)
        return None if value is None else (value,)

    def _known(self, key: str) -> bool:
        if key in _ALWAYS:
            return True
        principal = self.caller.principal
        return bool(principal.arn) and (key in _OF_CALLER or (key in _OF_USER and principal.kind == "user"))
