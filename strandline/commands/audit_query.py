"""`strandline audit query`: print the requests of the audit trail that fit, one JSON object a line."""

import argparse
import json
import re
import time
from datetime import UTC, datetime

from schemas.audit import LookUp
from schemas.errors import ConfigurationError
from strandline.settings import Settings

NAME = "audit query"
HELP = (
    "print requests of the audit trail, one JSON object a line: of the data folder, beside a running server "
    "too; with [cluster.auditor] in the configuration the auditor is asked"
)

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
PAGE = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which requests."""
    moment = "2026-01-31, 2026-01-31T12:00:00Z, or so long ago: 90s, 15m, 2h, 7d"
    parser.add_argument("--since", metavar="TIME", help=f"from this time on: {moment}")
    parser.add_argument("--until", metavar="TIME", help="before this time")
    parser.add_argument(
        "--principal",
        default="",
        help="who asked: an ARN, a user's name, an access key, a unique id, an account's number",
    )
    parser.add_argument("--bucket", default="", help="the bucket's name")
    parser.add_argument("--action", default="", help="GetObject, s3:GetObject, iam:CreateUser …")
    parser.add_argument("--request-id", default="", help="the id that an answer had")
    parser.add_argument(
        "--limit", type=int, default=0, metavar="N", help="print N at most; 0, the default, all of them"
    )


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """0, also when nothing fits; else raises AuditDamaged, ServiceUnavailable when the auditor of a cluster
    does not answer."""
    from schemas.audit import Question

    now = time.time()
    question = Question(
        parse_moment("--since", arguments.since, now),
        parse_moment("--until", arguments.until, now),
        arguments.principal,
        arguments.bucket,
        arguments.action,
        arguments.request_id,
    )
    if arguments.limit < 0:
        raise ConfigurationError(f"--limit: {arguments.limit} is less than 0")
    search = _trail(settings)
    left = arguments.limit or float("inf")
    after: int | None = 0
    while after is not None and left > 0:
        lines, after = search(question, int(min(left, PAGE)), after)
        for line in lines:
            print(json.dumps(line, ensure_ascii=False))
        left -= len(lines)
    return 0


def _trail(settings: Settings) -> LookUp:
    """Of the cluster, where the configuration names its auditor; else that of the data folder."""
    from functools import partial

    from processors.audit_search import search
    from strandline.cluster.packages import needs_cluster
    from strandline.data_dir import DataDir

    if settings.cluster is not None and settings.cluster.auditor is not None:
        with needs_cluster():
            from strandline.cluster.connections import remote_trail
            from strandline.cluster.keys import open_keys

        keys, _ = open_keys(settings, settings.cluster)
        return remote_trail(settings.cluster.auditor, keys)
    data = DataDir(settings.data_dir)
    data.check_format()
    return partial(search, data.audit)


def parse_moment(name: str, text: str | None, now: float) -> int | None:
    """A moment in Unix milliseconds: a date, a time (UTC where it names no zone), or a span before `now`.
    Raises ConfigurationError, naming the option."""
    if text is None:
        return None
    if ago := re.fullmatch(r"([0-9]{1,9})([smhd])", text):
        return max(0, int((now - int(ago[1]) * UNITS[ago[2]]) * 1000))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(
            f"{name}: {text!r} is not a time: write 2026-01-31, 2026-01-31T12:00:00Z, or 90s, 15m, 2h, 7d ago"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0, int(moment.timestamp() * 1000))
