"""From flags, environment and TOML file to Settings: the first of them that names a setting wins."""

import os
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import EnvSettingsSource

from schemas.errors import ConfigurationError
from strandline.settings import Settings, flag_of, variable_of

CONFIG_VARIABLE = "STRANDLINE_CONFIG"
_SECRET = frozenset({"master_key", "root_secret_key", "secret_key", "password"})
_TABLES = ("dict_type", "model_type", "tuple_type")  # what was given instead of a table may hold secrets
_WORDS = (("Input should", "must"), ("Value should", "must"), ("String should", "must"),
          ("items after validation", "characters"),
          ("a valid dictionary or instance of", "a table, in the environment as JSON:"))  # fmt: skip


def load_settings(flags: Mapping[str, Any], config: Path | None = None) -> Settings:
    """The settings in force. `flags` holds those given on the command line, by setting name.

    Raises ConfigurationError with one line that names the source, the value and the rule.
    """
    named = os.environ.get(CONFIG_VARIABLE)
    path = config or (Path(named) if named else None)
    file = read_config(path) if path else {}
    environment = EnvSettingsSource(Settings)()
    try:
        return Settings(**{**file, **environment, **flags})
    except ValidationError as error:
        raise ConfigurationError(_explain(error.errors()[0], flags, environment, path)) from None


def read_config(path: Path) -> dict[str, Any]:
    """The keys of a TOML file. Raises ConfigurationError when it cannot be read or has an unknown key."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"configuration file {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"configuration file {path} is not TOML: {error}") from None
    for key in values:
        if key not in Settings.model_fields:
            raise ConfigurationError(f"configuration file {path}: {key!r} is not a setting{_similar(key)}")
    return values


def _similar(key: str) -> str:
    close = get_close_matches(key.replace("-", "_").lower(), Settings.model_fields, n=1)
    return f"; did you mean {close[0]!r}?" if close else "; docs/configuration.md lists them all"


def _explain(
    error: ErrorDetails, flags: Mapping[str, Any], environment: Mapping[str, Any], path: Path | None
) -> str:
    """One line for what pydantic found first."""
    rule = error["msg"].removeprefix("Value error, ")
    if not error["loc"]:
        return rule
    name = str(error["loc"][0])
    if name in flags:
        source = flag_of(name) or name
    elif name in environment:
        source = variable_of(name)
    else:
        source = f"{name} in {path}"
    inner = "".join(f".{part}" for part in error["loc"][1:])
    if error["type"] == "missing":
        return f"{source}: {name}{inner} is missing"
    if error["type"] == "extra_forbidden":
        return f"{source}: {name}{inner} is not a setting; docs/configuration.md lists them all"
    secret = bool(_SECRET.intersection(error["loc"])) or isinstance(error["input"], dict)
    secret = secret or error["type"] in _TABLES
    shown = "the value given" if secret else repr(error["input"])
    for theirs, ours in _WORDS:
        rule = rule.replace(theirs, ours)
    what = f"{name}{inner} = {shown}" if inner else shown
    return f"{source}: {what} cannot be used: {rule}"
