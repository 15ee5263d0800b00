"""What a person copies out of a browser, made into what is sent: pure functions, each raises Malformed with a reason.

Lines are folded by terminals, notes and input fields (a single-line field turns a line end into a space), names and
quotes come along, and the wrong request is copied. Neither an address nor a cookie holds a space.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
import re
from typing import Final

from yarl import URL

from ...kernel.addresses import parsed
from ...kernel.errors import Malformed
from ...kernel.reading import child
from . import jar, jwt
from .hosts import ACCOUNTS, FIELD_TEST, PRODUCTION, RPC_PATH
from .reading import read, text

# Zero-width characters, and the dots a browser draws where it shortens a value.
_INVISIBLE: Final = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_SHORTENED: Final = "\N{HORIZONTAL ELLIPSIS}"
_QUOTES: Final = "\"'`\u2018\u2019\u201c\u201d"
_ADDRESS: Final = re.compile(rf"(?:https?://)?{re.escape(ACCOUNTS)}/[^{_QUOTES}<>\\]*", re.IGNORECASE)
# What a browser shows below the address, without its spaces.
_BELOW: Final = re.compile(r"(?:RequestMethod|StatusCode|RemoteAddress|ReferrerPolicy).*", re.IGNORECASE)
_IN_ADDRESS: Final = ("response_type", "login_hint", "client_id", "scope", "ss_domain")
_COOKIE_NAME: Final = re.compile(r"(?<![\w-])cookie[\"']?\s*:", re.IGNORECASE)
_OTHER_HEADER: Final = re.compile(r"\s[a-z][a-z0-9-]*:(?:\s|$).*", re.IGNORECASE | re.DOTALL)
_NAMED: Final = r"(?:__(?:Secure|Host)-[\w-]+|SID|HSID|SSID|APISID|SAPISID|SIDCC|NID|LSID|ACCOUNT_CHOOSER|SMSV)="
_NEXT: Final = re.compile(rf"(?<!\s)\s+(?={_NAMED})")
_PAIR: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+=[\x21-\x3a\x3c-\x7e]*")
# Safari and Firefox send the first in a frame of another site, Chromium does not (peers.md L1, L4).
_WANTED: Final = ("SIDCC", "__Secure-3PSID")
_TOKEN: Final = re.compile(r"[\w.~+/=-]{8,}", re.ASCII)
_TOKEN_NAME: Final = re.compile(r"(user_token|cztoken|website_2|website_ft)[\"']?\s*[=:]\s*", re.IGNORECASE)


class Kind(StrEnum):
    """What a pasted token is: of the cookie `user_token`, of `website_2`, or of the answer to `/session`."""

    USER = "user_token"
    SITE = "website_2"
    ACCESS = "access_token"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pasted:
    """A token as it is sent, and what it is."""

    kind: Kind
    value: str
    field_test: bool = False


def issue_token(pasted: str) -> str:
    """Return the address of the request that issues tokens; raises Malformed."""
    folded = _BELOW.sub("", _folded(pasted))
    if not folded:
        raise Malformed("nothing pasted", reason="issue_token_missing")
    found = _ADDRESS.search(folded)
    if found is None:
        raise Malformed("another address", reason="issue_token_wrong_url")
    url = parsed(found[0] if "://" in found[0] else f"https://{found[0]}", encoded=True)
    if url is None or (url.scheme, url.path) != ("https", RPC_PATH):
        raise Malformed("another address", reason="issue_token_wrong_url")
    if url.query.get("fedcm_enabled", "").lower() == "true":
        raise Malformed("captured with Chromium", reason="chromium_capture")
    if url.query.get("action") != "issueToken":
        raise Malformed("another request of the same page", reason="issue_token_wrong_request")
    for key in _IN_ADDRESS:
        if not url.query.get(key):
            raise Malformed("a part of the address", reason="issue_token_incomplete", placeholders={"key": key})
    if _origin(url) not in {PRODUCTION.home.host, FIELD_TEST.home.host}:
        raise Malformed("the sign-in of another site", reason="issue_token_wrong_url")
    return str(url)


def is_field_test(address: str) -> bool:
    """Return whether an address that issues tokens belongs to a field test account."""
    url = parsed(address, encoded=True)
    return url is not None and _origin(url) == FIELD_TEST.home.host


def cookies(pasted: str) -> str:
    """Return the Cookie header; raises Malformed, which names what is missing."""
    found: jar.Pairs = {}
    for pair in _pairs(_visible(pasted)):
        if not _PAIR.fullmatch(pair):
            raise Malformed("no list of cookies", reason="cookies_malformed")
        name, _, value = pair.partition("=")
        found.setdefault(name, value)
    if not found:
        raise Malformed("nothing pasted", reason="cookies_missing")
    if next(iter(found)) == "__Secure-3PSID" and "SIDCC" not in found:
        raise Malformed("captured with Chromium", reason="chromium_capture")
    for key in _WANTED:
        if not found.get(key):
            raise Malformed("a cookie is missing", reason="cookie_missing", placeholders={"key": key})
    return jar.header(found)


def token(pasted: str) -> Pasted:
    """Return a token: bare, as a cookie or among others, or in the answer to `/session`; raises Malformed."""
    shown = _visible(pasted)
    if not shown:
        raise Malformed("nothing pasted", reason="token_missing")
    if shown.startswith("{"):
        return _checked(Kind.ACCESS, _of_answer(shown))
    if found := _TOKEN_NAME.search(shown):
        name = found[1].lower()
        kind = Kind.SITE if name.startswith("website") else Kind.USER
        value = re.split(rf"[;,{_QUOTES}]", shown[found.end() :].lstrip(_QUOTES), maxsplit=1)[0]
        return _checked(kind, value, field_test=name == FIELD_TEST.cookie)
    value = "".join(shown.split())
    if jwt.is_jwt(value):
        return _checked(Kind.USER, value)
    return _checked(Kind.ACCESS if value.startswith("b.") else Kind.UNKNOWN, value)


def _checked(kind: Kind, value: str, *, field_test: bool = False) -> Pasted:
    value = "".join(value.split())
    if not _TOKEN.fullmatch(value):
        raise Malformed("no token", reason="token_malformed")
    return Pasted(kind=kind, value=value, field_test=field_test)


def _of_answer(shown: str) -> str:
    """Return the outer `access_token`: the one under `weave` is something else (protocols.md 3.2)."""
    try:
        said = read("".join(shown.split()).encode())
    except Malformed:
        raise Malformed("no token", reason="token_malformed") from None
    return text(child(said).get("access_token")) or ""


def _visible(pasted: str) -> str:
    """Return the text without what cannot be seen and without quotes around it."""
    shown = _INVISIBLE.sub("", pasted).strip()
    if _SHORTENED in shown:
        raise Malformed("shortened by the browser", reason="paste_shortened")
    while len(shown) > 1 and shown[0] in _QUOTES and shown[-1] in _QUOTES:
        shown = shown[1:-1].strip()
    return shown


def _folded(pasted: str) -> str:
    return "".join(_visible(pasted).split())


def _pairs(shown: str) -> Iterator[str]:
    """Yield `name=value` of each cookie, folds undone."""
    before, *after = _COOKIE_NAME.split(shown)
    for header in after or [before]:
        ours = header.strip().lstrip(_QUOTES)
        ours = re.split(f"[{_QUOTES}]", _OTHER_HEADER.sub("", ours), maxsplit=1)[0]
        for piece in ours.split(";"):
            yield from _apart(piece)


def _apart(piece: str) -> Iterator[str]:
    """Yield the cookies of a piece: a known name after a space begins another, unless a fold split that name itself."""
    whole = ""
    for part in _NEXT.split(piece):
        if "=" in whole:
            yield whole
            whole = ""
        whole += "".join(part.split())
    if whole:
        yield whole


def _origin(url: URL) -> str | None:
    """Return the host of the site that an address signs in to."""
    found = parsed(url.query.get("origin", ""), encoded=True)
    return found.host if found is not None else None
