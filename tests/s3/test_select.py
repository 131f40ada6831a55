"""SelectObjectContent: queries over CSV, JSON and Parquet, and what is refused."""

import bz2
import gzip
import io
import json
import os
from typing import Any

import pytest
from botocore.exceptions import ClientError, EventStreamError

from tests.s3.expecting import refused
from tests.s3.selecting import CSV, DOCUMENT, LINES, NAMED, PARQUET, select, selected

duckdb = pytest.importorskip("duckdb")

PEOPLE = b"name,age,city\nAnn,34,Oslo\nBob,9,Rome\nCem,41,\n"
JSON_OUT = {"JSON": {}}


@pytest.fixture
def people(s3: Any, bucket: str) -> str:
    """A bucket whose object "key" is a CSV file with names of columns."""
    s3.put_object(Bucket=bucket, Key="key", Body=PEOPLE)
    return bucket


# --- CSV -----------------------------------------------------------------------------------------------
def test_all_records(s3: Any, people: str) -> None:
    assert select(s3, people, "SELECT * FROM S3Object").records == PEOPLE.decode()


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ("SELECT * FROM S3Object", ["Ann,34,Oslo", "Bob,9,Rome", "Cem,41,"]),
        ("SELECT s.name FROM S3Object s WHERE s.age > 10", ["Ann", "Cem"]),
        ("select NAME, city from s3object", ["Ann,Oslo", "Bob,Rome", "Cem,"]),
        ("SELECT s._2, s._1 FROM S3Object s LIMIT 1", ["34,Ann"]),
        ("SELECT name FROM S3Object WHERE city = 'Rome'", ["Bob"]),
        ("SELECT name FROM S3Object WHERE city = ''", ["Cem"]),
        ("SELECT name FROM S3Object WHERE name LIKE '_e%'", ["Cem"]),
        ("SELECT name FROM S3Object WHERE age IN (9, 41)", ["Bob", "Cem"]),
        ("SELECT name FROM S3Object WHERE CAST(age AS INT) BETWEEN 30 AND 40", ["Ann"]),
        ("SELECT name FROM S3Object WHERE NOT (age < 20 OR name = 'Ann')", ["Cem"]),
        ("SELECT COUNT(*) FROM S3Object", ["3"]),
        ("SELECT SUM(CAST(age AS INT)), AVG(age), MIN(age), MAX(age) FROM S3Object", ["84,28,9,41"]),
        ("SELECT UPPER(name) || '!' FROM S3Object LIMIT 1", ["ANN!"]),
        ("SELECT age * 2 + 1, age / 4, age % 10 FROM S3Object LIMIT 1", ["69,8.5,4"]),
        ("SELECT CASE WHEN age < 18 THEN 'no' ELSE 'yes' END FROM S3Object", ["yes", "no", "yes"]),
        ("SELECT SUBSTRING(city FROM 2 FOR 2), CHAR_LENGTH(name) FROM S3Object LIMIT 1", ["sl,3"]),
        ("SELECT TRIM(LEADING 'A' FROM name), NULLIF(age, 34) FROM S3Object LIMIT 1", ["nn,"]),
        ("SELECT COALESCE(NULLIF(city, ''), 'nowhere') FROM S3Object", ["Oslo", "Rome", "nowhere"]),
        ("SELECT EXTRACT(YEAR FROM TO_TIMESTAMP('2026-02-03T04:05:06Z')) FROM S3Object LIMIT 1", ["2026"]),
        ("SELECT name FROM S3Object WHERE 1 = 2", []),
    ],
)  # fmt: skip
def test_columns_with_names(s3: Any, people: str, query: str, lines: list[str]) -> None:
    assert select(s3, people, query, NAMED).lines == lines


def test_the_first_line_may_be_passed_over(s3: Any, people: str) -> None:
    found = select(s3, people, "SELECT _1 FROM S3Object", {"CSV": {"FileHeaderInfo": "IGNORE"}})
    assert found.lines == ["Ann", "Bob", "Cem"]


def test_records_in_json_have_the_names_of_columns(s3: Any, people: str) -> None:
    whole = select(s3, people, "SELECT * FROM S3Object s WHERE s.name = 'Bob'", NAMED, JSON_OUT)
    assert whole.values == [{"name": "Bob", "age": "9", "city": "Rome"}]
    numbered = select(s3, people, "SELECT s._1 AS who, s._2 FROM S3Object s LIMIT 2", CSV, JSON_OUT)
    assert numbered.values == [{"who": "name", "_2": "age"}, {"who": "Ann", "_2": "34"}]


def test_quotes_and_line_feeds_within_fields(s3: Any, bucket: str) -> None:
    data = b'a,"b, ""c""\nd"\n"",x\n'
    assert selected(s3, bucket, data, "SELECT _2 FROM S3Object LIMIT 1") == ['"b, ""c""', 'd"']
    assert select(s3, bucket, "SELECT * FROM S3Object", CSV, CSV).records == 'a,"b, ""c""\nd"\n,x\n'


@pytest.mark.parametrize("record", ["\n", "\r\n", "|", "##", ";\n"])
def test_other_delimiters(s3: Any, bucket: str, record: str) -> None:
    given = {"CSV": {"RecordDelimiter": record, "FieldDelimiter": "\t", "QuoteCharacter": "'"}}
    field = "q " + record.replace("\n", "")
    data = f"a\tb c{record}d\t'{field}'{record}e".encode()
    s3.put_object(Bucket=bucket, Key="key", Body=data)
    found = select(s3, bucket, "SELECT * FROM S3Object", given, {"JSON": {"RecordDelimiter": ";"}})
    assert json.loads("[" + found.records.replace("};{", "},{").rstrip(";") + "]") == [
        {"_1": "a", "_2": "b c"}, {"_1": "d", "_2": field}, {"_1": "e"},
    ]  # fmt: skip


def test_how_csv_is_written(s3: Any, people: str) -> None:
    into = {
        "CSV": {"QuoteFields": "ALWAYS", "FieldDelimiter": ";", "RecordDelimiter": "|", "QuoteCharacter": "'"}
    }
    found = select(s3, people, "SELECT name, age FROM S3Object LIMIT 2", NAMED, into)
    assert found.records == "'Ann';'34'|'Bob';'9'|"


def test_lines_of_comments_are_passed_over(s3: Any, bucket: str) -> None:
    data = b"#one\na,b#c\n#two\nd,e\n#end"
    assert selected(s3, bucket, data, "SELECT * FROM S3Object", {"CSV": {"Comments": "#"}}) == [
        "a,b#c",
        "d,e",
    ]


def test_records_may_have_more_or_fewer_fields(s3: Any, bucket: str) -> None:
    data = b"a,b\nc,d,e,f\ng\n"
    assert selected(s3, bucket, data, "SELECT * FROM S3Object") == ["a,b", "c,d,e,f", "g"]
    assert selected(s3, bucket, data, "SELECT _3 FROM S3Object") == ["", "e", ""]
    far = b"a\n" + b",".join([b"x"] * 500) + b"\n"
    s3.put_object(Bucket=bucket, Key="key", Body=far)
    with pytest.raises((ClientError, EventStreamError)) as error:
        select(s3, bucket, "SELECT * FROM S3Object")
    assert error.value.response["Error"]["Code"] == "CSVParsingError"


def test_texts_are_unicode(s3: Any, bucket: str) -> None:
    data = "﻿näme,ort\nÅsa,東京\n".encode()
    assert selected(s3, bucket, data, "SELECT s.\"näme\", ort FROM S3Object s WHERE ort = '東京'", NAMED) == [
        "Åsa,東京"
    ]


# --- compressed ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["GZIP", "BZIP2", "ZSTD"])
def test_compressed_objects(s3: Any, bucket: str, kind: str) -> None:
    zstandard = pytest.importorskip("zstandard")
    made = {"GZIP": gzip.compress, "BZIP2": bz2.compress, "ZSTD": zstandard.compress}[kind]
    data = made(PEOPLE) + made(b"Dag,5,Bern\n")
    given = NAMED | {"CompressionType": kind}
    assert selected(s3, bucket, data, "SELECT name FROM S3Object", given) == ["Ann", "Bob", "Cem", "Dag"]
    for damaged in (data[:-12], PEOPLE):
        s3.put_object(Bucket=bucket, Key="key", Body=damaged)
        with pytest.raises((ClientError, EventStreamError)) as error:
            select(s3, bucket, "SELECT name FROM S3Object", given)
        assert error.value.response["Error"]["Code"] in ("InvalidCompressionFormat", "TruncatedInput")


# --- JSON ----------------------------------------------------------------------------------------------
ORDERS = b"""{"id": 1, "to":{"city": "Oslo"}, "items": [{"n": "pen", "price": 2.5}, {"n": "ink", "price": 9}]}
{"id": 2, "to": {"city": null}, "items": []}
{"id": 3, "items": [{"n": "pen", "price": 3}], "paid": true}
"""


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("SELECT s.id FROM S3Object s WHERE s.paid = true", [{"id": 3}]),
        ("SELECT s.to.city FROM S3Object s WHERE s.to.city = 'Oslo'", [{"city": "Oslo"}]),
        ("SELECT s.items[0].n AS first FROM S3Object s", [{"first": "pen"}, {}, {"first": "pen"}]),
        ("SELECT s.id FROM S3Object s WHERE s.to IS MISSING", [{"id": 3}]),
        ("SELECT s.id FROM S3Object s WHERE s.to.city IS NULL AND s.to IS NOT MISSING", [{"id": 2}]),
        ("SELECT i.n FROM S3Object[*].items[*] i WHERE i.price >= 3", [{"n": "ink"}, {"n": "pen"}]),
        ("SELECT SUM(i.price) AS total FROM S3Object[*].items[*] i", [{"total": 14.5}]),
        ("SELECT s.id + 1 AS next FROM S3Object s LIMIT 1", [{"next": 2}]),
        ('SELECT s."id" FROM S3Object s WHERE s.id <> 1', [{"id": 2}, {"id": 3}]),
        ("SELECT s.to FROM S3Object s LIMIT 1", [{"to": {"city": "Oslo"}}]),
        ("SELECT * FROM S3Object s LIMIT 1", [json.loads(ORDERS.splitlines()[0])]),
        ("SELECT s.* FROM S3Object s WHERE s.id = 2", [json.loads(ORDERS.splitlines()[1])]),
    ],
)
@pytest.mark.parametrize("given", [LINES, DOCUMENT], ids=["lines", "document"])
def test_json(s3: Any, bucket: str, given: Any, query: str, values: list[Any]) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=ORDERS)
    assert select(s3, bucket, query, given, JSON_OUT).values == values


def test_a_document_of_one_list(s3: Any, bucket: str) -> None:
    data = json.dumps({"rows": [{"a": 1}, {"a": 2, "b": [1, 2]}]}, indent=2).encode()
    s3.put_object(Bucket=bucket, Key="key", Body=data)
    found = select(s3, bucket, "SELECT * FROM S3Object[*].rows[*]", DOCUMENT, JSON_OUT)
    assert found.values == [{"a": 1}, {"a": 2, "b": [1, 2]}]
    assert select(s3, bucket, "SELECT r.b FROM S3Object[*].rows[*] r", DOCUMENT, CSV).lines == ["", '"[1,2]"']


# --- Parquet -------------------------------------------------------------------------------------------
def test_parquet(s3: Any, bucket: str, tmp_path: Any) -> None:
    path = tmp_path / "some.parquet"
    duckdb.sql("SELECT i AS id, 'n' || i AS name, {'x': i * 2} AS deep FROM range(5) t(i)").write_parquet(
        str(path)
    )
    s3.put_object(Bucket=bucket, Key="key", Body=path.read_bytes())
    query = "SELECT s.name, s.deep.x AS x FROM S3Object s WHERE s.id >= 3"
    assert select(s3, bucket, query, PARQUET, JSON_OUT).values == [
        {"name": "n3", "x": 6},
        {"name": "n4", "x": 8},
    ]
    s3.put_object(Bucket=bucket, Key="key", Body=b"no parquet")
    with refused("ParquetParsingError", 400):
        select(s3, bucket, query, PARQUET)


# --- the stream ----------------------------------------------------------------------------------------
def test_the_messages_end_with_statistics(s3: Any, people: str) -> None:
    answer = select(s3, people, "SELECT name FROM S3Object", NAMED)
    assert answer.events == ["Records", "Stats", "End"]
    assert answer.stats == {
        "BytesScanned": len(PEOPLE), "BytesProcessed": len(PEOPLE), "BytesReturned": 12,
    }  # fmt: skip
    told = select(s3, people, "SELECT name FROM S3Object", NAMED, RequestProgress={"Enabled": True})
    assert told.events == ["Records", "Progress", "Stats", "End"]


def test_much_comes_as_it_is_found(s3: Any, bucket: str) -> None:
    line = "x" * 90
    data = "".join(f"{number},{line}\n" for number in range(100_000))
    s3.put_object(Bucket=bucket, Key="key", Body=data.encode())
    answer = select(s3, bucket, "SELECT * FROM S3Object")
    assert answer.records == data
    assert answer.events.count("Records") > 10
    assert select(s3, bucket, "SELECT COUNT(*) FROM S3Object WHERE _1 >= 99990").lines == ["10"]


def test_part_of_an_object(s3: Any, bucket: str) -> None:
    data = b"aa,1\nbb,2\ncc,3\ndd,4\n"
    s3.put_object(Bucket=bucket, Key="key", Body=data)

    def part(**scan: int) -> list[str]:
        return select(s3, bucket, "SELECT _1 FROM S3Object", ScanRange=scan).lines

    assert part(Start=0, End=4) == ["aa"]
    assert part(Start=0, End=5) == ["aa", "bb"]
    assert part(Start=1, End=5) == ["bb"]
    assert part(Start=5, End=9) == ["bb"]
    assert part(Start=10) == ["cc", "dd"]
    assert part(End=5) == ["dd"]
    with refused("InvalidScanRange", 400):
        part(Start=100)
    with refused("InvalidScanRange", 400):
        part(Start=6, End=2)


def test_ranges_one_after_the_other_have_every_record_once(s3: Any, bucket: str) -> None:
    lines = [f"{number},{os.urandom(number % 17).hex()}" for number in range(200)]
    data = "\n".join(lines).encode()
    s3.put_object(Bucket=bucket, Key="key", Body=data)
    found = []
    for start in range(0, len(data), 701):
        scan = {"Start": start, "End": min(start + 700, len(data) - 1)}
        found += select(s3, bucket, "SELECT * FROM S3Object", ScanRange=scan).lines
    assert found == lines


# --- whose object --------------------------------------------------------------------------------------
def test_objects_with_a_customers_key(s3: Any, bucket: str) -> None:
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"k" * 32}
    s3.put_object(Bucket=bucket, Key="key", Body=PEOPLE, **key)
    assert select(s3, bucket, "SELECT name FROM S3Object LIMIT 1", NAMED, **key).lines == ["Ann"]
    with refused("InvalidRequest", 400):
        select(s3, bucket, "SELECT name FROM S3Object", NAMED)


def test_an_object_that_is_not_there(s3: Any, bucket: str) -> None:
    with refused("NoSuchKey", 404):
        select(s3, bucket, "SELECT * FROM S3Object")


def test_multipart_objects(s3: Any, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="key")["UploadId"]
    first = b"".join(b"%07d\n" % number for number in range(700_000))
    parts = []
    for number, data in enumerate((first[:-3], first[-3:] + b"end\n"), 1):
        part = s3.upload_part(Bucket=bucket, Key="key", UploadId=upload, PartNumber=number, Body=data)
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    s3.complete_multipart_upload(Bucket=bucket, Key="key", UploadId=upload, MultipartUpload={"Parts": parts})
    assert select(s3, bucket, "SELECT COUNT(*) FROM S3Object").lines == ["700001"]
    assert select(s3, bucket, "SELECT _1 FROM S3Object WHERE _1 = '0699999'").lines == ["0699999"]


# --- refused -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "ParseSelectMissing"),
        ("SELECT", "ParseUnexpectedToken"),
        ("SELECT * FROM", "InvalidDataSource"),
        ("DELETE FROM S3Object", "ParseSelectMissing"),
        ("SELECT * FROM other", "InvalidDataSource"),
        ("SELECT * FROM S3Object GROUP BY name", "UnsupportedSyntax"),
        ("SELECT * FROM S3Object ORDER BY name", "UnsupportedSyntax"),
        ("SELECT nope FROM S3Object", "MissingHeaders"),
        ("SELECT name, COUNT(*) FROM S3Object", "UnsupportedSqlStructure"),
        ("SELECT * FROM S3Object WHERE COUNT(*) > 1", "UnsupportedSqlStructure"),
        ("SELECT CAST(name AS INT) FROM S3Object", "CastFailed"),
        ("SELECT SLEEP(3) FROM S3Object", "UnsupportedFunction"),
        ("SELECT * FROM read_csv('/etc/passwd')", "InvalidDataSource"),
        ("SELECT read_text('/etc/passwd') FROM S3Object", "UnsupportedFunction"),
        ("SELECT * FROM S3Object; COPY (SELECT 1) TO '/tmp/x'", "ParseUnexpectedToken"),
        ("SELECT 'it FROM S3Object", "LexerInvalidChar"),
        ("SELECT " + "(" * 3000 + "1" + ")" * 3000 + " FROM S3Object", "UnsupportedSyntax"),
        ("SELECT '" + "x" * 300_000 + "' FROM S3Object", "ExpressionTooLong"),
    ],
)  # fmt: skip
def test_queries_that_are_refused(s3: Any, people: str, query: str, code: str) -> None:
    with pytest.raises(ClientError) as error:
        select(s3, people, query, NAMED)
    assert error.value.response["Error"]["Code"] == code, error.value
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize(
    ("given", "into", "more", "code"),
    [
        ({}, CSV, {}, "InvalidDataSource"),
        (CSV | LINES, CSV, {}, "InvalidDataSource"),
        (CSV, {}, {}, "InvalidDataSource"),
        ({"CSV": {"FileHeaderInfo": "MAYBE"}}, CSV, {}, "InvalidFileHeaderInfo"),
        ({"JSON": {"Type": "PRETTY"}}, CSV, {}, "InvalidJsonType"),
        (CSV | {"CompressionType": "RAR"}, CSV, {}, "InvalidCompressionFormat"),
        (CSV, {"CSV": {"QuoteFields": "NEVER"}}, {}, "InvalidQuoteFields"),
        (PARQUET, CSV, {"ScanRange": {"Start": 0}}, "UnsupportedScanRangeInput"),
        (CSV, CSV, {"ExpressionType": "JQ"}, "InvalidExpressionType"),
    ],
)
def test_requests_that_are_refused(
    s3: Any, people: str, given: Any, into: Any, more: dict[str, Any], code: str
) -> None:
    asked = {"Expression": "SELECT * FROM S3Object", "ExpressionType": "SQL"} | more
    with pytest.raises(ClientError) as error:
        s3.select_object_content(
            Bucket=people, Key="key", InputSerialization=given, OutputSerialization=into, **asked
        )
    assert error.value.response["Error"]["Code"] == code


def test_a_value_that_fails_later_ends_the_stream_with_an_error(s3: Any, bucket: str) -> None:
    good = b"".join(b"%d\n" % number for number in range(200_000))
    s3.put_object(Bucket=bucket, Key="key", Body=good + b"oops\n")
    with pytest.raises(EventStreamError, match="CastFailed"):
        select(s3, bucket, "SELECT CAST(_1 AS INT) FROM S3Object")


def test_an_archived_object_is_not_read(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=PEOPLE, StorageClass="GLACIER")
    with refused("InvalidObjectState", 403):
        select(s3, bucket, "SELECT * FROM S3Object")


def test_bytes_that_are_no_text(s3: Any, bucket: str) -> None:
    for given in (CSV, LINES, DOCUMENT):
        s3.put_object(Bucket=bucket, Key="key", Body=io.BytesIO(b"\xff\xfe\x00{\n" * 50))
        with pytest.raises((ClientError, EventStreamError)):
            select(s3, bucket, "SELECT * FROM S3Object", given)
    assert selected(s3, bucket, b"", "SELECT * FROM S3Object") == []
