"""The documentation page of the API: one file, nothing from elsewhere; it renders /openapi.json."""

import hashlib
import html
import re
from base64 import b64encode
from importlib.resources import files

from gateway.rest.problem import codes

_INLINE = re.compile(r"<(style|script)>(.*?)</\1>", re.DOTALL)


def docs_page() -> tuple[str, str]:
    """The page, with every error code under its own anchor, and a Content-Security-Policy that lets
    nothing run or load but what the page itself holds."""
    template = files("gateway.rest").joinpath("docs.html").read_text(encoding="utf-8")
    page = template.replace("<!-- errors -->", _errors())
    sources: dict[str, list[str]] = {"style": [], "script": []}
    for kind, text in _INLINE.findall(page):
        digest = b64encode(hashlib.sha256(text.encode()).digest()).decode()
        sources[kind].append(f"'sha256-{digest}'")
    policy = "; ".join(
        ["default-src 'none'", "connect-src 'self'", "base-uri 'none'", "form-action 'none'"]
        + [f"{kind}-src {' '.join(digests)}" for kind, digests in sources.items()]
    )
    return page, policy


def _errors() -> str:
    """A row for each code; the `type` of a problem leads here."""
    return "\n".join(
        f'<tr id="error-{code}"><td><code>{code}</code><td>{entry.status}<td>{html.escape(entry.message)}'
        for code, entry in sorted(codes().items())
    )
