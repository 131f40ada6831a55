"""Errors as S3 answers: an XML document, and the few headers that say more than it."""

from gateway.dates import http_date
from gateway.errors import S3Error
from gateway.xml import DECLARATION, escape

Headers = list[tuple[str, str]]

# What XML 1.0 cannot hold even as a reference. In an answer that no parser takes, the client would not find
# the error's code, so here (and not in listings, which would then name another key) it is replaced.
_UNHEARD = {code: "\ufffd" for code in (*range(0x20), 0xFFFE, 0xFFFF) if code not in (0x09, 0x0A, 0x0D)}


def error_headers(details: dict[str, str], status: int) -> Headers:
    """What an error says in headers: which delete marker is in the way, how long the object is."""
    headers: Headers = []
    if "delete_marker" in details:
        headers.append(("x-amz-delete-marker", details["delete_marker"]))
    if "version_id" in details:
        headers.append(("x-amz-version-id", details["version_id"]))
    if "retry_after" in details:
        headers.append(("retry-after", details["retry_after"]))
    if "last_modified" in details:
        headers.append(("last-modified", http_date(int(details["last_modified"]))))
    if status == 405 and "delete_marker" in details:
        headers.append(("allow", "DELETE"))
    if status == 416 and "ActualObjectSize" in details:
        headers.append(("content-range", f"bytes */{details['ActualObjectSize']}"))
    return headers


def error_document(
    shape: S3Error, message: str, details: dict[str, str], resource: str, request_id: str, host_id: str
) -> bytes:
    """The XML answer. Details in CamelCase become elements; those in snake_case are for headers."""
    elements = [f"<Code>{shape.code}</Code><Message>{_text(message)}</Message>"]
    if not shape.hidden:
        elements.extend(
            f"<{name}>{_text(value)}</{name}>" for name, value in details.items() if name[0].isupper()
        )
    return (
        f"{DECLARATION}<Error>{''.join(elements)}<Resource>{_text(resource)}</Resource>"
        f"<RequestId>{request_id}</RequestId><HostId>{host_id}</HostId></Error>"
    ).encode()


def _text(text: str) -> str:
    return escape(text.translate(_UNHEARD))
