"""`strandline log tail`: print the records of the log, one JSON object a line."""

import argparse
import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from schemas.errors import ConfigurationError
from strandline.settings import Settings

if TYPE_CHECKING:
    from bus.contract import Record
    from bus.local import LogReader

NAME = "log tail"
HELP = "print records of the log, one JSON object a line; a server may be running"

TOPICS = ("object-versions", "policies", "facts", "audit")
POLL_SECONDS = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which records."""
    parser.add_argument(
        "--from",
        dest="position",
        metavar="POSITION",
        default="last:10",
        help="first position to print: a number, `start`, or `last:N` for the last N; last:10 by default",
    )
    parser.add_argument(
        "--topic",
        choices=TOPICS,
        default=TOPICS[0],
        help=f"one of {', '.join(TOPICS)}; {TOPICS[0]} by default",
    )
    parser.add_argument("--follow", action="store_true", help="go on with new records until Ctrl-C")


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Print records; with --follow until Ctrl-C."""
    from bus.local import LogReader, partition_directory
    from strandline.data_dir import DataDir
    from strandline.log_lines import Lines, bucket_names

    parse_position(arguments.position, 0, 0)  # a mistake is told before anything else is looked at
    data = DataDir(settings.data_dir)
    data.check_format()

    def reader(topic: str) -> LogReader:
        return LogReader(partition_directory(str(data.log), topic, 0, 0))

    log = reader(arguments.topic)
    offset = parse_position(arguments.position, log.start_offset, log.end_offset)
    lines = Lines(arguments.topic, bucket_names(_all(reader("policies"))))
    while True:
        records = log.read(offset)
        for record in records:
            for line in lines.of(record):
                print(line, flush=arguments.follow)
            offset = record.offset + 1
        if not records:
            if not arguments.follow:
                return 0
            time.sleep(POLL_SECONDS)


def _all(log: "LogReader") -> Iterator["Record"]:
    offset = log.start_offset
    while records := log.read(offset):
        yield from records
        offset = records[-1].offset + 1


def parse_position(text: str, start: int, end: int) -> int:
    """The offset meant, in a log that holds `start` up to `end`. Raises ConfigurationError."""
    match = re.fullmatch(r"(last:)?([0-9]{1,18})", text)
    if text == "start":
        return start
    if match is None:
        raise ConfigurationError(f"--from: {text!r} is not a position: write a number, start, or last:N")
    return max(start, end - int(match[2])) if match[1] else int(match[2])
