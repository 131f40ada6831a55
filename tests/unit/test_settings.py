"""Settings: sources and their order, and the one line that a wrong value gets."""

import tomllib
from pathlib import Path

import pytest

from schemas.errors import ConfigurationError
from strandline.cli import main
from strandline.commands.config_show import as_toml
from strandline.listen import ListenAddress, parse_listen
from strandline.load_settings import load_settings
from strandline.reference_pages import PAGES
from strandline.settings import GIB, KIB, MIB, MOST_WORKERS, Settings, flag_of, size_text, variable_of

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("STRANDLINE_")]:
        monkeypatch.delenv(name)


def config(folder: Path, text: str) -> Path:
    path = folder / "strandline.toml"
    path.write_text(text)
    return path


def complaint(flags: dict[str, object] | None = None, path: Path | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(flags or {}, path)
    assert "\n" not in caught.value.message
    return caught.value.message


def test_flag_wins_over_environment_wins_over_file_wins_over_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = config(tmp_path, "workers = 2\ngc_grace_seconds = 2\nregion = 'r-2'\n")
    monkeypatch.setenv("STRANDLINE_WORKERS", "3")
    monkeypatch.setenv("STRANDLINE_GC_GRACE_SECONDS", "3")
    settings = load_settings({"workers": "4"}, path)
    assert (settings.workers, settings.gc_grace_seconds, settings.region) == (4, 3, "r-2")
    assert settings.drain_seconds == Settings().drain_seconds


def test_the_file_can_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRANDLINE_CONFIG", str(config(tmp_path, "workers = 5\n")))
    assert load_settings({}).workers == 5


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRANDLINE_ROOT_ACCESS_KEY", "")
    monkeypatch.setenv("STRANDLINE_WORKERS", "")
    settings = load_settings({})
    assert settings.workers == 0
    assert 1 <= settings.worker_count <= MOST_WORKERS


def test_lists_and_sizes_and_switches_in_every_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRANDLINE_DOMAINS", "s3.example.org, t.example.org")
    monkeypatch.setenv("STRANDLINE_PACK_LIMIT", "2MiB")
    monkeypatch.setenv("STRANDLINE_AUDIT", "false")
    settings = load_settings({"inline_limit": "1 KiB"}, config(tmp_path, 'segment_bytes = "1GiB"'))
    assert settings.domains == ("s3.example.org", "t.example.org")
    assert (settings.inline_limit, settings.pack_limit, settings.segment_bytes) == (KIB, 2 * MIB, GIB)
    assert settings.audit is False
    assert load_settings({}, config(tmp_path, 'domains = ["a.b"]\n')).domains == (
        "s3.example.org",
        "t.example.org",
    )


def test_a_wrong_flag_value_names_flag_value_and_rule() -> None:
    assert complaint({"workers": "-1"}) == (
        "--workers: '-1' cannot be used: must be greater than or equal to 0"
    )
    assert "'9k'" in complaint({"pack_limit": "9k"})
    assert "like 64MiB" in complaint({"pack_limit": "9k"})


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRANDLINE_LOG_LEVEL", "loud")
    assert complaint().startswith("STRANDLINE_LOG_LEVEL: 'loud' cannot be used: must be 'debug'")


def test_a_wrong_value_in_the_file_names_the_file(tmp_path: Path) -> None:
    path = config(tmp_path, "workers = 'many'\n")
    assert complaint(path=path).startswith(f"workers in {path}: 'many'")


def test_an_unknown_key_in_the_file_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    path = config(tmp_path, "wokers = 1\n")
    assert (
        complaint(path=path)
        == f"configuration file {path}: 'wokers' is not a setting; did you mean 'workers'?"
    )
    assert "'[" not in complaint(path=config(tmp_path, "[server]\nport = 1\n"))


@pytest.mark.parametrize("text", ["workers =", "\x00", "a = 1\na = 2\n"])
def test_a_broken_file_is_one_line(tmp_path: Path, text: str) -> None:
    assert "is not TOML" in complaint(path=config(tmp_path, text))


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    assert "No such file" in complaint(path=tmp_path / "none.toml")
    assert "directory" in complaint(path=tmp_path)


def test_root_credentials_come_in_pairs_and_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRANDLINE_ROOT_ACCESS_KEY", "ROOT")
    assert "together" in complaint()
    monkeypatch.setenv("STRANDLINE_ROOT_SECRET_KEY", "hunter2")
    assert "hunter2" not in complaint()
    assert "at least 8 characters" in complaint()
    monkeypatch.setenv("STRANDLINE_ROOT_SECRET_KEY", "hunter2hunter2")
    settings = load_settings({})
    assert "hunter2" not in repr(settings)
    assert settings.root_secret_key is not None
    assert settings.root_secret_key.get_secret_value() == "hunter2hunter2"


def test_limits_that_contradict_each_other_are_refused() -> None:
    assert "inline_limit (2048)" in complaint({"inline_limit": "2KiB", "pack_limit": "1KiB"})
    assert "must differ" in complaint({"s3_listen": "127.0.0.1:9001"})


def test_listen_addresses() -> None:
    assert parse_listen("127.0.0.1:9000") == ListenAddress("127.0.0.1", 9000)
    assert parse_listen(":80") == ListenAddress("0.0.0.0", 80)
    assert parse_listen("[::1]:80") == ListenAddress("::1", 80)
    assert str(parse_listen("[::1]:80")) == "[::1]:80"
    assert load_settings({"s3_listen": ":80"}).s3_listen == "0.0.0.0:80"


@pytest.mark.parametrize(
    "text",
    ["", "localhost", "9000", "h:", "h:x", "h:0", "h:65536", "::1:80", "[::1]", "http://h:1", "a b:1", "h:-1",
     "h:٣", "[h]:1]:2"],
)  # fmt: skip
def test_what_is_not_a_listen_address(text: str) -> None:
    with pytest.raises(ConfigurationError, match="not a listen address"):
        parse_listen(text)


def test_sizes_print_as_people_write_them() -> None:
    assert [size_text(n) for n in (0, 512, 1024, MIB, 3 * GIB, MIB + 1)] == [
        "0", "512", "1KiB", "1MiB", "3GiB", "1048577",
    ]  # fmt: skip


def test_every_setting_is_described_in_a_sentence() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


@pytest.mark.parametrize("name", PAGES)
def test_reference_pages_are_current(name: str) -> None:
    page = (DOCS / name).read_text(encoding="utf-8")
    assert page == PAGES[name](), f"docs/{name} is stale: run `make docs`"


def test_every_setting_is_documented_under_all_its_names() -> None:
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")
    for name in Settings.model_fields:
        assert f"### {name}\n" in page
        assert f"`{variable_of(name)}`" in page
        assert flag_of(name) is None or f"`{flag_of(name)}`" in page


CLUSTER = """
[cluster]
keys_dir = "keys"
[cluster.kafka]
bootstrap_servers = ["k1:9092", "k2:9092"]
[cluster.kafka.sasl]
user = "u"
password = "hunter2"
[[cluster.zones]]
name = "zone-a"
endpoint = "https://a:9000"
access_key = "k"
secret_key = "hunter2"
"""


def test_there_are_no_snapshots_of_a_cluster(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["snapshot", "--config", str(config(tmp_path, CLUSTER))]) == 2
    assert "in a cluster, Kafka keeps the whole log" in capsys.readouterr().err


def test_a_cluster_is_read_from_its_tables(tmp_path: Path) -> None:
    cluster = load_settings({}, config(tmp_path, CLUSTER)).cluster
    assert cluster is not None
    assert cluster.kafka.bootstrap_servers == ("k1:9092", "k2:9092")
    assert cluster.kafka.sasl is not None
    assert cluster.kafka.sasl.password.get_secret_value() == "hunter2"
    assert [(zone.name, zone.bucket) for zone in cluster.zones] == [("zone-a", "strandline")]
    assert "hunter2" not in repr(cluster)


def test_a_cluster_in_the_environment_is_json(monkeypatch: pytest.MonkeyPatch) -> None:
    zone = '{"name": "a", "endpoint": "http://a:1", "access_key": "k", "secret_key": "s"}'
    monkeypatch.setenv("STRANDLINE_CLUSTER", f'{{"keys_dir": "k", "zones": [{zone}]}}')
    cluster = load_settings({}).cluster
    assert cluster is not None
    assert cluster.zones[0].endpoint == "http://a:1"
    monkeypatch.setenv("STRANDLINE_CLUSTER", "hunter2")
    told = complaint()
    assert told.startswith("STRANDLINE_CLUSTER: the value given cannot be used: must be a table")
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('keys_dir = "keys"', "", "cluster.keys_dir is missing"),
        ("bootstrap_servers", "servers", "cluster.kafka.servers is not a setting"),
        ('"https://a:9000"', '"a:9000"', "cluster.zones.0.endpoint = 'a:9000' cannot be used"),
        ('"hunter2"', "7", "cluster.kafka.sasl.password = the value given cannot be used"),
        ("[cluster.kafka.sasl]", "min_insync_replicas = 9\n[cluster.kafka.sasl]", "must not be greater"),
    ],
)
def test_what_is_wrong_with_a_cluster_is_told_by_its_place_and_without_secrets(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    told = complaint(path=config(tmp_path, CLUSTER.replace(old, new)))
    assert expected in told
    assert "hunter2" not in told


def test_two_zones_with_one_name_are_refused(tmp_path: Path) -> None:
    again = CLUSTER[CLUSTER.index("[[cluster.zones]]") :]
    assert "two zones are named 'zone-a'" in complaint(path=config(tmp_path, CLUSTER + again))


def test_the_cluster_shown_can_be_read_again(tmp_path: Path) -> None:
    settings = load_settings({}, config(tmp_path, CLUSTER))
    shown = tomllib.loads(as_toml(settings))
    assert shown["cluster"]["kafka"]["sasl"] == {"mechanism": "SCRAM-SHA-512", "user": "u"}
    assert shown["cluster"]["zones"][0]["name"] == "zone-a"
    assert "hunter2" not in as_toml(settings)
