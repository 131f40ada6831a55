"""Consumers whose log lost its end in a power cut, and processors of a server that was killed."""

from pathlib import Path

import pytest

import strandline.consumers
from bus.positions import Positions
from processors.audit_trail import AuditTrail, read_head, verify_trail
from schemas.errors import ConfigurationError
from schemas.events import AUDIT, FACTS
from strandline.consumers import only_consumer, rewind_consumers
from strandline.data_dir import DataDir


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    found = DataDir(tmp_path / "data")
    found.create()
    return found


def test_places_beyond_the_end_go_back_to_it(data: DataDir) -> None:
    positions = Positions(str(data.consumers))
    positions.commit("collector", FACTS, 0, 100)
    positions.commit("slow", FACTS, 0, 20)
    positions.commit("elsewhere", "topic", 0, 1000)
    trail = AuditTrail(data.audit)
    trail.append([{"x": 1}], {FACTS: 90, AUDIT: 7, "seq/0/0": 85})
    trail.close()

    done = rewind_consumers(data, {FACTS: 50, AUDIT: 10})
    assert done == [
        "collector: back from offset 100 of facts to 50",
        "auditor: back from offset 90 of facts to 50",
    ]
    positions = Positions(str(data.consumers))
    found = {place.consumer: place.offset for place in positions.places()}
    assert found == {"collector": 50, "slow": 20, "elsewhere": 1000}
    # What tells facts apart that come again stays as it was.
    assert read_head(data.audit).sources == {FACTS: 50, AUDIT: 7, "seq/0/0": 85}
    assert verify_trail(data.audit) == 1
    assert rewind_consumers(data, {FACTS: 50, AUDIT: 10}) == []


def test_a_new_folder_has_nothing_to_rewind(data: DataDir) -> None:
    assert rewind_consumers(data, {FACTS: 0, AUDIT: 0}) == []
    assert not list(data.audit.iterdir())


def test_one_set_of_processors_at_a_time(data: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strandline.consumers, "LOCK_SECONDS", 0.05)
    with only_consumer(data):
        with pytest.raises(ConfigurationError, match="still work"):
            with only_consumer(data):
                pass
    with only_consumer(data):
        pass
