"""`strandline audit verify`: check the audit trail's chain of hashes."""

import argparse

from strandline.settings import Settings

NAME = "audit verify"
HELP = "check every line of the audit trail against its chain of hashes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beside the settings."""


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """0 when the chain is whole; else raises AuditDamaged, which names the file and the line."""
    from processors.audit_trail import read_head, verify_trail
    from strandline.data_dir import DataDir

    data = DataDir(settings.data_dir)
    data.check_format()
    lines = verify_trail(data.audit)
    print(f"{lines} lines, an unbroken chain; its head is line {read_head(data.audit).n}")
    return 0
