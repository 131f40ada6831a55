"""Who signed a browser's upload form: the policy in it, by Signature Version 4 or 2.

Source: Amazon S3 API reference, "Authenticating requests: browser-based uploads using POST", and for version
2 the developer guide, "Browser-based uploads using HTTP POST".
"""

import base64
import hmac
from collections.abc import Callable, Mapping

from access.claim import Claim
from access.identity import Credential, Identities, Principal
from access.scope import Grant, find_credential
from access.signing import ALGORITHM, parse_long_date
from schemas.errors import InvalidArgument, SignatureDoesNotMatch

_VERSION_4 = frozenset({"x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"})
TOKEN = "x-amz-security-token"
_VERSION_2 = frozenset({"awsaccesskeyid", "signature"})


class FormVerifier:
    """Verifies forms. `grant` gives the signing key of a claimed credential scope, or raises."""

    __slots__ = ("_grant", "_identities")

    def __init__(self, grant: Callable[[Claim, str], Grant], identities: Identities) -> None:
        self._grant = grant
        self._identities = identities

    def verify(self, fields: Mapping[str, str]) -> Principal | None:
        """Who signed the form, None when nobody did. `fields` under lower-case names.

        Raises InvalidArgument (a field is missing), InvalidAccessKeyId, InvalidToken, ExpiredToken,
        AuthorizationQueryParametersError, SignatureDoesNotMatch.
        """
        if not _VERSION_4.isdisjoint(fields):
            return self._verify_version_4(fields)
        if not _VERSION_2.isdisjoint(fields) or "policy" in fields:
            return self._verify_version_2(fields)
        return None

    def _verify_version_4(self, fields: Mapping[str, str]) -> Principal:
        policy, algorithm = required(fields, "policy"), required(fields, "x-amz-algorithm")
        credential, signature = required(fields, "x-amz-credential"), required(fields, "x-amz-signature")
        timestamp = required(fields, "x-amz-date")
        if algorithm != ALGORITHM:
            raise InvalidArgument(
                f'X-Amz-Algorithm only supports "{ALGORITHM}"',
                ArgumentName="x-amz-algorithm",
                ArgumentValue=algorithm,
            )
        if parse_long_date(timestamp) is None:
            raise InvalidArgument(
                "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"",
                ArgumentName="x-amz-date",
                ArgumentValue=timestamp,
            )
        token = fields.get(TOKEN, "")
        grant = self._grant(Claim(credential, "", signature, timestamp, True), token)
        _compare(grant.credential, grant.key.sign(policy.encode()), signature, policy)
        return grant.credential.principal

    def _verify_version_2(self, fields: Mapping[str, str]) -> Principal:
        policy, signature = required(fields, "policy"), required(fields, "signature")
        access_key = required(fields, "awsaccesskeyid")
        credential = find_credential(self._identities, access_key, fields.get(TOKEN))
        digest = hmac.digest(credential.secret_key.encode(), policy.encode(), "sha1")
        _compare(credential, base64.b64encode(digest).decode(), signature, policy)
        return credential.principal


def required(fields: Mapping[str, str], name: str) -> str:
    """A field that the form must have. Raises InvalidArgument."""
    value = fields.get(name)
    if value is None:
        raise InvalidArgument(
            f"Bucket POST must contain a field named '{name}'.  If it is specified, please check the order "
            "of the fields.",
            ArgumentName=name,
            ArgumentValue="",
        )
    return value


def _compare(credential: Credential, ours: str, theirs: str, policy: str) -> None:
    if not hmac.compare_digest(ours.encode(), theirs.encode("utf-8", "surrogatepass")):
        raise SignatureDoesNotMatch(
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method.",
            AWSAccessKeyId=credential.access_key,
            StringToSign=policy,
            SignatureProvided=theirs,
        )
