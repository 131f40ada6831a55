"""The parser of the command line: subcommands from their files, flags from the settings model."""

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn, Protocol

from schemas.errors import ConfigurationError
from strandline.load_settings import CONFIG_VARIABLE
from strandline.settings import Settings, default_of, flag_of, variable_of

DESCRIPTION = "Strandline: an S3-compatible object store whose source of truth is an event log."
EPILOG = (
    "A setting comes from its flag, else from its environment variable STRANDLINE_NAME, else from the TOML "
    "file named by --config, else from its default. docs/configuration.md lists them all."
)


class Parser(argparse.ArgumentParser):
    """Raises instead of exiting, so that every mistake is told in one line, by one place."""

    def error(self, message: str) -> NoReturn:
        raise ConfigurationError(f"{message}; see {self.prog} --help")


class Command(Protocol):
    """What `strandline` can be told to do: a module of `commands`, or an object like one."""

    NAME: str
    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, settings: Settings, arguments: argparse.Namespace) -> int: ...


def build_parser(commands: Iterable[Command]) -> Parser:
    """The whole command line. A command of two words ("log tail") gets a group for the first."""
    parser = Parser(prog="strandline", description=DESCRIPTION, epilog=EPILOG, allow_abbrev=False)
    top = parser.add_subparsers(metavar="COMMAND", required=True, title="commands")
    groups: dict[str, Any] = {}
    for command in commands:
        *group, word = command.NAME.split()
        place = top
        if group:
            if group[0] not in groups:
                members = [c for c in commands if c.NAME.startswith(group[0] + " ")]
                groups[group[0]] = _add_group(top, group[0], members)
            place = groups[group[0]]
        child = place.add_parser(
            word, help=command.HELP, description=_sentence(command.HELP), epilog=EPILOG, allow_abbrev=False
        )
        command.add_arguments(child)
        add_settings(child)
        child.set_defaults(command=command)
    return parser


def _add_group(top: Any, word: str, members: list[Command]) -> Any:
    words = ", ".join(member.NAME.split()[1] for member in members)
    group = top.add_parser(word, help=f"{words}: see strandline {word} --help", allow_abbrev=False)
    return group.add_subparsers(metavar="COMMAND", required=True, title="commands")


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def add_settings(parser: argparse.ArgumentParser) -> None:
    """A flag for every setting that may have one. What is not given stays out of the result."""
    group = parser.add_argument_group("settings")
    group.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"TOML file with settings; unknown keys are refused. Or {CONFIG_VARIABLE}.",
    )
    for name, field in Settings.model_fields.items():
        flag = flag_of(name)
        if flag is None:
            continue
        default = default_of(name) or "none"
        text = f"{field.description} Default: {default}. Or {variable_of(name)}.".replace("%", "%%")
        if field.annotation is bool:
            group.add_argument(
                flag, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=text
            )
        else:
            group.add_argument(flag, metavar="VALUE", default=argparse.SUPPRESS, help=text)


def given_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings that were given as flags, by name."""
    return {name: value for name, value in vars(arguments).items() if name in Settings.model_fields}
