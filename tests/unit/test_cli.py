"""The command line: its flags equal the settings; mistakes are one line and exit code 2."""

import argparse
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from strandline.cli import COMMANDS, main
from strandline.command_line import build_parser, given_settings
from strandline.settings import Settings, flag_of

ROOT = Path(__file__).parents[2]


def leaves(parser: argparse.ArgumentParser, path: str = "") -> dict[str, argparse.ArgumentParser]:
    """Every command's parser by its words."""
    found = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, child in action.choices.items():
                found.update(leaves(child, f"{path} {word}".strip()))
    return found or {path: parser}


def test_every_command_takes_exactly_the_settings_and_its_own_arguments() -> None:
    parsers = leaves(build_parser(COMMANDS))
    assert sorted(parsers) == sorted(command.NAME for command in COMMANDS)
    expected = {flag for name in Settings.model_fields if (flag := flag_of(name))}
    for command in COMMANDS:
        own = argparse.ArgumentParser()
        command.add_arguments(own)
        group = next(g for g in parsers[command.NAME]._action_groups if g.title == "settings")
        flags = {action.option_strings[0] for action in group._group_actions}
        assert flags == expected | {"--config"}
        assert not flags & set(own._option_string_actions)


def test_flags_not_given_stay_out() -> None:
    parser = build_parser(COMMANDS)
    assert given_settings(parser.parse_args(["serve"])) == {}
    given = given_settings(parser.parse_args(["serve", "--no-audit", "--workers", "2"]))
    assert given == {"audit": False, "workers": "2"}


def test_config_show_prints_a_file_that_gives_the_same_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--data-dir", 'with "quotes" and \\ and é', "--domains", "a.b,c.d", "--no-audit"]
    assert main(["config", "show", *flags]) == 0
    text = capsys.readouterr().out
    assert tomllib.loads(text)["domains"] == ["a.b", "c.d"]
    path = tmp_path / "again.toml"
    path.write_text(text)
    assert main(["config", "show", "--config", str(path)]) == 0
    assert capsys.readouterr().out == text


def test_config_show_hides_the_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STRANDLINE_ROOT_ACCESS_KEY", "ROOT")
    monkeypatch.setenv("STRANDLINE_ROOT_SECRET_KEY", "hunter2hunter2")
    assert main(["config", "show"]) == 0
    assert "hunter2" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ([], "COMMAND"),
        (["nope"], "'nope'"),
        (["config"], "COMMAND"),
        (["version", "--nope"], "--nope"),
        (["version", "--work", "2"], "--work"),
        (["config", "show", "--workers"], "--workers"),
        (["config", "show", "--workers", "x"], "'x'"),
        (["config", "show", "--root-secret-key", "hunter2hunter2"], "--root-secret-key"),
        (["config", "show", "--config", "/nowhere.toml"], "/nowhere.toml"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    argv: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("strandline: ")
    assert says in err


@pytest.mark.parametrize("argv", [["--help"], *([*c.NAME.split(), "--help"] for c in COMMANDS)])
def test_help_is_there(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 0
    assert "usage: strandline" in capsys.readouterr().out


def test_a_reader_that_goes_away_is_no_error() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [sys.executable, "-m", "strandline", "config", "show"],
        cwd=ROOT, stdout=write_end, stderr=subprocess.PIPE, timeout=60, check=False,
    )  # fmt: skip
    os.close(write_end)
    assert (done.returncode, done.stderr) == (0, b"")


def test_interrupt_is_quiet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object) -> int:
        signal.raise_signal(signal.SIGINT)
        return 0

    monkeypatch.setattr("strandline.commands.version.run", interrupted)
    # A shell starts what runs in its background with the signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert main(["version"]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr() == ("", "")
