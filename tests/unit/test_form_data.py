"""multipart/form-data: read the same however it is cut into pieces; what is not well formed is refused."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.form_data import FIELDS_LIMIT, Form, boundary_of
from schemas.errors import (
    FormTooLarge,
    InvalidArgument,
    MalformedForm,
    NotMultipartForm,
    StrandlineError,
    WrongNumberOfFiles,
)

BOUNDARY = b"----boundary"


def part(name: str, value: bytes, more: str = "") -> bytes:
    head = f'--{BOUNDARY.decode()}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return head.encode() + value + b"\r\n"


END = b"--" + BOUNDARY + b"--\r\n"


def encode(fields: dict[str, str], file: bytes, filename: str = "name", rest: bytes = b"") -> bytes:
    parts = [part(name, value.encode()) for name, value in fields.items()]
    return b"".join(parts) + part("file", file, f'; filename="{filename}"') + rest + END


async def pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def read(data: bytes, size: int = 1 << 20) -> tuple[dict[str, str], str, bytes]:
    async def main() -> tuple[dict[str, str], str, bytes]:
        form = Form(pieces(data, size), BOUNDARY)
        await form.read_fields()
        return form.fields, form.filename, b"".join([piece async for piece in form.file()])

    return asyncio.run(main())


# Bytes that look like the beginning of a boundary more often than chance would have it.
tricky = st.lists(st.sampled_from([b"\r\n--", b"\r\n", b"-", b"----bound", b"a", BOUNDARY[:-1]])).map(
    b"".join
)


@given(tricky | st.binary(), st.integers(1, 40), st.text(st.characters(exclude_categories=["Cs"])))
def test_any_file_in_any_pieces(file: bytes, size: int, value: str) -> None:
    value = value.replace(BOUNDARY.decode(), "")
    fields = {"key": "a/b", "x-amz-meta-text": value}
    assert read(encode(fields, file), size) == (fields, "name", file)


@given(st.binary(max_size=200), st.integers(1, 40))
def test_nonsense_is_refused(data: bytes, size: int) -> None:
    with pytest.raises(StrandlineError):
        read(data, size)


@given(st.integers(0, 200), st.integers(1, 40))
def test_a_form_that_breaks_off(end: int, size: int) -> None:
    whole = encode({"key": "k"}, b"file")
    stop = whole.index(BOUNDARY, whole.index(b"file\r\n")) - len(b"\r\n--")
    with pytest.raises((MalformedForm, FormTooLarge)):
        read(whole[: min(end, stop)], size)


def test_what_follows_the_file_is_passed_over() -> None:
    later = part("key", b"other") + part("file", b"second", '; filename="b"')
    assert read(encode({"key": "k"}, b"first", rest=later)) == ({"key": "k"}, "name", b"first")


def test_bytes_before_the_first_boundary_are_passed_over() -> None:
    assert read(b"This is MIME.\r\n" + encode({"key": "k"}, b"f"))[2] == b"f"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("photo.jpg", "photo.jpg"),
        ("C:\\Pictures\\photo.jpg", "photo.jpg"),
        ("/home/me/photo.jpg", "photo.jpg"),
        ("", ""),
        ("a;b=c.txt", "a;b=c.txt"),
        ('say \\"hi\\".txt', 'say "hi".txt'),
        ("größe 🐋.txt", "größe 🐋.txt"),
    ],
)
def test_filenames(sent: str, kept: str) -> None:
    assert read(encode({"key": "k"}, b"f", sent))[1] == kept


def test_names_are_read_in_any_case_and_without_quotes() -> None:
    data = (
        b"--"
        + BOUNDARY
        + b"\r\ncontent-disposition:form-data;name=KEY\r\nContent-Type: text/plain\r\n\r\nk\r\n"
        b"--" + BOUNDARY + b"\r\nContent-Disposition: form-data; name=File; filename=a.txt\r\n\r\nf\r\n" + END
    )
    assert read(data) == ({"key": "k"}, "a.txt", b"f")


def test_the_last_boundary_may_end_the_body() -> None:
    assert read(encode({"key": "k"}, b"f").removesuffix(b"\r\n"))[2] == b"f"
    with pytest.raises(WrongNumberOfFiles):
        read((part("key", b"k") + END).removesuffix(b"\r\n"))


def test_without_a_file() -> None:
    with pytest.raises(WrongNumberOfFiles):
        read(part("key", b"k") + END)


def test_a_field_twice() -> None:
    with pytest.raises(InvalidArgument):
        read(part("key", b"1") + encode({"key": "2"}, b"f"))


@pytest.mark.parametrize("size", [100, 1 << 20])
def test_too_much_before_the_file(size: int) -> None:
    room = FIELDS_LIMIT - len(encode({"x-ignore-a": ""}, b"")) + len(END) + len(BOUNDARY) - 40
    read(encode({"x-ignore-a": "a" * room}, b"f" * 50_000), size)
    with pytest.raises(FormTooLarge):
        read(encode({"x-ignore-a": "a" * FIELDS_LIMIT}, b"f"), size)


@pytest.mark.parametrize(
    "data",
    [
        b"--" + BOUNDARY + b"\r\nContent-Type: text/plain\r\n\r\nk\r\n" + END,
        b"--" + BOUNDARY + b"\r\nContent-Disposition: attachment; name=key\r\n\r\nk\r\n" + END,
        b"--" + BOUNDARY + b"\r\nContent-Disposition: form-data; name=\xff\r\n\r\nk\r\n" + END,
        b"--" + BOUNDARY + b"more\r\nContent-Disposition: form-data; name=key\r\n\r\nk\r\n" + END,
        part("key", b"\xff") + END,
    ],
)
def test_parts_that_are_none(data: bytes) -> None:
    with pytest.raises(MalformedForm):
        read(data)


def test_boundaries() -> None:
    assert boundary_of("multipart/form-data; boundary=abc") == b"abc"
    assert boundary_of('Multipart/Form-Data; charset=utf-8; Boundary="a b"') == b"a b"
    for text in ("", "application/x-www-form-urlencoded", "multipart/mixed; boundary=a"):
        with pytest.raises(NotMultipartForm):
            boundary_of(text)
    for text in (
        "multipart/form-data",
        "multipart/form-data; boundary=",
        f"multipart/form-data; boundary={'a' * 71}",
    ):
        with pytest.raises(MalformedForm):
            boundary_of(text)
