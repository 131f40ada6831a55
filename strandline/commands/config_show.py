"""`strandline config show`: the settings in force, as the TOML file that would set them."""

import argparse
import json
from pathlib import Path

from pydantic import SecretStr

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
    """One line per setting; comments for those that have no value or are secret."""
    lines = []
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if value is None:
            lines.append(f"# {name} is not set")
        elif isinstance(value, SecretStr):
            lines.append(f"# {name} is set, and not shown")
        else:
            lines.append(f"{name} = {toml_value(value)}")
    return "\n".join(lines) + "\n"


def toml_value(value: object) -> str:
    """A value in TOML; JSON's strings, numbers, booleans and lists of strings are TOML's too."""
    if isinstance(value, Path):
        value = str(value)
    return json.dumps(list(value) if isinstance(value, tuple) else value).replace("\x7f", "\\u007f")
