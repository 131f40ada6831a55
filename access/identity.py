"""Who may call: principals and the credentials they sign with."""

from typing import NamedTuple, Protocol


class Principal(NamedTuple):
    """The caller. `id` is what events and rows carry as owner and actor (64 hex digits, like AWS's
    canonical user id); `access_key` is what signed this request ("" for a bearer token)."""

    id: str
    display_name: str
    access_key: str = ""


class Credential(NamedTuple):
    """An access key, its secret and whose it is."""

    access_key: str
    secret_key: str
    principal: Principal


class Identities(Protocol):
    """Looks up access keys."""

    def credential(self, access_key: str) -> Credential | None: ...
