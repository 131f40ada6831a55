"""Asks queries over objects, and gathers what comes back."""

import json
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

CSV: dict[str, Any] = {"CSV": {}}
NAMED: dict[str, Any] = {"CSV": {"FileHeaderInfo": "USE"}}
LINES: dict[str, Any] = {"JSON": {"Type": "LINES"}}
DOCUMENT: dict[str, Any] = {"JSON": {"Type": "DOCUMENT"}}
PARQUET: dict[str, Any] = {"Parquet": {}}


@dataclass
class Answer:
    """records: as they came, decoded; events: the messages' kinds in order; stats: of the Stats message."""

    records: str = ""
    events: list[str] = field(default_factory=list)
    stats: dict[str, int] = field(default_factory=dict)

    @property
    def lines(self) -> list[str]:
        return self.records.splitlines()

    @property
    def values(self) -> list[Any]:
        """Of an answer in JSON."""
        return [json.loads(line) for line in self.lines]


def select(s3: Any, bucket: str, query: str, given: Any = CSV, into: Any = CSV, **more: Any) -> Answer:
    """Of the object "key"."""
    found = s3.select_object_content(
        Bucket=bucket, Key="key", Expression=query, ExpressionType="SQL", InputSerialization=given,
        OutputSerialization=into, **more,
    )  # fmt: skip
    answer, data = Answer(), b""
    with closing(found["Payload"]) as events:
        for event in events:
            [kind] = event
            answer.events.append(kind)
            if kind == "Records":
                data += event[kind]["Payload"]
            elif kind == "Stats":
                answer.stats = event[kind]["Details"]
    answer.records = data.decode()
    return answer


def selected(s3: Any, bucket: str, data: bytes, query: str, *formats: Any, **more: Any) -> list[str]:
    """The lines of the answer over that object."""
    s3.put_object(Bucket=bucket, Key="key", Body=data)
    return select(s3, bucket, query, *formats, **more).lines
