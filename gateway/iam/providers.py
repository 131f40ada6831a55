"""OpenID Connect providers: whose tokens an account takes, and which clients they may have been made for."""

import re

import msgspec

from access.arns import provider_arn
from access.openid.urls import is_issuer
from gateway.iam.call import Call, Changes, Result, moment, tag_list
from schemas.errors import EntityAlreadyExists, InvalidInput, InvalidProvider, LimitExceeded, NoSuchEntity
from schemas.identities import PROVIDER, Provider

PROVIDERS_LIMIT = 100
CLIENT_IDS_LIMIT = 100
CLIENT_ID_LIMIT = 255  # characters
THUMBPRINTS_LIMIT = 5
# Of AWS's parameters, those that are about what there is not here.
NOT_TAKEN = ("ContextProvider", "IdentityCenterInstanceArn")

_is_thumbprint = re.compile(r"[0-9a-fA-F]{40}").fullmatch


def create_provider(call: Call) -> Changes:
    """Raises EntityAlreadyExists, InvalidInput, InvalidProvider, LimitExceeded."""
    parameters = call.parameters
    url = parameters.required("Url")
    for name in NOT_TAKEN:
        if parameters.holds(name):
            raise InvalidInput(f"{name} is not taken")
    if not is_issuer(url, call.loopback):
        raise InvalidInput("Invalid Open ID Connect Provider URL")
    made = Provider(
        url, call.now, _client_ids(parameters.items("ClientIDList")), _thumbprints(call), parameters.tags()
    )
    if call.held.provider(made.name) is not None:
        raise EntityAlreadyExists(f"Provider with url {url} already exists.")
    if len(call.held.tables[PROVIDER]) >= PROVIDERS_LIMIT:
        raise LimitExceeded(f"Cannot exceed quota for OpenIdConnectProvidersPerAccount: {PROVIDERS_LIMIT}")
    shown: Result = {"OpenIDConnectProviderArn": provider_arn(call.number, made)}
    if made.tags:
        shown["Tags"] = tag_list(made.tags)
    return Changes((call.set(PROVIDER, made.name, made),), shown)


def get_provider(call: Call) -> Result:
    provider = found_provider(call)
    shown: Result = {
        "Url": provider.name,
        "ClientIDList": list(provider.client_ids),
        "ThumbprintList": list(provider.thumbprints),
        "CreateDate": moment(provider.created_at),
    }
    return shown | {"Tags": tag_list(provider.tags)}


def list_providers(call: Call) -> Result:
    """All of them: this list has no pages."""
    arns = (provider_arn(call.number, provider) for provider in call.held.all(PROVIDER))
    return {"OpenIDConnectProviderList": [{"Arn": arn} for arn in arns]}


def update_thumbprints(call: Call) -> Changes:
    """The list instead of the one before."""
    provider = found_provider(call)
    call.parameters.required_items("ThumbprintList")
    return _changed(call, msgspec.structs.replace(provider, thumbprints=_thumbprints(call)))


def add_client_id(call: Call) -> Changes:
    """One that is there already stays."""
    provider = found_provider(call)
    ids = _client_ids([*provider.client_ids, call.parameters.required("ClientID")])
    return _changed(call, msgspec.structs.replace(provider, client_ids=ids))


def remove_client_id(call: Call) -> Changes:
    """One that is not there is no error."""
    provider = found_provider(call)
    removed = call.parameters.required("ClientID")
    ids = tuple(one for one in provider.client_ids if one != removed)
    return _changed(call, msgspec.structs.replace(provider, client_ids=ids))


def delete_provider(call: Call) -> Changes:
    """One that is not there is no error, as in AWS. Roles that name it stay; its tokens are worth nothing."""
    call.parameters.required("OpenIDConnectProviderArn")
    provider = _named(call)
    return Changes(() if provider is None else (call.set(PROVIDER, provider.name, None),), {})


def found_provider(call: Call) -> Provider:
    """The provider of that ARN. Raises NoSuchEntity."""
    arn = call.parameters.required("OpenIDConnectProviderArn")
    provider = _named(call)
    if provider is None:
        raise NoSuchEntity(f"OpenIDConnect Provider not found for arn {arn}")
    return provider


def _named(call: Call) -> Provider | None:
    arn = call.parameters.get("OpenIDConnectProviderArn")
    provider = call.held.provider(arn.partition(":oidc-provider/")[2])
    return provider if provider is not None and provider_arn(call.number, provider) == arn else None


def _changed(call: Call, provider: Provider) -> Changes:
    return Changes((call.set(PROVIDER, provider.name, provider),), {})


def _client_ids(given: list[str]) -> tuple[str, ...]:
    for one in given:
        if not 1 <= len(one) <= CLIENT_ID_LIMIT:
            raise InvalidInput(f"{one!r} is no client id: they have 1 to {CLIENT_ID_LIMIT} characters")
    ids = tuple(dict.fromkeys(given))
    if len(ids) > CLIENT_IDS_LIMIT:
        raise LimitExceeded(f"Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: {CLIENT_IDS_LIMIT}")
    return ids


def _thumbprints(call: Call) -> tuple[str, ...]:
    """They are kept and told; what is trusted are authorities (access.openid.fetching)."""
    given = call.parameters.items("ThumbprintList")
    for one in given:
        if not _is_thumbprint(one):
            raise InvalidInput(f"{one!r} is no thumbprint: they have 40 hex digits")
    if len(given) > THUMBPRINTS_LIMIT:
        raise InvalidProvider("Thumbprint list must contain fewer than 5 entries.")
    return tuple(dict.fromkeys(given))
