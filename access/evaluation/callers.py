"""From a principal to everything that is held of it: the directory's texts, compiled once."""

from access.account_identities import PolicyText, Rights
from access.arns import role_arn
from access.directory import Directory
from access.evaluation.caller import NOBODY, Caller
from access.evaluation.policy import Policy, compile_policy
from access.evaluation.principals import Who
from access.identity import Principal
from schemas.recent import Recent

KEPT_POLICIES = 4096
KEPT_CALLERS = 4096

_SESSION, _TRUST = "session/", "trust/"


class Callers:
    """Callers of the principals in a directory, as they are there now. Lookups are in memory."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._policies: Recent[tuple[str, int], Policy] = Recent(KEPT_POLICIES)
        self._callers: Recent[Principal | str, tuple[Rights, Caller]] = Recent(KEPT_CALLERS)

    def caller(self, principal: Principal) -> Caller:
        """The principal with its policies. Raises MalformedPolicy when one cannot be compiled: nothing is
        decided then."""
        if principal.kind == "anonymous":
            return NOBODY
        rights = self._directory.rights(principal)
        session = principal.session
        # A session is told by its key: to hash all that it says, its policies too, would cost every request.
        name = principal if session is None else session.access_key
        kept = self._callers.get(name)
        if kept is not None and kept[0] is rights and (session is None or kept[1].principal is principal):
            return kept[1]
        made = self._made(principal, rights)
        self._callers.put(name, (rights, made))
        return made

    def _made(self, principal: Principal, rights: Rights) -> Caller:
        session = principal.session
        limits = None if rights.session is None else tuple(map(self.policy, rights.session))
        return Caller(
            Who(principal, self._role(principal), "" if session is None else session.provider),
            tuple(map(self.policy, rights.identity)),
            None if rights.boundary is None else self.policy(rights.boundary),
            limits,
            {name.lower(): value for name, value in rights.tags.items()},
            0 if session is None else session.issued_at,
        )

    def _role(self, principal: Principal) -> str:
        """The ARN of the role that the principal is a session of."""
        if principal.kind != "role":
            return ""
        found = self._directory.identified(principal.unique_id.partition(":")[0])
        return "" if found is None else role_arn(found[0], found[2])

    def policy(self, text: PolicyText) -> Policy:
        """The text, compiled. Raises MalformedPolicy."""
        known = self._policies.get((text.id, text.seq))
        if known is None:
            known = compile_policy(text.text, self._name(text))
            self._policies.put((text.id, text.seq), known)
        return known

    def _name(self, text: PolicyText) -> str:
        """What people know the policy by."""
        if text.id.startswith(_SESSION):
            return "the session's policy"
        if text.id.startswith(_TRUST):
            role = self._directory.identified(text.id.removeprefix(_TRUST))
            return "a role's trust policy" if role is None else f"the trust policy of role {role[2].name}"
        unique_id, slash, name = text.id.partition("/")
        found = self._directory.identified(unique_id) if slash else None
        return text.id if found is None else f"policy {name} of {found[1]} {found[2].name}"
