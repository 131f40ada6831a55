"""`strandline`: the entry point. Parses, loads settings, runs a command, tells mistakes in one line.

Exit codes: 0 done; 1 the command found something wrong; 2 bad input or configuration; 130 after Ctrl-C.
"""

import io
import os
import sys
from collections.abc import Sequence

from schemas.errors import ConfigurationError, StrandlineError
from strandline.command_line import Command, build_parser, given_settings
from strandline.commands import (
    access_explain,
    audit_query,
    audit_verify,
    bucket_shards,
    config_show,
    credentials,
    fsck,
    index_rebuild,
    index_verify,
    kms_create,
    kms_list,
    kms_rewrap_master,
    kms_rotate_master,
    kms_shred,
    log_tail,
    schema_migrate,
    serve,
    snapshot,
    token,
    topics_check,
    topics_create,
    version,
    worker,
    zones_sweep,
)
from strandline.commands.identities import IDENTITY_COMMANDS
from strandline.load_settings import load_settings

COMMANDS: tuple[Command, ...] = (
    serve,
    worker,
    topics_create,
    topics_check,
    schema_migrate,
    bucket_shards,
    zones_sweep,
    credentials,
    token,
    kms_create,
    kms_list,
    kms_rotate_master,
    kms_rewrap_master,
    kms_shred,
    *IDENTITY_COMMANDS,
    access_explain,
    log_tail,
    index_verify,
    index_rebuild,
    snapshot,
    audit_query,
    audit_verify,
    fsck,
    config_show,
    version,
)

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Keys may be any text; a terminal with another encoding is no reason to fail.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        code = _run(argv)
        sys.stdout.flush()
        return code
    except ConfigurationError as error:
        return _complain(error, EXIT_USAGE)
    except StrandlineError as error:
        return _complain(error, EXIT_FAILED)
    except BrokenPipeError:
        # The reader of our output (head, less) has gone, which is its right. Python would complain once
        # more when it flushes at exit, so standard output is pointed elsewhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _run(argv: Sequence[str] | None) -> int:
    arguments = build_parser(COMMANDS).parse_args(argv)
    settings = load_settings(given_settings(arguments), arguments.config)
    code: int = arguments.command.run(settings, arguments)
    return code


def _complain(error: StrandlineError, code: int) -> int:
    message = " ".join((error.message or type(error).__name__).split())
    print(f"strandline: {message}", file=sys.stderr)
    return code
