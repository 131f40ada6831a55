"""Examples in the documentation are run as they stand, and print what the page says they print."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server import ROOT, clean_environment


def block(page: Path, language: str) -> str:
    """The page's only code block of that language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    return str(found)


def test_producer_api(tmp_path: Path) -> None:
    page = ROOT / "docs" / "producer-api.md"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", block(page, "python"), str(tmp_path / "data")],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == block(page, "text")


PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Relative links only; what they name must be in the tree."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text) + re.findall(r'(?:src|srcset)="([^"]+)"', text)
    relative = [target for target in targets if "://" not in target]
    missing = [target for target in relative if not (page.parent / target).exists()]
    assert missing == []
