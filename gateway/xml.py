"""XML of the S3 protocol: escaping for answers, a strict reader for bodies.

S3 writes characters that XML 1.0 cannot hold as references (&#x1;), although strict parsers refuse them:
clients that want to be safe ask for encoding-type=url.
"""

import re
from xml.parsers import expat

from schemas.errors import MalformedXML, MissingRequestBody

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

DEPTH_LIMIT = 16

_ESCAPES = {
    ord("&"): "&amp;",
    ord("<"): "&lt;",
    ord(">"): "&gt;",
    ord('"'): "&quot;",
    **{code: f"&#x{code:X};" for code in (*range(0x20), 0x7F, 0xFFFE, 0xFFFF)},
}
_UNSAFE = re.compile('[&<>"\x00-\x1f\x7f\ufffe\uffff]')

# Bytes of UTF-8 that no rule touches. 0xEF begins U+FFFE and U+FFFF, so it is looked at more closely.
_PLAIN_XML = bytes(b for b in range(0x20, 0x100) if b not in b'&<>"\x7f\xef')
_PLAIN_URL = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~/*"
# Every byte as it is written, under the code point that it has in Latin-1.
_URL_BYTES = {byte: chr(byte) if byte in _PLAIN_URL else f"%{byte:02X}" for byte in range(256)}


def escape(text: str) -> str:
    """Text as element content."""
    return text.translate(_ESCAPES) if _UNSAFE.search(text) else text


def url_encode(text: str) -> str:
    """Text as encoding-type=url asks for: percent-encoded UTF-8, slashes kept."""
    return text.encode().decode("latin-1").translate(_URL_BYTES)


def encode_all(texts: list[str], url: bool) -> list[str]:
    """Every text escaped or percent-encoded; the list itself when none needs it, found out in one pass."""
    joined = "".join(texts).encode()
    if not joined.translate(None, _PLAIN_URL if url else _PLAIN_XML):
        return texts
    return [url_encode(text) for text in texts] if url else [escape(text) for text in texts]


def document(root: str, content: str) -> bytes:
    """A whole answer with that root element."""
    return f'{DECLARATION}<{root} xmlns="{NAMESPACE}">{content}</{root}>'.encode()


class Element:
    """An element of a request body: name without namespace, text, children in order."""

    __slots__ = ("children", "name", "text")

    def __init__(self, name: str) -> None:
        self.name = name
        self.text = ""
        self.children: list[Element] = []

    def only(self, *names: str) -> None:
        """Raises MalformedXML for children of other names."""
        for child in self.children:
            if child.name not in names:
                raise MalformedXML()

    def one(self, name: str) -> "Element | None":
        """The child of that name, None when there is none. Raises MalformedXML when there are several."""
        found = [child for child in self.children if child.name == name]
        if len(found) > 1:
            raise MalformedXML()
        return found[0] if found else None

    def value(self, name: str) -> str | None:
        """The text of the child of that name, None when there is none."""
        child = self.one(name)
        if child is None:
            return None
        if child.children:
            raise MalformedXML()
        return child.text


def parse(body: bytes, root: str) -> Element:
    """The root element of a body.

    Any namespace is accepted, as AWS does. Raises MissingRequestBody for an empty one, MalformedXML for
    what is not well formed, has another root, a document type, entities of its own, or nests deeper
    than DEPTH_LIMIT.
    """
    if not body:
        raise MissingRequestBody()
    parser = expat.ParserCreate(namespace_separator="\x01")
    parser.buffer_text = True
    stack: list[Element] = []
    found: list[Element] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        element = Element(name.rpartition("\x01")[2])
        if len(stack) >= DEPTH_LIMIT:
            raise MalformedXML()
        (stack[-1].children if stack else found).append(element)
        stack.append(element)

    def end(name: str) -> None:
        stack.pop()

    def text(data: str) -> None:
        stack[-1].text += data

    def refuse(*_: object) -> int:
        raise MalformedXML()

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise MalformedXML() from error
    if found[0].name != root:
        raise MalformedXML()
    return found[0]
