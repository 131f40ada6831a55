"""`strandline config show`: the settings in force, as the TOML file that would set them."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, SecretStr

from strandline.settings import Settings

NAME = "config show"
HELP = "print the settings in force as TOML, secrets left out"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beside the settings."""


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Print every setting; the output can be used as a configuration file."""
    print(as_toml(settings), end="")
    return 0


def as_toml(settings: Settings) -> str:
    """One line per setting; comments for those that have no value or are secret. Tables come last, since in
    TOML what follows a table's head belongs to it."""
    return "\n".join(_lines(settings, "")) + "\n"


def _lines(model: BaseModel, table: str) -> Iterator[str]:
    tables: list[str] = []
    for name in type(model).model_fields:
        value = getattr(model, name)
        path = f"{table}.{name}" if table else name
        if value is None:
            yield f"# {name} is not set"
        elif isinstance(value, SecretStr):
            yield f"# {name} is set, and not shown"
        elif isinstance(value, BaseModel):
            tables += ["", f"[{path}]", *_lines(value, path)]
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            for one in value:
                tables += ["", f"[[{path}]]", *_lines(one, path)]
        else:
            yield f"{name} = {toml_value(value)}"
    yield from tables


def toml_value(value: object) -> str:
    """A value in TOML; JSON's strings, numbers, booleans and lists of strings are TOML's too."""
    if isinstance(value, Path):
        value = str(value)
    return json.dumps(list(value) if isinstance(value, tuple) else value).replace("\x7f", "\\u007f")
