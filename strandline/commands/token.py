"""`strandline token`: a bearer token for the REST API, made offline from the root credentials."""

import argparse
import re
import time

from schemas.errors import ConfigurationError
from strandline.settings import Settings

NAME = "token"
HELP = "print a bearer token for the REST API, made with the root credentials"

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How long it lives."""
    parser.add_argument(
        "--lifetime",
        metavar="TIME",
        default="1h",
        help="how long the token is good for: seconds, or a number with m, h or d; 7d at most, 1h by default",
    )


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Print the token. Needs no running server, but the keys of one that was started before."""
    from access.credentials import load_root
    from access.tokens import issue_token
    from strandline.keys_folder import keys_folder

    lifetime = parse_lifetime(arguments.lifetime)
    keys = keys_folder(settings)
    secret = settings.root_secret_key
    root = load_root(
        keys, settings.root_access_key, secret.get_secret_value() if secret else None, create=False
    )
    print(issue_token(root.credential, time.time(), lifetime))
    return 0


def parse_lifetime(text: str) -> int:
    """Seconds of `3600`, `90m`, `12h` or `7d`. Raises ConfigurationError."""
    match = re.fullmatch(r"([0-9]{1,9})([smhd]?)", text)
    if match is None:
        raise ConfigurationError(
            f"--lifetime: {text!r} is not a time: write seconds, or a number with m, h or d"
        )
    return int(match[1]) * _UNITS[match[2]]
