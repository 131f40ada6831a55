"""Who there is and what they may do, in memory: made from the rows of `identities` in the index.

Whoever holds one gives it the rows that have changed (`update`); `query.identities` does, and says when it is
no longer up to date. Every lookup is a few dictionary accesses.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from access.account_identities import (
    NO_RIGHTS,
    NOTHING_ALLOWED,
    AccountIdentities,
    Entry,
    PolicyText,
    Rights,
)
from access.arns import account_principal, policy_arn, role_arn, role_principal, user_arn, user_principal
from access.identity import Credential, Principal, Session
from access.keyring import KeyRing
from access.managed_policies import BUILT_IN
from access.secrets import Secrets
from access.session_tokens import SessionClaims, SessionTokens, not_a_token
from schemas.configurations.documents import decode_document
from schemas.errors import ExpiredToken
from schemas.identities import (
    ACCESS_KEY,
    ACCOUNT,
    BLOCK,
    GROUP,
    KEY_USE,
    LIMITS,
    POLICY,
    PROVIDER,
    ROLE,
    ROOT,
    STORE,
    TYPES,
    USER,
    Account,
    KeyUse,
    row_name,
)
from schemas.recent import Recent
from schemas.rows import Identity

KEPT_RIGHTS = 4096  # of an account's principals and sessions
KEPT_SESSIONS = 4096
_UNNAMED = (PROVIDER, LIMITS, KEY_USE, BLOCK)  # without a unique id


class _Session(NamedTuple):
    """A token that was opened, and whose it is as of that version of the directory."""

    claims: SessionClaims
    version: int
    credential: Credential | None


class Directory:
    """Accounts and what is in them. `root` is the store's operator, whose account needs no row."""

    def __init__(
        self,
        root: Credential,
        secrets: Secrets,
        tokens: SessionTokens,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.root = root
        self.version = 0  # grows with every change
        self.tokens = tokens
        self.secrets = secrets
        self._clock = clock
        self._sessions: Recent[str, _Session] = Recent(KEPT_SESSIONS)
        self._accounts: dict[str, AccountIdentities] = {}
        self._numbers: dict[str, str] = {root.principal.id: root.principal.account}  # by canonical id
        self._emails: dict[str, str] = {}  # accounts by address, in lower case
        self._owners: dict[str, str] = {}  # accounts by access key
        self._unique: dict[str, tuple[str, str, str]] = {}  # account, kind, row's name
        self._credentials: dict[str, Credential | None] = {}
        self._blocks: dict[str, Entry] = {}  # public access blocks of accounts, by number
        self.limited = False  # whether any account or access key has limits
        self.account_limits: dict[str, Entry] = {}  # by number
        self.key_limits: dict[str, Entry] = {}  # by access key
        self.in_account(root.principal.account)

    def update(self, rows: Iterable[Identity]) -> None:
        """Take in rows that were set or removed; in their order, and again does no harm."""
        for row in rows:
            account = self._accounts.setdefault(row.account, AccountIdentities(row.account))
            table = account.tables[row.kind]
            before = table.get(row.name)
            if before is not None and before.seq >= row.seq:
                continue
            table.pop(row.name, None)
            if before is not None:
                self._forget(row, before.document)
            if row.document is not None:
                document = decode_document(row.document, TYPES[row.kind])
                table[row.name] = Entry(row.seq, document)
                self._learn(row, document)
            if row.kind == KEY_USE:
                continue  # who may do what is as before
            if row.kind == BLOCK:
                self._block(row.account, table.get(row.name))
            if row.kind == LIMITS:
                self._limit(row, table.get(row.name))
            account.seq = max(account.seq, row.seq)
            account.rights = {}
            for access_key in account.tables[ACCESS_KEY]:
                self._credentials.pop(access_key, None)
            self.version += 1

    def _learn(self, row: Identity, document: Any) -> None:
        if row.kind == ACCOUNT:
            self._numbers[document.canonical_id] = row.account
            self._emails[document.email.lower()] = row.account
        elif row.kind == ACCESS_KEY:
            self._owners.setdefault(row.name, row.account)
        elif row.kind not in _UNNAMED:
            self._unique[document.unique_id] = (row.account, row.kind, row.name)

    def _forget(self, row: Identity, document: Any) -> None:
        if row.kind == ACCESS_KEY:
            self._owners.pop(row.name, None)
            self._credentials.pop(row.name, None)
        elif row.kind == ACCOUNT:
            self._emails.pop(document.email.lower(), None)
        elif row.kind not in _UNNAMED:
            self._unique.pop(document.unique_id, None)

    def _block(self, number: str, entry: Entry | None) -> None:
        if entry is None:
            self._blocks.pop(number, None)
        else:
            self._blocks[number] = entry

    def _limit(self, row: Identity, entry: Entry | None) -> None:
        limits, name = (self.key_limits, row.name) if row.name else (self.account_limits, row.account)
        if entry is None:
            limits.pop(name, None)
        else:
            limits[name] = entry
        self.limited = bool(self.key_limits or self.account_limits)

    # --- accounts ------------------------------------------------------------------------------------
    def in_account(self, number: str) -> AccountIdentities:
        """What is in the account; empty for one that is not there."""
        return self._accounts.setdefault(number, AccountIdentities(number))

    def account(self, number: str) -> Account | None:
        """The account of that number."""
        held = self._accounts.get(number)
        account = None if held is None else held.account
        if account is None and number == self.root.principal.account:
            return Account(self.root.principal.id, self.root.principal.display_name, "", 0)
        return account

    def accounts(self) -> list[str]:
        """The numbers of all accounts, the operator's first."""
        operator = self.root.principal.account
        others = (n for n, held in self._accounts.items() if n not in (operator, STORE) and held.account)
        return [operator, *sorted(others)]

    def number_of(self, canonical_id: str) -> str | None:
        """The number of the account of that canonical id."""
        return self._numbers.get(canonical_id)

    def public_block(self, canonical_id: str) -> Entry | None:
        """The public access block of the account of that canonical id, if it has one."""
        return self._blocks.get(self._numbers.get(canonical_id, "")) if self._blocks else None

    def with_email(self, address: str) -> str | None:
        """The number of the account of that e-mail address, in whatever case it is written."""
        return self._emails.get(address.lower()) if address else None

    def display_name(self, canonical_id: str) -> str | None:
        """What the account of that canonical id is called."""
        number = self._numbers.get(canonical_id)
        account = None if number is None else self.account(number)
        return None if account is None else account.name

    def identified(self, unique_id: str) -> tuple[str, str, Any] | None:
        """(account, kind, document) of a user, group, role or policy by its unique id, while it is there."""
        found = self._unique.get(unique_id)
        if found is None:
            return None
        number, kind, name = found
        return number, kind, self._accounts[number].tables[kind][name].document

    def at(self, arn: str) -> tuple[str, str, Any] | None:
        """The same for a user or a role by its ARN."""
        number, _, resource = arn.removeprefix("arn:aws:iam::").partition(":")
        kind, _, path = resource.partition("/")
        held = self._accounts.get(number)
        if held is None or kind not in (USER, ROLE):
            return None
        document = held.get(kind, path.rpartition("/")[2])
        write = user_arn if kind == USER else role_arn
        return None if document is None or write(number, document) != arn else (number, kind, document)

    # --- access keys ---------------------------------------------------------------------------------
    def credential(self, access_key: str) -> Credential | None:
        """access.identity.Identities: None for keys that are not there, inactive, or of an account that is
        disabled. Raises KeyMissing when the secret cannot be opened."""
        if access_key == self.root.access_key:
            return self.root
        try:
            return self._credentials[access_key]
        except KeyError:
            if access_key not in self._owners:
                return None
            found = self._credentials[access_key] = self._credential(access_key)
            return found

    def owner_of(self, access_key: str) -> tuple[str, str] | None:
        """(account, user or ROOT) of an access key, whether it is active or not."""
        if access_key == self.root.access_key:
            return self.root.principal.account, ROOT
        number = self._owners.get(access_key)
        if number is None:
            return None
        return number, self._accounts[number].tables[ACCESS_KEY][access_key].document.user

    def key_use(self, access_key: str) -> KeyUse | None:
        """When an access key was used last; None where nobody has told of it."""
        owner = self.owner_of(access_key)
        return None if owner is None else self.in_account(owner[0]).get(KEY_USE, access_key)

    def _credential(self, access_key: str) -> Credential | None:
        number = self._owners[access_key]
        held, account = self._accounts[number], self.account(number)
        key = held.access_key(access_key)
        if account is None or account.disabled or key is None or not key.active:
            return None
        if key.user == ROOT:
            principal = account_principal(number, account)
        else:
            user = held.user(key.user)
            if user is None:
                return None
            principal = user_principal(number, account, user)
        secret = self.secrets.open(access_key, key.secret)
        return Credential(access_key, secret, principal._replace(access_key=access_key))

    # --- sessions ------------------------------------------------------------------------------------
    def session(self, access_key: str, token: str) -> Credential | None:
        """access.identity.Identities: None when the user or role is gone, when the account is disabled, and
        of an account or a user also when the access key that asked for the session is out of use."""
        known = self._sessions.get(token)
        if known is None or known.version != self.version:
            claims = self.tokens.open(token) if known is None else known.claims
            made = self._session(claims)
            if known is not None and known.credential == made:
                made = known.credential  # so that whoever kept it sees at once that nothing has changed
            known = _Session(claims, self.version, made)
            self._sessions.put(token, known)
        if known.claims.access_key != access_key:
            raise not_a_token(token)
        if self._clock() >= known.claims.expires_at:
            raise ExpiredToken("The provided token has expired.", **{"Token-0": token})
        return known.credential

    def _session(self, claims: SessionClaims) -> Credential | None:
        account = self.account(claims.account)
        if account is None or account.disabled:
            return None
        if claims.kind != "role" and self.credential(claims.parent) is None:
            return None
        principal = self._principal_of(claims, account)
        if principal is None:
            return None
        session = Session(
            claims.access_key, claims.issued_at, claims.expires_at, claims.policies, claims.policy_arns,
            claims.tags, claims.transitive, claims.source_identity, claims.provider,
            claims.keys, claims.parent,
        )  # fmt: skip
        principal = principal._replace(access_key=claims.access_key, session=session)
        return Credential(claims.access_key, claims.secret_key, principal)

    def _principal_of(self, claims: SessionClaims, account: Account) -> Principal | None:
        if claims.kind == "account":
            return account_principal(claims.account, account)
        found = self.identified(claims.unique_id)
        if found is None or found[:2] != (claims.account, claims.kind):
            return None
        if claims.kind == "user":
            return user_principal(claims.account, account, found[2])
        return role_principal(claims.account, account, found[2], claims.name)

    # --- rights --------------------------------------------------------------------------------------
    def rights(self, principal: Principal) -> Rights:
        """What the policies of a principal say; nothing for a user or role that is gone."""
        if principal.kind == "anonymous":
            return NO_RIGHTS
        held = self.in_account(principal.account)
        session = principal.session
        name = principal.unique_id if session is None else session.access_key
        known = held.rights.get(name)
        if known is None:
            known = self._rights(held, principal)
            if len(held.rights) >= KEPT_RIGHTS:
                held.rights.clear()
            held.rights[name] = known
        return known

    def _rights(self, held: AccountIdentities, principal: Principal) -> Rights:
        identity: tuple[PolicyText, ...] = ()
        boundary = None
        tags: Mapping[str, str] = {}
        if principal.kind in ("user", "role"):
            found = self.identified(principal.unique_id.partition(":")[0])
            if found is None:
                return NO_RIGHTS
            number, kind, document = found
            identity = self.policies_of(number, kind, document)
            tags = document.tags
            if document.boundary:
                boundary = self.managed(document.boundary) or PolicyText(
                    document.boundary, 0, NOTHING_ALLOWED
                )
        session = principal.session
        if session is None:
            return Rights(identity, boundary, None, tags)
        limits = None
        if session.limited:
            named = (self.managed(arn) for arn in session.policy_arns)
            inline = (PolicyText(f"session/{text}", 0, text) for text in session.policies)
            limits = (*(policy for policy in named if policy is not None), *inline)
        return Rights(identity, boundary, limits, {**tags, **session.tags})

    def policies_of(self, number: str, kind: str, document: Any) -> tuple[PolicyText, ...]:
        """The identity policies of a user (with those of its groups), a group or a role."""
        held = self.in_account(number)
        entry = held.tables[kind].get(row_name(document.name))
        seq = 0 if entry is None else entry.seq
        texts = [PolicyText(f"{document.unique_id}/{name}", seq, t) for name, t in document.inline.items()]
        texts += [policy for arn in document.attached if (policy := self.managed(arn)) is not None]
        for name in document.groups if kind == USER else ():
            group = held.group(name)
            if group is not None:
                texts += self.policies_of(number, GROUP, group)
        return tuple(texts)

    def managed(self, arn: str) -> PolicyText | None:
        """The version in force of the managed policy of that ARN."""
        built_in = BUILT_IN.get(arn)
        if built_in is not None:
            return PolicyText(arn, 0, built_in.document)
        number, _, resource = arn.removeprefix("arn:aws:iam::").partition(":policy/")
        held = self._accounts.get(number)
        entry = None if held is None else held.tables[POLICY].get(row_name(resource.rpartition("/")[2]))
        if entry is None or policy_arn(number, entry.document) != arn:
            return None
        return PolicyText(arn, entry.seq, entry.document.document)


def open_directory(root: Credential, keys: KeyRing) -> Directory:
    """An empty directory whose secrets and tokens are sealed under that key ring."""
    return Directory(root, Secrets(keys), SessionTokens(keys))
