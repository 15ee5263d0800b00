"""What a device sends as XML or JSON, read as one tree of local names.

The namespaces differ from answer to answer, so they are dropped (protocols.md 1.1). Nothing but defusedxml reads the
bytes; a document type or an entity of the sender's own is refused.
"""

from collections.abc import Iterator, Mapping
import json
import re
from types import MappingProxyType
from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError, SubElement

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from ...kernel.errors import Malformed

type Node = Element

# What devices put around a document.
_AROUND: Final = b" \t\r\n\x00"
# Deeper nesting than any answer has; what lies below is left out.
_DEEPEST: Final = 32
_BARE_AMPERSAND: Final = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9A-Fa-f]{1,6});)")
_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_DECLARATION: Final = re.compile(r"^\s*<\?xml[^>]*\?>")
_DECLARED: Final = re.compile(rb"<\?xml[^>]{0,80}\bencoding=[\"']([\w-]{1,20})[\"']")
# Those of several bytes, which the parser itself does not know.
_CODECS: Final[Mapping[bytes, str]] = MappingProxyType(
    {
        b"gb2312": "gb18030",
        b"gbk": "gb18030",
        b"gb18030": "gb18030",
        b"big5": "big5",
        b"euc-kr": "cp949",
        b"euc-jp": "euc-jp",
        b"shift_jis": "cp932",
    }
)


def read_xml(body: bytes) -> Node:
    """Return the root of an XML document, mended if need be; raises Malformed."""
    document = body.removeprefix(b"\xef\xbb\xbf").strip(_AROUND)
    try:
        return _parse(document)
    except ParseError, LookupError, ValueError:
        pass
    try:
        return _parse(_mended(document))
    except (ParseError, ValueError) as error:
        raise Malformed("not XML") from error


def read_json(body: bytes) -> Node:
    """Return a JSON object as the tree that its XML form would be; raises Malformed."""
    try:
        # What stands in names is not always in order.
        value = json.loads(body.strip(_AROUND).decode("utf-8-sig", "replace"), strict=False)
    except (ValueError, RecursionError) as error:
        raise Malformed("not JSON") from error
    if not isinstance(value, dict):
        raise Malformed("a JSON object is due")
    if len(value) == 1 and isinstance(inner := next(iter(value.values())), dict):
        root = Element(next(iter(value)))
        value = inner
    else:
        root = Element("object")
    _grow(root, value, 1)
    return root


def name_of(node: Node) -> str:
    """Return the local name of a node."""
    return node.tag.rpartition("}")[2]


def children(node: Node, name: str) -> Iterator[Node]:
    """Yield the children of that local name, none, one or many."""
    return (child for child in node if name_of(child) == name)


def descendants(node: Node, name: str) -> Iterator[Node]:
    """Yield every node of that local name at any depth."""
    return (child for child in node.iter() if name_of(child) == name)


def text(node: Node | None, *path: str) -> str | None:
    """Return the text at the end of a path of local names, None where it is missing or blank."""
    for name in path:
        node = None if node is None else next(children(node, name), None)
    if node is None or node.text is None:
        return None
    return node.text.strip() or None


def number(node: Node | None, *path: str) -> int | None:
    """Return a whole number, None where there is none."""
    value = text(node, *path)
    return int(value) if value and re.fullmatch(r"\d{1,9}", value, re.ASCII) else None


def flag(node: Node | None, *path: str) -> bool | None:
    """Return `true` or `false`, None where neither stands."""
    value = (text(node, *path) or "").lower()
    return {"true": True, "false": False}.get(value)


def _parse(document: bytes) -> Node:
    try:
        root: Node = fromstring(document, forbid_dtd=True)
    except DefusedXmlException as error:
        # An attack is not mended.
        raise Malformed("a document type in XML") from error
    return root


def _mended(document: bytes) -> bytes:
    """Return what devices get wrong put right: `&&` in eventPush, bytes that are not UTF-8, control characters."""
    mended = _DECLARATION.sub("", _decoded(document))
    return _BARE_AMPERSAND.sub("&amp;", _NOT_XML.sub("", mended)).encode()


def _decoded(document: bytes) -> str:
    """Return the text: as UTF-8 if it can be that, whatever it is declared to be, else as declared."""
    found = _DECLARED.match(document)
    codec = _CODECS.get(found[1].lower()) if found else None
    for code in ("utf-8", codec or "utf-8"):
        try:
            return document.decode(code)
        except UnicodeDecodeError:
            pass
    return document.decode("utf-8", "replace")


def _grow(node: Node, value: Any, depth: int) -> None:
    if isinstance(value, dict) and depth < _DEEPEST:
        for key, item in value.items():
            for one in item if isinstance(item, list) else (item,):
                _grow(SubElement(node, str(key)), one, depth + 1)
    elif isinstance(value, bool):
        node.text = "true" if value else "false"
    elif isinstance(value, str | int | float):
        node.text = str(value)
