"""Checks the token of an AssumeRoleWithWebIdentity, before anything is decided about it.

Only providers of the role's own account count, and only their issuers are ever asked for keys.
"""

from access.arns import provider_arn
from access.openid.issuer_keys import IssuerKeys
from access.openid.tokens import read, verify
from gateway.iam.call import Call
from gateway.iam.subjects import account_of
from gateway.iam.web_identity import WebIdentity, web_identity
from schemas.errors import InvalidIdentityToken
from schemas.identities import Provider

LEAST_TOKEN, MOST_TOKEN = 4, 20_000  # characters


async def identified(call: Call, issuers: IssuerKeys) -> WebIdentity:
    """Whom the token is of. Raises InvalidInput, InvalidIdentityToken, ExpiredIdentityToken,
    IdentityClaimRejected, IssuerUnreachable."""
    token = call.parameters.required("WebIdentityToken")
    call.parameters.limited("WebIdentityToken", MOST_TOKEN, LEAST_TOKEN)
    number, _ = account_of(call.parameters.required("RoleArn"))
    claimed = read(token)
    provider = _provider(call, number, claimed.issuer)
    key = await issuers.find(number, provider.url, claimed.key, claimed.algorithm)
    return web_identity(verify(token, claimed, key), provider, provider_arn(number, provider))


def _provider(call: Call, number: str, issuer: str) -> Provider:
    """The provider of that account whose tokens have that issuer, with the scheme or (as Google's once had)
    without. Raises InvalidIdentityToken."""
    account = call.directory.account(number)
    name = issuer.partition("://")[2] or issuer
    found = None if account is None else call.directory.in_account(number).provider(name)
    if found is None or issuer not in (found.url, found.name):
        raise InvalidIdentityToken(f"No OpenIDConnect provider found in your account for {issuer}")
    return found
