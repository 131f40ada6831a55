"""Accounts beside the operator's, made as the command line makes them."""

import json
import subprocess
import sys
import uuid
from typing import Any, NamedTuple

from tests.server import ACCESS_KEY, ROOT, SECRET_KEY, Server, clean_environment


def told(server: Server, *words: str, code: int = 0) -> Any:
    """What a command says in JSON; on an error, in words."""
    command = [sys.executable, "-m", "strandline", *words, "--json", "--data-dir", str(server.data_dir)]
    environment = clean_environment(
        STRANDLINE_ROOT_ACCESS_KEY=ACCESS_KEY,
        STRANDLINE_ROOT_SECRET_KEY=SECRET_KEY,
        STRANDLINE_API_LISTEN=f"127.0.0.1:{server.api_port}",
        **server.configuration,
    )
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == code, ended.stderr
    return json.loads(ended.stdout) if code == 0 else ended.stderr


def create(server: Server, name: str, *more: str, code: int = 0) -> Any:
    return told(
        server, "account", "create", "--name", name, "--email", f"{name}@example.com", *more, code=code
    )


class Account(NamedTuple):
    """An account, and clients of its root."""

    id: str
    canonical_id: str
    name: str
    keys: tuple[str, ...]
    s3: Any
    iam: Any


def new_account(site: Any, name: str) -> Account:
    told = create(site.server, f"{name}-{uuid.uuid4().hex[:8]}")
    keys = (told["AccessKey"]["AccessKeyId"], told["AccessKey"]["SecretAccessKey"])
    account = told["Account"]
    clients = site.client("s3", keys), site.client("iam", keys)
    return Account(account["Id"], account["CanonicalId"], account["Name"], keys, *clients)
