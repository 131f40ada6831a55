"""Timing of comparisons: what is secret or made with a secret is never compared by == or `in`."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("access", "gateway")
# Names of what an attacker would find out byte by byte.
SECRET = re.compile(
    r"^_?(our|their|given|expected)?_?(signature|hmac|mac|digest|fingerprint|secret(_key)?)$|^theirs$"
)
OPEN = {"gateway/conditions.py"}  # ETags


def compared() -> list[str]:
    """Every comparison of such a name by its value, with its place."""
    found = []
    for path in sorted(file for room in ROOMS for file in (ROOT / room).rglob("*.py")):
        name = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Compare) or name in OPEN:
                continue
            sides = [node.left, *node.comparators]
            by_value = any(isinstance(one, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for one in node.ops)
            names = [getattr(side, "attr", getattr(side, "id", "")) for side in sides]
            constant = any(isinstance(side, ast.Constant) for side in sides)
            if by_value and not constant and any(SECRET.match(one) for one in names):
                found.append(f"{name}:{node.lineno}: {ast.unparse(node)}")
    return found


def test_timing_of_signature_comparison() -> None:
    assert compared() == []


def test_each_verifier_compares_in_constant_time() -> None:
    for name in ("sigv4", "sigv2", "chunk_signatures", "post_form", "tokens", "customer_key"):
        assert "compare_digest(" in (ROOT / "access" / f"{name}.py").read_text(), name
