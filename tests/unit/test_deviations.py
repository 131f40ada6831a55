"""The list of what MinIO does otherwise names tests that there are."""

import re
from pathlib import Path

import pytest

from tests.s3.deviations import MINIO, rule_against_minio

FOLDER = Path(__file__).parents[1] / "s3"


@pytest.mark.parametrize("entry", MINIO)
def test_every_entry_is_a_test(entry: str) -> None:
    file, _, function = entry.partition("::")
    source = (FOLDER / file).read_text()
    assert not function or re.search(rf"^def {function}\(", source, re.MULTILINE)


def test_rules_are_found_by_file_and_by_function() -> None:
    assert rule_against_minio("test_keys.py::test_anything[x]") == MINIO["test_keys.py"]
    assert rule_against_minio("test_versioning.py::test_states") is None
    wrong = "test_versioning.py::test_version_ids_that_cannot_be"
    assert rule_against_minio(f"{wrong}[nonsense]") == MINIO[wrong]
