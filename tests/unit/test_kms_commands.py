"""`strandline kms …`: keys made, listed, shredded beside the data, and the master key replaced."""

import asyncio
import time
from pathlib import Path

import pytest

from access.kms_envelope import Place
from ingest.payload import Payload
from schemas.errors import KmsNotFound
from schemas.rows import Attributes, ObjectLock
from strandline.cli import main
from strandline.load_settings import load_settings
from strandline.shredding import shred
from tests.store import ORIGIN, embedded_store


def fill(folder: Path, lock: ObjectLock | None = None) -> None:
    """A store with one object under the operator's key of S3, and one that is not."""

    async def body() -> None:
        async with embedded_store(folder) as store:
            bucket = await store.producer.create_bucket("photos", "owner", ORIGIN, locked=True)
            account = store.identities.directory.root.principal.account
            guard = store.kms.protect(store.kms.key_of(account, None), Place("photos", "secret"), {}, True)
            attributes = Attributes(encryption=guard.encryption, lock=lock)
            payload = Payload(b"hello", 5, object_key=guard.object_key)
            await store.producer.put_object(bucket, "secret", payload, attributes, ORIGIN)
            await store.producer.put_object(bucket, "open", Payload(b"hello", 5), Attributes(), ORIGIN)

    asyncio.run(body())


def read(folder: Path, key: str) -> bytes:
    async def body() -> bytes:
        async with embedded_store(folder) as store:
            version = await store.reader.find(await store.reader.bucket("photos"), key)
            encryption = version.attributes.encryption
            if encryption is not None:
                object_key = store.kms.object_key(encryption, Place("photos", key))
                version = await store.reader.unlock(version, object_key)
            return await store.reader.read(version, 0, version.size)

    return asyncio.run(body())


@pytest.fixture
def data(tmp_path: Path) -> Path:
    fill(tmp_path / "data")
    return tmp_path / "data"


def kms(data: Path, *words: str) -> int:
    return main(["kms", *words, "--data-dir", str(data)])


def test_a_shredded_key_takes_everything_under_it_along(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert read(data, "secret") == b"hello"
    assert kms(data, "shred", "alias/aws/s3") == 1
    assert "1 versions are protected by" in capsys.readouterr().out
    assert read(data, "secret") == b"hello"  # it was only asked
    assert kms(data, "shred", "alias/aws/s3", "--yes") == 0
    assert "none of the 1 versions opens any more" in capsys.readouterr().out
    with pytest.raises(KmsNotFound):
        read(data, "secret")
    assert read(data, "open") == b"hello"
    assert list((data / "keys" / "kms-keys").glob("*-*")) == []
    assert kms(data, "shred", "alias/aws/s3", "--yes") != 0


def test_a_compliance_lock_keeps_the_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    fill(data, ObjectLock("COMPLIANCE", int((time.time() + 3600) * 1000)))
    assert kms(data, "shred", "alias/aws/s3", "--yes") == 1
    assert "1 of them are locked in COMPLIANCE mode" in capsys.readouterr().out
    assert read(data, "secret") == b"hello"


def test_a_lock_that_is_over_or_of_another_mode_does_not(tmp_path: Path) -> None:
    data = tmp_path / "data"
    fill(data, ObjectLock("GOVERNANCE", int((time.time() + 3600) * 1000)))
    assert kms(data, "shred", "alias/aws/s3", "--yes") == 0


def test_keys_are_made_and_listed(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert kms(data, "create", "--alias", "alias/mine", "--description", "of a test") == 0
    arn = capsys.readouterr().out.strip()
    assert kms(data, "create", "--alias", "alias/mine") == 1
    assert "already exists" in capsys.readouterr().err
    assert kms(data, "list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert [line.split()[1:] for line in lines if line.startswith(arn)] == [
        ["enabled", "1", "version", "alias/mine"]
    ]


def test_the_master_is_replaced(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (data / "keys" / "master.key").read_bytes()
    assert kms(data, "rotate-master") == 0
    assert "keys are under a new master key now" in capsys.readouterr().out
    assert (data / "keys" / "master.key").read_bytes() != before
    assert (read(data, "secret"), read(data, "open")) == (b"hello", b"hello")
    assert main(["fsck", "--data-dir", str(data)]) == 0


def test_a_failed_look_leaves_the_key_as_it_was(data: Path) -> None:
    settings = load_settings({"data_dir": data}, None)

    async def body() -> None:
        async with embedded_store(data) as store:
            account = store.identities.directory.root.principal.account
            mine = store.kms.kms(account)
            (data / "index" / "index.sqlite").rename(data / "index" / "away")
            try:
                with pytest.raises(Exception, match="there is no index"):
                    await shred(settings, mine, "alias/aws/s3", True)
            finally:
                (data / "index" / "away").rename(data / "index" / "index.sqlite")
            assert mine.find("alias/aws/s3").enabled

    asyncio.run(body())


def test_nothing_is_made_where_no_store_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert kms(tmp_path, "create") != 0
    assert "not a data folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
