"""docs/s3-compatibility.md says what the code does."""

from pathlib import Path

from gateway.compatibility import NOTES, PAGE, page
from gateway.handlers import handlers
from gateway.operations import OPERATIONS, UNMODELLED

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_is_current() -> None:
    assert (DOCS / PAGE).read_text(encoding="utf-8") == page(), f"docs/{PAGE} is stale: run `make docs`"


def test_every_operation_has_a_row() -> None:
    text = page()
    for operation in OPERATIONS + UNMODELLED:
        assert f"\n| {operation.name} | " in text
    assert set(NOTES) <= {operation.name for operation in OPERATIONS + UNMODELLED}


def test_what_is_built_is_said_to_be_built() -> None:
    text = page()
    for name in handlers():
        row = next(line for line in text.splitlines() if line.startswith(f"| {name} |"))
        assert "| built |" in row
