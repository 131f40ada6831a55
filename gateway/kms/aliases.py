"""Actions on aliases. Source: AWS KMS API Reference."""

from gateway.kms.call import Action, Answer, Call, Input, PageInput, page


class AliasInput(Input, frozen=True):
    alias_name: str
    target_key_id: str


class DeleteInput(Input, frozen=True):
    alias_name: str


class ListInput(PageInput, frozen=True, kw_only=True):
    key_id: str | None = None


def create_alias(call: Call, asked: AliasInput) -> Answer:
    call.check_account(call.kms.alias_arn(asked.alias_name))
    call.kms.create_alias(asked.alias_name, call.own_key(asked.target_key_id).key_id)
    return {}


def update_alias(call: Call, asked: AliasInput) -> Answer:
    _check_alias(call, asked.alias_name)
    call.kms.update_alias(asked.alias_name, call.own_key(asked.target_key_id).key_id)
    return {}


def delete_alias(call: Call, asked: DeleteInput) -> Answer:
    _check_alias(call, asked.alias_name)
    call.kms.delete_alias(asked.alias_name)
    return {}


def _check_alias(call: Call, name: str) -> None:
    """Whether the caller may change an alias, and what it stands for. Raises AccessDenied."""
    call.check_account(call.kms.alias_arn(name))
    targets = dict(call.kms.aliases())
    if name in targets:
        call.check(call.kms.find(targets[name]))


def list_aliases(call: Call, asked: ListInput) -> Answer:
    target = None if asked.key_id is None else call.key(asked.key_id).key_id

    def show(alias: tuple[str, str]) -> Answer:
        name, key_id = alias
        return {"AliasName": name, "AliasArn": call.kms.alias_arn(name), "TargetKeyId": key_id}

    found = [alias for alias in call.kms.aliases() if target in (None, alias[1])]
    return page(found, asked, "Aliases", lambda alias: alias[0], show)


ACTIONS = {
    "CreateAlias": Action(AliasInput, create_alias, changes=True),
    "DeleteAlias": Action(DeleteInput, delete_alias, changes=True),
    "ListAliases": Action(ListInput, list_aliases, of_account=True),
    "UpdateAlias": Action(AliasInput, update_alias, changes=True),
}
