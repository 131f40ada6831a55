"""Queries of SelectObjectContent: how they are read, and what keeps them to their object and their bounds."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from query.select.parser import parse
from query.select.running import AT_ONCE, WAITING, Frame, Queries
from query.select.spec import DONE, FAILED, RECORDS, CsvInput, CsvOutput, Failure, JsonOutput, Spec
from query.select.syntax import Aggregate, Binary, Column, Constant, Query
from query.select.syntax import Path as Steps
from query.select.translation import Translation
from schemas.errors import SelectRefused

duckdb = pytest.importorskip("duckdb")


# --- reading a query -----------------------------------------------------------------------------------
def test_what_a_query_says() -> None:
    age = Steps(("s", "age"))
    text = "SELECT s.age AS years, MAX(s.age) FROM S3Object[*].rows[*] AS s WHERE s.age > 3 LIMIT 5;"
    assert parse(text) == Query(
        (Column(age, "years"), Column(Aggregate("MAX", age))), ("*", "rows", "*"), "s",
        Binary(">", age, Constant("number", "3")), 5,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("1 + 2 * 3", "1 + (2 * 3)"),
        ("a = 1 OR b = 2 AND c = 3", "a = 1 OR (b = 2 AND c = 3)"),
        ("NOT a = 1 AND b = 2", "(NOT (a = 1)) AND b = 2"),
        ("a - 1 - 2", "(a - 1) - 2"),
        ("a || 'x' = 'bx'", "(a || 'x') = 'bx'"),
        ("a BETWEEN 1 AND 2 AND b = 3", "(a BETWEEN 1 AND 2) AND b = 3"),
        ("- a * 2", "(- a) * 2"),
    ],
)
def test_operators_bind_as_in_sql(text: str, same: str) -> None:
    assert parse(f"SELECT {text} FROM S3Object") == parse(f"SELECT {same} FROM S3Object")


@pytest.mark.parametrize("name", ["x' OR '1'='1", 'x"; DROP', "x') FROM read_text('/etc/passwd') --", "é\\"])
def test_texts_of_the_user_are_constants(name: str) -> None:
    quoted, literal = name.replace('"', '""'), name.replace("'", "''")
    query = parse(f"""SELECT "{quoted}" AS "{quoted}", '{literal}' FROM S3Object""")
    [column, constant] = Translation(query, 1, [name], "2026-01-02 03:04:05").results() or []
    assert (column.sql, column.name) == ("c1", name)
    assert constant.sql == f"'{literal}'"


# --- bounds --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "COPY (SELECT 1) TO '{folder}/out.csv'",
        "ATTACH '{folder}/some.db'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SET allowed_paths = ['/etc/passwd']",
    ],
)
def test_duckdb_reaches_nothing_but_the_object(tmp_path: Path, statement: str) -> None:
    from query.select.child import connect

    given = tmp_path / "object.csv"
    given.write_text("a\n")
    connection = connect(str(given))
    assert connection.execute(f"SELECT count(*) FROM read_csv('{given}', header = false)").fetchall() == [
        (1,)
    ]
    with pytest.raises(duckdb.Error):
        connection.execute(statement.format(folder=tmp_path))
    assert os.listdir(tmp_path) == ["object.csv"]


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    for piece in data:
        yield piece


async def never() -> AsyncIterator[bytes]:
    await asyncio.Event().wait()
    yield b""


def csv(expression: str) -> Spec:
    return Spec(expression, CsvInput(), CsvOutput())


@pytest.mark.parametrize("record", ["|", "##", "#x", "é", "\x1e"])
def test_delimiters_may_be_any_character(record: str) -> None:
    async def asked() -> list[Frame]:
        spec = Spec("SELECT * FROM S3Object", CsvInput(record=record, quote="'", escape="'"), JsonOutput())
        data = f"a,b\nc{record}d,'x{record}y'{record}".encode()
        pieces_of_one = (data[place : place + 1] for place in range(len(data)))
        return [frame async for frame in Queries().run(spec, pieces(*pieces_of_one))]

    frames = asyncio.run(asked())
    assert [json.loads(line) for line in frames[0].data.splitlines()] == [
        {"_1": "a", "_2": "b\nc"}, {"_1": "d", "_2": f"x{record}y"},
    ]  # fmt: skip
    assert frames[-1].kind == DONE


def test_too_many_queries_are_told_to_come_later() -> None:
    async def asked() -> None:
        queries = Queries()
        running = [queries.run(csv("SELECT * FROM S3Object"), never()) for _ in range(AT_ONCE + WAITING)]
        tasks = [asyncio.ensure_future(anext(one)) for one in running]
        await asyncio.sleep(0.1)
        with pytest.raises(SelectRefused, match="Too many") as refused:
            await anext(queries.run(csv("SELECT * FROM S3Object"), pieces(b"a\n")))
        assert refused.value.code == "Busy"
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        found = [frame async for frame in queries.run(csv("SELECT * FROM S3Object"), pieces(b"a\n"))]
        assert found[0] == (RECORDS, b"a\n")

    asyncio.run(asked())


def children() -> list[int]:
    """Processes of queries that this one has started."""
    found = [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    return [pid for pid in found if b"query.select.child" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def until_there_are_children() -> None:
    limit = time.monotonic() + 20
    while not children():
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_a_client_that_leaves_ends_the_query() -> None:
    async def asked() -> None:
        frames = Queries().run(csv("SELECT * FROM S3Object"), pieces(*([b"a,b,c\n" * 20_000] * 40)))
        await anext(frames)
        assert children()
        await frames.aclose()

    asyncio.run(asked())
    assert children() == []


def test_a_query_that_is_killed_says_so() -> None:
    async def asked() -> list[Frame]:
        frames = Queries().run(csv("SELECT * FROM S3Object"), never())
        first = asyncio.ensure_future(anext(frames))
        await asyncio.to_thread(until_there_are_children)
        os.kill(children()[0], signal.SIGKILL)
        return [await first, *[frame async for frame in frames]]

    [failed] = asyncio.run(asyncio.wait_for(asked(), 30))
    assert failed.kind == FAILED
    assert msgspec.json.decode(failed.data, type=Failure).code == "Busy"


def test_an_object_that_cannot_be_read_is_no_short_one() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"a,b\n"
        raise OSError("damaged")

    async def asked() -> None:
        async for _ in Queries().run(csv("SELECT * FROM S3Object"), broken()):
            pass

    with pytest.raises(OSError, match="damaged"):
        asyncio.run(asked())
