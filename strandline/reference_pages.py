"""docs/configuration.md and docs/command-line.md, written from the settings model and the commands.

`python -m strandline.reference_pages [FOLDER]` writes them; a test fails when they are stale.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from strandline.cli import COMMANDS, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE
from strandline.cluster.settings import ClusterSettings
from strandline.commands.config_show import toml_value
from strandline.load_settings import CONFIG_VARIABLE
from strandline.settings import Settings, default_of, flag_of, variable_of

_NOTE = "<!-- Written by `make docs` from the code; a test fails when it is stale. -->\n"

_CONFIGURATION = f"""# Configuration
{_NOTE}
Every setting has a default, so that `strandline serve` needs none. The first of these that names a setting
wins: its command line flag, its environment variable, the TOML file named by `--config` (or by
`{CONFIG_VARIABLE}`), its default. An empty environment variable counts as not set.

- A size is a number of bytes, or a number with KiB, MiB, GiB or TiB: `64MiB`.
- A list is written with commas in flags and environment variables, and as a list in TOML.
- A relative path is relative to the folder that the program was started in.
- A switch has two flags, `--audit` and `--no-audit`; elsewhere it is `true` or `false`.
- A wrong value, an unknown flag and an unknown key in the file end the program with exit code 2 and one
  line that names the value and the rule.

`strandline config show` prints the settings in force as a TOML file.

## Settings
"""

_CLUSTER = """
## Cluster
With a table `[cluster]` in the file a role joins a cluster ([cluster.md](cluster.md)). Every role on every
machine should read the same. A relative path is relative to the folder that the program was started in.
"""

_CLUSTER_EXAMPLE = """
```toml
[cluster]
keys_dir = "/etc/strandline/keys"

[cluster.kafka]
bootstrap_servers = ["kafka-1.example:9092", "kafka-2.example:9092", "kafka-3.example:9092"]

[cluster.kafka.tls]
ca = "/etc/strandline/ca.pem"

[cluster.kafka.sasl]
user = "strandline"
password = "…"

[cluster.cassandra]
contact_points = ["cassandra-1.example", "cassandra-2.example", "cassandra-3.example"]
datacenter = "dc1"

[[cluster.zones]]
name = "zone-a"
endpoint = "https://zone-a.example:9000"
access_key = "…"
secret_key = "…"
```
"""

_COMMAND_LINE = f"""# Command line
{_NOTE}
Every command takes every setting as a flag, though few look at more than `--data-dir`; see
[configuration.md](configuration.md). Commands that only read may run while a server is alive on the same
data folder; those that write refuse then, as a second server does.

Exit codes: 0 done; {EXIT_FAILED} the command found or met something wrong, told on standard error;
{EXIT_USAGE} bad input or configuration, told in one line; {EXIT_INTERRUPTED} after Ctrl-C.
"""


def configuration_page() -> str:
    """docs/configuration.md: every setting with its three names, its default and what it does."""
    return (
        _CONFIGURATION + "".join(_setting(name) for name in Settings.model_fields) + _example() + _cluster()
    )


def _setting(name: str) -> str:
    default = default_of(name)
    flag = flag_of(name)
    places = [
        f"flag `{flag}`" if flag else "no flag, since command lines can be read by other users",
        f"environment `{variable_of(name)}`",
        f"default `{default}`" if default else "no default",
    ]
    return f"\n### {name}\n{Settings.model_fields[name].description}\n\n{'; '.join(places)}.\n"


def _cluster() -> str:
    return _CLUSTER + "".join(_tables(ClusterSettings, "cluster")) + _CLUSTER_EXAMPLE


def _tables(model: type[BaseModel], path: str) -> Iterator[str]:
    """A Markdown table for the model, then one for each model in it."""
    rows, inner = "", []
    for name, field in model.model_fields.items():
        below = _model_in(field.annotation)
        if below is not None:
            inner.append((below, f"{path}.{name}"))
        rows += f"| `{name}` | {'table' if below else _default_text(field)} | {field.description} |\n"
    yield f"\n### {path}\n{_sentence(model)}\n\n| Key | Default | |\n|---|---|---|\n{rows}"
    for below, place in inner:
        yield from _tables(below, place)


def _sentence(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _default_text(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return "none" if field.default is None else f"`{toml_value(field.default)}`"


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model of a table, of an optional table, or of a list of tables."""
    for part in (annotation, *get_args(annotation)):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
    return None


def _example() -> str:
    settings = Settings()
    lines = [
        f"{name} = {toml_value(getattr(settings, name))}"
        for name in Settings.model_fields
        if getattr(settings, name) is not None
    ]
    return "\n## As a file\nAll defaults:\n```toml\n" + "\n".join(lines) + "\n```\n"


def command_line_page() -> str:
    """docs/command-line.md: every command with its own arguments."""
    return _COMMAND_LINE + "".join(
        f"\n## strandline {command.NAME}\n{command.HELP[0].upper()}{command.HELP[1:]}.\n{_arguments(command)}"
        for command in COMMANDS
    )


def _arguments(command: object) -> str:
    parser = argparse.ArgumentParser(add_help=False)
    command.add_arguments(parser)  # type: ignore[attr-defined]
    lines = []
    for action in parser._actions:
        words = ", ".join(f"`{option}`" for option in action.option_strings) or f"`{action.dest}`"
        takes_value = action.option_strings and action.nargs != 0
        value = f" `{action.metavar or action.dest.upper()}`" if takes_value else ""
        lines.append(f"- {words}{value}: {action.help}\n")
    return "\n" + "".join(lines) if lines else ""


PAGES = {"configuration.md": configuration_page, "command-line.md": command_line_page}


def write_pages(folder: Path) -> None:
    """Write the pages into that folder."""
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write_pages(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))


__all__ = ["PAGES", "command_line_page", "configuration_page", "write_pages"]
