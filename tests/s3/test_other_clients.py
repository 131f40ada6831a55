"""Clients that other people wrote, each with data of its own: programs in tests/s3/clients, commands, mounts.

`make clients` runs them and writes docs/clients.md. They are installed by scripts/install-test-clients, in
environments of their own: some of them pin older versions of what the other tests use.
"""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.s3.conftest import Store
from tests.s3.test_clients import tree_hashes
from tests.server import clean_environment

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAMS = Path(__file__).parent / "clients"
INSTALLED = ROOT / ".cache" / "clients"
PYTHON = INSTALLED / "python" / "bin" / "python"
NODE_MODULES = INSTALLED / "node" / "node_modules"
MC = next(
    (path for path in (INSTALLED / "bin" / "mc", shutil.which("mc")) if path and Path(path).exists()), None
)
TIMEOUT_SECONDS = 250
UPLOADS_SECONDS = 180  # rclone renames a file by a copy and a deletion, one after the other
LARGE_MIB = 1024

Record = Callable[[str, object], None]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(TIMEOUT_SECONDS + 30)]


def run(*command: str, **environment: str) -> str:
    done = subprocess.run(
        command, env=clean_environment(**environment), capture_output=True, text=True, timeout=TIMEOUT_SECONDS
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def program(interpreter: str, name: str, store: Store, bucket: str, **more: str) -> str:
    """Run a program of tests/s3/clients. The version of its client, which it prints at the end."""
    environment = store.environment() | {"AWS_ENDPOINT_URL": store.endpoint, "BUCKET": bucket} | more
    return run(interpreter, str(PROGRAMS / name), **environment).splitlines()[-1]


python = pytest.mark.skipif(not PYTHON.exists(), reason=f"{PYTHON} is not installed")


@python
@pytest.mark.client("boto3", f"transfer manager: {LARGE_MIB} MiB up, down and copied, in parts side by side")
def test_boto3(store: Store, bucket: str, tmp_path: Path, record_property: Record) -> None:
    more = {"FOLDER": str(tmp_path), "SIZE_MIB": str(LARGE_MIB)}
    record_property("version", program(str(PYTHON), "boto3_large.py", store, bucket, **more))


@python
@pytest.mark.client(
    "minio (Python)", "parts, versions, ranges, tags, composition, presigned URL, 1,200 keys listed, deleted"
)
def test_minio_python(store: Store, bucket: str, record_property: Record) -> None:
    record_property("version", program(str(PYTHON), "minio_python.py", store, bucket))


@python
@pytest.mark.client(
    "s3fs, pyarrow", "partitioned Parquet data set written, filtered by column and partition, moved, removed"
)
def test_s3fs_and_pyarrow(store: Store, bucket: str, record_property: Record) -> None:
    record_property("version", program(str(PYTHON), "s3fs_pyarrow.py", store, bucket))


@python
@pytest.mark.client("DuckDB", "300,000 rows of Parquet written, pruned and counted; CSV written and read")
def test_duckdb(store: Store, bucket: str, record_property: Record) -> None:
    record_property("version", program(str(PYTHON), "duckdb_parquet.py", store, bucket))


@python
@pytest.mark.client("smart_open", "400,000 lines streamed in and out, plain and gzip'd; a read from the end")
def test_smart_open(store: Store, bucket: str, record_property: Record) -> None:
    record_property("version", program(str(PYTHON), "smart_open_streams.py", store, bucket))


@python
@pytest.mark.client("aioboto3", "300 objects at once, an upload in parts, deleted together")
def test_aioboto3(store: Store, bucket: str, record_property: Record) -> None:
    record_property("version", program(str(PYTHON), "aioboto3_many.py", store, bucket))


@python
@pytest.mark.client(
    "AWS Common Runtime (Python)", "32 MiB in parts and ranges side by side, each checksum as a trailer"
)
def test_aws_common_runtime(store: Store, bucket: str, record_property: Record) -> None:
    record_property("version", program(str(PYTHON), "crt_transfers.py", store, bucket))


@python
@pytest.mark.client(
    "obstore (Rust's object_store)",
    "attributes, tags, conditional writes and copies, parts, ranges, signed URLs, deletion of all",
)
def test_obstore(store: Store, bucket: str, record_property: Record) -> None:
    record_property("version", program(str(PYTHON), "obstore_conditions.py", store, bucket))


@python
@pytest.mark.client("Delta Lake", "24 commits by 8 writers side by side, compacted, rows deleted, vacuumed")
def test_delta_lake(store: Store, bucket: str, record_property: Record) -> None:
    record_property("version", program(str(PYTHON), "delta_lake_commits.py", store, bucket))


@pytest.mark.skipif(
    not NODE_MODULES.exists() or shutil.which("node") is None, reason="the SDK for Node is not installed"
)
@pytest.mark.client(
    "AWS SDK for JavaScript v3",
    "default checksums, a stream of unknown length in parts, 1,100 keys listed and deleted",
)
def test_aws_sdk_for_javascript(store: Store, bucket: str, record_property: Record) -> None:
    version = program("node", "aws_sdk.cjs", store, bucket, NODE_PATH=str(NODE_MODULES), NODE_NO_WARNINGS="1")
    record_property("version", version)


# --- commands --------------------------------------------------------------------------------------------
@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Some files, from empty to more than one part."""
    folder = tmp_path / "tree"
    for number in range(120):
        path = folder / f"folder {number % 7}" / f"file-{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(number * 997))
    (folder / "empty").write_bytes(b"")
    (folder / "odd & ünïcode + %.txt").write_bytes(b"odd")
    (folder / "large.bin").write_bytes(os.urandom(70 * 1024 * 1024 + 3))
    # S3 tells times in whole seconds: to mc a file of the same second would be newer than its object.
    before = time.time() - 3600
    for path in folder.rglob("*"):
        os.utime(path, (before, before))
    return folder


@pytest.mark.skipif(MC is None, reason="mc was not built: scripts/install-mc")
@pytest.mark.client(
    "mc", "mirror up and down, diff, versions, undo, tags, retention, legal hold, stat, rm of all versions"
)
def test_mc(store: Store, s3: Any, bucket: str, tree: Path, tmp_path: Path, record_property: Record) -> None:
    locked = f"{bucket}-lock"
    s3.create_bucket(Bucket=locked, ObjectLockEnabledForBucket=True)

    def mc(*words: str) -> str:
        return run(str(MC), "--config-dir", str(tmp_path / "mc"), *words)

    mc("alias", "set", "x", store.endpoint, store.access_key, store.secret_key, "--api", "S3v4")
    mc("version", "enable", f"x/{bucket}")
    mc("mirror", "--quiet", str(tree), f"x/{bucket}/tree")
    assert mc("diff", str(tree), f"x/{bucket}/tree") == ""
    down = tmp_path / "down"
    mc("mirror", "--quiet", f"x/{bucket}/tree", str(down))
    assert tree_hashes(down) == tree_hashes(tree)
    mc("rm", f"x/{bucket}/tree/large.bin")
    assert "large.bin" in mc("diff", str(tree), f"x/{bucket}/tree")
    mc("undo", "--force", f"x/{bucket}/tree/large.bin")
    assert mc("diff", str(tree), f"x/{bucket}/tree") == ""
    mc("tag", "set", f"x/{bucket}/tree/empty", "kind=test&n=1")
    assert "kind" in mc("tag", "list", f"x/{bucket}/tree/empty")
    mc("cp", str(tree / "empty"), f"x/{locked}/kept")
    mc("retention", "set", "governance", "1d", f"x/{locked}/kept")
    assert "GOVERNANCE" in mc("retention", "info", f"x/{locked}/kept")
    mc("legalhold", "set", f"x/{locked}/kept")
    assert "ON" in mc("legalhold", "info", f"x/{locked}/kept")
    versions = mc("ls", "--versions", f"x/{bucket}/tree/large.bin")
    assert len(versions.splitlines()) == 1, versions
    mc("rm", "--recursive", "--force", "--versions", f"x/{bucket}")
    assert "Versions" not in s3.list_object_versions(Bucket=bucket)
    record_property("version", run(str(MC), "--version").split()[2])


@pytest.mark.skipif(shutil.which("s3cmd") is None, reason="s3cmd is not installed")
@pytest.mark.client("s3cmd", "sync up and down with parts and MD5, ls, du, mv, del of all")
def test_s3cmd(
    store: Store, s3: Any, bucket: str, tree: Path, tmp_path: Path, record_property: Record
) -> None:
    host = store.endpoint.removeprefix("http://")
    settings = tmp_path / "s3cfg"
    settings.write_text(
        f"[default]\naccess_key = {store.access_key}\nsecret_key = {store.secret_key}\nhost_base = {host}\n"
        f"host_bucket = {host}\nuse_https = False\n"
    )

    def s3cmd(*words: str) -> str:
        return run("s3cmd", "--config", str(settings), "--no-progress", *words)

    s3cmd("sync", f"{tree}/", f"s3://{bucket}/tree/")
    down = tmp_path / "down"
    down.mkdir()
    s3cmd("sync", f"s3://{bucket}/tree/", f"{down}/")
    assert tree_hashes(down) == tree_hashes(tree)
    assert len(s3cmd("ls", "--recursive", f"s3://{bucket}/").splitlines()) == len(tree_hashes(tree))
    total = sum(path.stat().st_size for path in tree.rglob("*") if path.is_file())
    assert s3cmd("du", f"s3://{bucket}/tree/").split()[0] == str(total)
    s3cmd("mv", f"s3://{bucket}/tree/empty", f"s3://{bucket}/moved")
    s3cmd("del", "--recursive", "--force", f"s3://{bucket}/")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    record_property("version", run("s3cmd", "--version").split()[-1])


# --- mounts ----------------------------------------------------------------------------------------------
def can_mount() -> bool:
    """Whether this machine has FUSE and lets this user mount with it."""
    return os.access("/dev/fuse", os.R_OK | os.W_OK) and shutil.which("fusermount3") is not None


@contextlib.contextmanager
def mounted(folder: Path, command: list[str], environment: dict[str, str]) -> Iterator[Path]:
    """A mount that stays in the foreground, until it is unmounted.

    What its client says goes to a file: a pipe that nobody empties would stop the client, and with it whoever
    works in the mount, for good.
    """
    folder.mkdir()
    said = folder.with_suffix(".log")
    with said.open("wb") as log:
        process = subprocess.Popen(
            command, env=clean_environment(**environment), stdout=log, stderr=subprocess.STDOUT
        )
    try:
        limit = time.monotonic() + 30
        while not folder.is_mount():
            assert process.poll() is None, said.read_text()
            assert time.monotonic() < limit, "not mounted within 30 seconds"
            time.sleep(0.05)
        yield folder
        subprocess.run(["fusermount3", "-u", str(folder)], check=True, timeout=60)
        assert process.wait(60) == 0, said.read_text()[-4000:]
    finally:
        if process.poll() is None:
            # Killed first: a request that waits for the client would hold up the unmounting.
            process.kill()
            process.wait()
            subprocess.run(["fusermount3", "-uz", str(folder)], check=False, timeout=60)


def work_in(mount: Path, tree: Path, settle: Callable[[], None] = lambda: None) -> None:
    """What people do in a folder: copy a tree in, read it, append, rename, remove.

    settle  waits for what the client uploads in the background
    """
    shutil.copytree(tree, mount / "tree")
    assert tree_hashes(mount / "tree") == tree_hashes(tree)
    settle()
    with (mount / "tree" / "empty").open("ab") as file:
        file.write(b"no more")
    assert (mount / "tree" / "empty").read_bytes() == b"no more"
    (mount / "tree" / "large.bin").rename(mount / "renamed.bin")
    with (mount / "renamed.bin").open("rb") as file:
        file.seek(50 * 1024 * 1024)
        assert file.read(1000) == (tree / "large.bin").read_bytes()[50 * 1024 * 1024 :][:1000]
    shutil.rmtree(mount / "tree" / "folder 1")
    assert not (mount / "tree" / "folder 1").exists()


def check_bucket(s3: Any, bucket: str, tree: Path) -> None:
    """The bucket holds what was done in the mount."""
    assert s3.get_object(Bucket=bucket, Key="tree/empty")["Body"].read() == b"no more"
    assert s3.get_object(Bucket=bucket, Key="renamed.bin")["Body"].read() == (tree / "large.bin").read_bytes()
    gone = s3.list_objects_v2(Bucket=bucket, Prefix="tree/folder 1/")
    assert gone["KeyCount"] == 0


def wait_for_uploads(s3: Any, bucket: str, wanted: dict[str, int]) -> None:
    """Until the bucket holds the keys with the sizes in `wanted`, and no others.

    rclone uploads in the background, and what is not uploaded when it ends stays in its cache.
    """
    limit = time.monotonic() + UPLOADS_SECONDS
    while True:
        held = {one["Key"]: one["Size"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", [])}
        if held == wanted:
            return
        assert time.monotonic() < limit, f"beyond time: {held.items() ^ wanted.items()}"
        time.sleep(0.2)


def sizes(tree: Path) -> dict[str, int]:
    """The keys and sizes of what `work_in` copies."""
    files = (path for path in tree.rglob("*") if path.is_file())
    return {f"tree/{path.relative_to(tree)}": path.stat().st_size for path in files}


def sizes_after(tree: Path) -> dict[str, int]:
    """The same once it is through."""
    after = {key: size for key, size in sizes(tree).items() if not key.startswith("tree/folder 1/")}
    after["renamed.bin"] = after.pop("tree/large.bin")
    return {**after, "tree/empty": len(b"no more")}


mounts = pytest.mark.skipif(not can_mount(), reason="there is no FUSE here (/dev/fuse, fusermount3)")


@mounts
@pytest.mark.skipif(shutil.which("s3fs") is None, reason="s3fs is not installed")
@pytest.mark.client("s3fs-fuse", "mounted: a tree copied in and read, appended, renamed in parts, removed")
def test_s3fs_fuse(
    store: Store, s3: Any, bucket: str, tree: Path, tmp_path: Path, record_property: Record
) -> None:
    passwords = tmp_path / "passwd"
    passwords.write_text(f"{store.access_key}:{store.secret_key}\n")
    passwords.chmod(0o600)
    options = f"url={store.endpoint},use_path_request_style,passwd_file={passwords},endpoint=us-east-1"
    mount = tmp_path / "mount"
    with mounted(mount, ["s3fs", bucket, str(mount), "-f", "-o", options], {}):
        work_in(mount, tree)
    check_bucket(s3, bucket, tree)
    record_property("version", run("s3fs", "--version").split("V", 1)[1].split()[0])


@mounts
@pytest.mark.skipif(shutil.which("rclone") is None, reason="rclone is not installed")
@pytest.mark.client("rclone mount", "mounted: a tree copied in and read, appended, renamed, removed")
def test_rclone_mount(
    store: Store, s3: Any, bucket: str, tree: Path, tmp_path: Path, record_property: Record
) -> None:
    remote = {
        "RCLONE_CONFIG": os.devnull,
        "RCLONE_CONFIG_X_TYPE": "s3",
        "RCLONE_CONFIG_X_PROVIDER": "Other",
        "RCLONE_CONFIG_X_ENDPOINT": store.endpoint,
        "RCLONE_CONFIG_X_ACCESS_KEY_ID": store.access_key,
        "RCLONE_CONFIG_X_SECRET_ACCESS_KEY": store.secret_key,
        "RCLONE_CACHE_DIR": str(tmp_path / "cache"),
    }
    mount = tmp_path / "mount"
    command = [
        "rclone",
        "mount",
        f"x:{bucket}",
        str(mount),
        "--vfs-cache-mode",
        "full",
        # After copytree has set the times of a file it closed: rclone gives up an upload of what changes.
        "--vfs-write-back",
        "1s",
    ]
    with mounted(mount, command, remote):
        # rclone that renames or removes a file whose upload is just ending leaves the object, on any store.
        work_in(mount, tree, lambda: wait_for_uploads(s3, bucket, sizes(tree)))
        wait_for_uploads(s3, bucket, sizes_after(tree))
    check_bucket(s3, bucket, tree)
    record_property("version", run("rclone", "version").split()[1].removeprefix("v"))
