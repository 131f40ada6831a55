"""`strandline kms create`: a key of the KMS."""

import argparse

from strandline.settings import Settings

NAME = "kms create"
HELP = "make a key of the KMS for the operator's account, and print its ARN"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to call it."""
    parser.add_argument("--alias", metavar="NAME", help="an alias for it: alias/ and a name")
    parser.add_argument("--description", metavar="TEXT", default="", help="what it is for")


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Make it, durably. A running server knows it at once."""
    from strandline.kms_ring import open_kms

    kms = open_kms(settings)
    if arguments.alias is not None:
        kms.check_new_alias(arguments.alias)
    key = kms.create(arguments.description)
    if arguments.alias is not None:
        kms.create_alias(arguments.alias, key.key_id)
    print(kms.arn(key))
    return 0
