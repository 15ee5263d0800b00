"""What copying does to a text, undone: escapes of shells, pages and JSON, and the request that came along.

Developer tools copy a request as a command of a shell (curl, of Windows too), as a call of `fetch`, as HAR (JSON) or as
a list of headers; mail, chats and notes put entities and other quotes in.
"""

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
import html
import re
from typing import Final
from urllib.parse import unquote

from ...kernel.errors import Malformed
from ...kernel.model import JsonValue
from .reading import read

QUOTES: Final = "\"'`\u2018\u2019\u201c\u201d\u201e\u201a"
# Zero-width characters and those that only say which way a text runs.
_INVISIBLE: Final = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
# The dots that a browser draws where it shortens a value.
_SHORTENED: Final = "\N{HORIZONTAL ELLIPSIS}"
_ENTITY: Final = re.compile(r"&(?:amp|quot|apos|lt|gt|#\d{1,4}|#x[\da-f]{1,3});", re.IGNORECASE)
_CODED: Final = re.compile(r"\\(?:u00|x)([2-7][\da-f])", re.IGNORECASE)
# Windows' shell: each mark that means something to it has a caret in front.
_CARETS: Final = re.compile(r"\^[\"%&]")
_CARET: Final = re.compile(r"\^(.)", re.DOTALL)
_CLOSING: Final = {
    "\u201c": "\u201c\u201d",
    "\u201d": "\u201c\u201d",
    "\u201e": "\u201c\u201d",
    "\u2018": "\u2018\u2019",
    "\u2019": "\u2018\u2019",
    "\u201a": "\u2018\u2019",
}
# One that something outside a value follows is a group.
_MARK: Final = re.compile(rf"[{QUOTES}](?=([\s,)\]}}]|$)?)")
# A header of that name as tools write it, the options of curl, and a list of names with each value below.
_COOKIE: Final = re.compile(
    r"(?<![\w-])cookies?(?:[\"']?\s*:|[\"']\s*=|\s+(?=[\w-]+=))\s*"
    r"|^cookie\s*=\s*"
    r"|(?<!\S)(?:-b|--cookie)(?:\s+|=)(?=\$?[\"'])",
    re.IGNORECASE,
)
_YAML: Final = re.compile(r"[|>][-+]?\s+")
_HEADERS: Final = (
    r"host|referer|origin|user-agent|accept(?:-[a-z]+)?|sec-[a-z-]+|x-[a-z-]+|connection|priority|pragma|cache-control"
)
# What may follow a header that is not quoted: another, an address, a remark.
_AFTER: Final = re.compile(
    rf"\s(?:[a-z][a-z0-9-]*:(?:\s|$)|(?:{_HEADERS})\s+\S|https?://|[(\[<]).*", re.IGNORECASE | re.DOTALL
)
_BEFORE: Final = re.compile(r"(?:https?://\S+\s+)+")
_CONTINUED: Final = re.compile(r"\\(?:\s+|$)")


def plain(pasted: str) -> str:
    """Return a text without what cannot be seen, escapes and quotes around it; raises Malformed if it was shortened."""
    shown = _INVISIBLE.sub("", pasted).strip()
    if _SHORTENED in shown:
        raise shortened()
    while len(shown) > 1 and shown[0] in QUOTES and shown[-1] in closing(shown[0]):
        shown = shown[1:-1].strip()
    if _CARETS.search(shown):
        shown = _CARET.sub(r"\1", shown)
    if shown.startswith("curl"):
        # Firefox on Windows, up to 2024.
        shown = shown.replace('"%"', "%")
    shown = _ENTITY.sub(lambda found: html.unescape(found[0]), shown)
    return _CODED.sub(_decoded, shown.replace("\\/", "/"))


def shortened() -> Malformed:
    """Return the error for what a browser showed only the beginning of."""
    return Malformed("shortened by the browser", reason="paste_shortened")


def closing(quote: str) -> str:
    """Return the marks that may end what a mark has begun."""
    return _CLOSING.get(quote, quote)


def cookie_headers(pasted: str) -> Sequence[str]:
    """Return what may be a Cookie header, the likeliest first; the last is what to judge a text by that has none."""
    shown = plain(pasted)
    if shown.startswith(("{", "[")) and (headers := _of_json(shown)):
        return headers
    found = list(_COOKIE.finditer(shown))
    if not found:
        return [_unescaped(_header(shown, ""))]
    ends = [each.start() for each in found[1:]] + [len(shown)]
    headers = [
        _unescaped(_header(shown[each.end() : end], shown[: each.start()][-1:]))
        for each, end in zip(found, ends, strict=True)
    ]
    # HTTP/2 sends each cookie as a header of its own.
    return [*headers, "; ".join(headers)]


def _decoded(found: re.Match[str]) -> str:
    mark = chr(int(found[1], 16))
    # Inside a quoted text such a mark stands for itself.
    return f"\\{mark}" if mark in "\"'\\" else mark


def _header(text: str, before: str) -> str:
    """Return the value at the beginning of a text: to the mark that closes it, or to what follows a header."""
    text = _YAML.sub("", text, count=1) if _YAML.match(text) else text.lstrip("$")
    if text[:1] and text[0] in QUOTES:
        whole = re.match(rf"(?:\\.|[^\\{closing(text[0])}])*", text[1:], re.DOTALL)
        return whole[0] if whole else ""
    if before and before in QUOTES:
        return re.split(f"[{closing(before)}]", text, maxsplit=1)[0]
    text = _BEFORE.sub("", text, count=1) if _BEFORE.match(text) else text
    return _AFTER.sub("", text[: _end(text)])


def _end(text: str) -> int:
    """Return where a mark closes what none of its kind has begun, the end where there is none."""
    seen: Counter[str] = Counter()
    for mark in _MARK.finditer(text):
        if mark[1] is not None and seen[mark[0]] % 2 == 0:
            return mark.start()
        seen[mark[0]] += 1
    return len(text)


def _unescaped(header: str) -> str:
    header = re.sub(rf"\\([{QUOTES}\\])", r"\1", _CONTINUED.sub(" ", header))
    return unquote(header) if ";" not in header and "%3b" in header.lower() else header


def _of_json(shown: str) -> Sequence[str]:
    """Return the headers in a HAR, a list of cookies or a list of headers; those of the request that matters first."""
    try:
        whole = read(shown.encode())
    except Malformed:
        return ()
    found: list[tuple[bool, str]] = []
    waiting: deque[tuple[bool, JsonValue]] = deque([(False, whole)])
    while waiting:
        ours, value = waiting.popleft()
        if isinstance(value, Mapping):
            ours = ours or "action=issueToken" in str(value.get("url"))
            found += ((ours, header) for header in _named(value))
            waiting += ((ours, each) for each in value.values())
        elif isinstance(value, Sequence) and not isinstance(value, str):
            found += ((ours, header) for header in _listed(value))
            waiting += ((ours, each) for each in value)
    return [header for _, header in sorted(found, key=lambda each: not each[0])]


def _named(value: Mapping[str, JsonValue]) -> Iterator[str]:
    content = value.get("value")
    if str(value.get("name")).lower() == "cookie" and isinstance(content, str):
        yield content
    for key, each in value.items():
        if key.lower() in {"cookie", "cookies"} and isinstance(each, str):
            yield each
    if "SIDCC" in value:
        yield "; ".join(f"{key}={each}" for key, each in value.items() if isinstance(each, str))


def _listed(values: Sequence[JsonValue]) -> Iterator[str]:
    pairs = {
        str(each.get("name")): str(each.get("value"))
        for each in values
        if isinstance(each, Mapping) and isinstance(each.get("value"), str)
    }
    if "SIDCC" in pairs:
        yield "; ".join(f"{name}={value}" for name, value in pairs.items())
