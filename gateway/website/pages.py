"""Pages for errors, where the website has none of its own."""

from collections.abc import Mapping
from html import escape
from http import HTTPStatus

HTML = ("content-type", "text/html; charset=utf-8")
NO_DOCUMENT = "An Error Occurred While Attempting to Retrieve a Custom Error Document"


def error_page(status: int, told: Mapping[str, str], of_document: Mapping[str, str] | None = None) -> bytes:
    """A page about an error, and about the one that kept the website's own page from being shown.

    told  code, message and details, in the order to show them in
    """
    title = f"{status} {HTTPStatus(status).phrase}"
    more = "" if of_document is None else f"<h3>{NO_DOCUMENT}</h3>\n{_listed(of_document)}"
    return (
        f"<html>\n<head><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n{_listed(told)}{more}"
        "<hr/>\n</body>\n</html>\n"
    ).encode("utf-8", "replace")


def _listed(told: Mapping[str, str]) -> str:
    lines = "".join(f"<li>{escape(name)}: {escape(value)}</li>\n" for name, value in told.items())
    return f"<ul>\n{lines}</ul>\n"
