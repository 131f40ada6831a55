"""The command line clients that people use: AWS CLI, rclone, restic, on a real tree of files."""

import hashlib
import os
import shutil
import subprocess
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.s3.conftest import Store
from tests.server import clean_environment

Record = Callable[[str, object], None]
TIMEOUT_SECONDS = 280
FILES = 1_200
# The Debian package; a version manager's shim of the same name may come first in the path and start nothing.
AWS = "/usr/bin/aws" if Path("/usr/bin/aws").exists() else shutil.which("aws")


def tree_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file, by path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of the virtual environment's own packages, from empty to some MiB; WHOLE_TREE=1 takes all."""
    source = Path(sysconfig.get_paths()["purelib"])
    target = tmp_path_factory.mktemp("tree") / "packages"
    files = [
        path
        for path in sorted(source.rglob("*"))
        if path.is_file() and not path.is_symlink() and "__pycache__" not in path.parts
    ]
    step = 1 if os.environ.get("WHOLE_TREE") else max(1, len(files) // FILES)
    for path in files[::step]:
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    (target / "odd name & ünïcode + %.txt").write_bytes(b"odd")
    (target / "empty").write_bytes(b"")
    (target / "large.bin").write_bytes(os.urandom(40 * 1024 * 1024 + 3))
    # A listing tells whole seconds: of a file as young as that, clients cannot see that it is there already.
    an_hour_ago = time.time() - 3600
    for path in target.rglob("*"):
        os.utime(path, (an_hour_ago, an_hour_ago))
    return target


def run(*command: str, **environment: str) -> str:
    done = subprocess.run(
        command, env=clean_environment(**environment), capture_output=True, text=True, timeout=TIMEOUT_SECONDS
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.mark.client("AWS command line", "s3 sync up and down, ls, rm --recursive of 1,200 files")
@pytest.mark.slow
@pytest.mark.skipif(AWS is None, reason="the AWS command line is not installed")
def test_aws_sync_up_and_down(
    store: Store, s3: Any, bucket: str, tree: Path, tmp_path: Path, record_property: Record
) -> None:
    def aws(*words: str) -> str:
        return run(str(AWS), "--endpoint-url", store.endpoint, *words, **store.environment())

    aws("s3", "sync", "--only-show-errors", str(tree), f"s3://{bucket}/tree/")
    down = tmp_path / "down"
    aws("s3", "sync", "--only-show-errors", f"s3://{bucket}/tree/", str(down))
    assert tree_hashes(down) == tree_hashes(tree)
    # Nothing differs, so a second sync has nothing to do.
    assert aws("s3", "sync", "--dryrun", str(tree), f"s3://{bucket}/tree/") == ""
    (down / "empty").unlink()
    listing = aws("s3", "ls", "--recursive", "--summarize", f"s3://{bucket}/tree/")
    assert f"Total Objects: {len(tree_hashes(tree))}" in listing
    aws("s3", "rm", "--recursive", "--only-show-errors", f"s3://{bucket}/tree/")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    record_property("version", run(str(AWS), "--version").split()[0].partition("/")[2])


@pytest.mark.client("rclone", "copy up, check --download, copy down, sync, purge of 1,200 files")
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("rclone") is None, reason="rclone is not installed")
def test_rclone_copies_and_checks(
    store: Store, bucket: str, tree: Path, tmp_path: Path, record_property: Record
) -> None:
    remote = {
        "RCLONE_CONFIG": os.devnull,
        "RCLONE_CONFIG_X_TYPE": "s3",
        "RCLONE_CONFIG_X_PROVIDER": "Other",
        "RCLONE_CONFIG_X_ENDPOINT": store.endpoint,
        "RCLONE_CONFIG_X_ACCESS_KEY_ID": store.access_key,
        "RCLONE_CONFIG_X_SECRET_ACCESS_KEY": store.secret_key,
        "RCLONE_CONFIG_X_REGION": "us-east-1",
    }
    run("rclone", "copy", "--transfers", "8", str(tree), f"x:{bucket}/tree", **remote)
    run("rclone", "check", "--download", str(tree), f"x:{bucket}/tree", **remote)
    down = tmp_path / "down"
    run("rclone", "copy", "--transfers", "8", f"x:{bucket}/tree", str(down), **remote)
    assert tree_hashes(down) == tree_hashes(tree)
    (down / "empty").unlink()
    (down / "odd name & ünïcode + %.txt").write_bytes(b"changed")
    run("rclone", "sync", str(down), f"x:{bucket}/tree", **remote)
    run("rclone", "check", "--download", str(down), f"x:{bucket}/tree", **remote)
    run("rclone", "purge", f"x:{bucket}/tree", **remote)
    record_property("version", run("rclone", "version").split()[1].removeprefix("v"))


@pytest.mark.client("restic", "init, backup twice, check --read-data, restore, forget --prune, check")
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("restic") is None, reason="restic is not installed")
def test_restic_backs_up_checks_and_restores(
    store: Store, bucket: str, tree: Path, tmp_path: Path, record_property: Record
) -> None:
    settings = store.environment() | {
        "RESTIC_REPOSITORY": f"s3:{store.endpoint}/{bucket}",
        "RESTIC_PASSWORD": "correct horse battery staple",
        "RESTIC_CACHE_DIR": str(tmp_path / "cache"),
    }
    run("restic", "init", **settings)
    run("restic", "backup", "--quiet", str(tree), **settings)
    (tree / "second").write_bytes(b"a change")
    try:
        run("restic", "backup", "--quiet", str(tree), **settings)
        run("restic", "check", "--read-data", **settings)
        run("restic", "restore", "latest", "--target", str(tmp_path / "restored"), **settings)
        restored = tmp_path / "restored" / tree.relative_to("/")
        assert tree_hashes(restored) == tree_hashes(tree)
    finally:
        (tree / "second").unlink()
    run("restic", "forget", "--keep-last", "1", "--prune", **settings)
    run("restic", "check", **settings)
    record_property("version", run("restic", "version").split()[1])
