"""What a person copies out of a browser, made into what is sent: pure functions, each raises Malformed with a reason.

Lines are folded by terminals, notes and input fields (a single-line field turns a line end into a space), names and
quotes come along, and the wrong request is copied. Neither an address nor a cookie holds a space.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
import re
from typing import Final
from urllib.parse import quote, unquote

from yarl import URL

from ...kernel.addresses import parsed
from ...kernel.errors import Malformed
from ...kernel.reading import child
from . import jar, jwt
from .clipboard import QUOTES, cookie_headers, plain, shortened
from .hosts import ACCOUNTS, FIELD_TEST, PRODUCTION, RPC_PATH
from .reading import listed, read, text

_ADDRESS: Final = re.compile(rf"(?<!http://){re.escape(ACCOUNTS)}(?::443)?(?=/)", re.IGNORECASE)
_CODED_ADDRESS: Final = re.compile(rf"{re.escape(ACCOUNTS)}%(?:25)*2F", re.IGNORECASE)
# A list of headers has the address in two lines; HTTP/1.1 begins with the path.
_PATH: Final = re.compile(rf"(?:^|GET|path:?)(?={re.escape(RPC_PATH)}\?)", re.IGNORECASE)
_IN_URL: Final = re.compile(r"[\w%&=?/:.~+[-]*", re.ASCII)
# What a browser shows below the address, without its spaces.
_BELOW: Final = re.compile(r"(?:RequestMethod|StatusCode|RemoteAddress|ReferrerPolicy).*", re.IGNORECASE)
# What the address may end with; more is of what came along.
_LAST: Final = re.compile(
    r"(&(?:(?:origin|ss_domain)=https(?::|%3A)(?:/|%2F){2}home(?:\.ft)?\.nest\.com"
    r"|(?:auto|authuser|fedcm_enabled|include_granted_scopes)=(?:true|false|\d)))[^&]*$",
    re.IGNORECASE,
)
_TWICE: Final = re.compile(r"%(?:25)+")
# Firefox shows some addresses decoded: the spaces of these two go with those of folds.
_TYPES: Final = re.compile(r"(?<=[?&]response_type=)tokenid_token(?=&|$)")
_SCOPES: Final = re.compile(r"(?<=[?&]scope=)[^&]+")
_SCOPE: Final = re.compile(r"openid|profile|email|https://www\.googleapis\.com/auth/[\w.-]+?(?=https://|$)")
_IN_ADDRESS: Final = ("response_type", "login_hint", "client_id", "scope", "ss_domain")
_NAME: Final = r"(?:__(?:Secure|Host)-[\w-]+|SID|HSID|SSID|APISID|SAPISID|SIDCC|NID|LSID|ACCOUNT_CHOOSER|SMSV)"
_MARK: Final = rf"(?:[-*>\N{{BULLET}}]\s+)?(?={_NAME}=)"
_FIRST: Final = re.compile(rf"^\s*{_MARK}")
_NEXT: Final = re.compile(rf"(?<!\s),?\s+{_MARK}")
_PAIR: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+=[\x21-\x3a\x3c-\x7e]*")
# A row of a table of cookies, or of a program that sets them.
_ROW: Final = re.compile(rf"(?<![\w-])({_NAME})[\"']?(?:\s*[:,]\s*|\s+)[\"']?([^\s\"',;=][^\s\"',;]*)")
_DOTS: Final = "..."
# Safari and Firefox send the first in a frame of another site, Chromium does not (peers.md L1, L4).
_WANTED: Final = ("SIDCC", "__Secure-3PSID")
_TOKEN: Final = re.compile(r"[\w.~+/=-]{8,}", re.ASCII)
_TOKEN_NAME: Final = re.compile(
    r"(user_token|cztoken|website_2|website_ft|access_token|(?:authorization[\"']?\s*:\s*[\"']?)?\b(?:basic|bearer))"
    r"[\"']?(?:\s*[=:]\s*|\s+)",
    re.IGNORECASE,
)
_JWT_BEGINS: Final = ("g.0.", "eyJ")
_ACCESS_BEGINS: Final = "b."


class Kind(StrEnum):
    """What a pasted token is: of the cookie `user_token`, of `website_2`, or of the answer to `/session`."""

    USER = "user_token"
    SITE = "website_2"
    ACCESS = "access_token"
    UNKNOWN = "unknown"


# Where a token is in an answer or a list of cookies; `access_token` is the outer one (protocols.md 3.2).
_KEYS: Final = {
    "access_token": Kind.ACCESS,
    "jwt": Kind.USER,
    "user_token": Kind.USER,
    "cztoken": Kind.USER,
    "website_2": Kind.SITE,
    "website_ft": Kind.SITE,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Pasted:
    """A token as it is sent, and what it is."""

    kind: Kind
    value: str
    field_test: bool = False


def issue_token(pasted: str) -> str:
    """Return the address of the request that issues tokens; raises Malformed."""
    folded = "".join(plain(pasted).replace("\\", "").split())
    if not folded:
        raise Malformed("nothing pasted", reason="issue_token_missing")
    if _CODED_ADDRESS.search(folded):
        folded = unquote(folded)
    refusal = Malformed("another address", reason="issue_token_wrong_url")
    for candidate in _candidates(_BELOW.sub("", folded)):
        try:
            return _address(candidate)
        except Malformed as error:
            if refusal.reason == "issue_token_wrong_url":
                refusal = error
    raise refusal


def is_field_test(address: str) -> bool:
    """Return whether an address that issues tokens belongs to a field test account."""
    url = parsed(address, encoded=True)
    return url is not None and _origin(url) == FIELD_TEST.home.host


def cookies(pasted: str) -> str:
    """Return the Cookie header; raises Malformed, which names what is missing."""
    refusal = Malformed("nothing pasted", reason="cookies_missing")
    for header in (*cookie_headers(pasted), _of_rows(pasted)):
        try:
            return _jar(header)
        except Malformed as error:
            if error.reason != "cookies_missing":
                refusal = error
    raise refusal


def token(pasted: str) -> Pasted:
    """Return a token: bare, as a cookie or among others, or in the answer to `/session`; raises Malformed."""
    shown = plain(pasted)
    if not shown:
        raise Malformed("nothing pasted", reason="token_missing")
    if (found := _of_answer(shown)) is not None:
        return found
    refusal: Malformed | None = None
    for name in _TOKEN_NAME.finditer(shown):
        value = re.split(rf"[;,\t{QUOTES}]", shown[name.end() :].lstrip(QUOTES), maxsplit=1)[0]
        try:
            return _checked(name[1].lower(), value)
        except Malformed as error:
            refusal = error
    if refusal is not None:
        raise refusal
    return _checked("", shown)


def _candidates(folded: str) -> Iterator[str]:
    """Yield what follows the host of each address in a text, to where an address ends."""
    starts = [*(each.end() for each in _ADDRESS.finditer(folded)), *(each.end() for each in _PATH.finditer(folded))]
    for start, end in pairwise((*sorted(starts), len(folded))):
        yield "".join(_IN_URL.findall(folded[start:end])[:1])


def _address(rest: str) -> str:
    """Return the address with that path and query, what was lost on the way put back; raises Malformed."""
    rest = _TWICE.sub("%", rest)
    if _DOTS in rest:
        raise shortened()
    rest = _TYPES.sub("token%20id_token", _LAST.sub(r"\1", rest))
    rest = _SCOPES.sub(lambda found: _scopes(found[0]), rest)
    url = parsed(f"https://{ACCOUNTS}{rest}", encoded=True)
    if url is None or url.path != RPC_PATH:
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


def _scopes(value: str) -> str:
    """Return a list of scopes with the spaces between them, as it is where it has them."""
    run = unquote(value)
    apart = _SCOPE.findall(run)
    return quote(" ".join(apart), safe="") if len(apart) > 1 and "".join(apart) == run else value


def _jar(header: str) -> str:
    found: jar.Pairs = {}
    for pair in (pair for piece in header.split(";") for pair in _apart(piece)):
        if not _PAIR.fullmatch(pair):
            raise Malformed("no list of cookies", reason="cookies_malformed")
        if _DOTS in pair:
            raise shortened()
        name, _, value = pair.partition("=")
        found.setdefault(name, value)
    if not found:
        raise Malformed("nothing pasted", reason="cookies_missing")
    if not found.keys() & {"SID", "SIDCC"} and any(name.startswith("__Secure-3P") for name in found):
        raise Malformed("captured with Chromium", reason="chromium_capture")
    for key in _WANTED:
        if not found.get(key):
            raise Malformed("a cookie is missing", reason="cookie_missing", placeholders={"key": key})
    return jar.header(found)


def _apart(piece: str) -> Iterator[str]:
    """Yield the cookies of a piece: a known name after a space begins another, unless a fold split that name itself."""
    whole = ""
    for part in _NEXT.split(_FIRST.sub("", piece, count=1)):
        if "=" in whole:
            yield whole
            whole = ""
        whole += "".join(part.split())
    if whole:
        yield whole


def _of_rows(pasted: str) -> str:
    """Return the cookies of a table as a header, none for any other text."""
    rows: jar.Pairs = {}
    for name, value in _ROW.findall(plain(pasted)):
        rows.setdefault(name, value)
    return jar.header(rows) if rows.keys() >= {*_WANTED} else ""


def _checked(name: str, value: str) -> Pasted:
    value = "".join(value.split()).strip(f"{QUOTES},;")
    if _DOTS in value:
        raise shortened()
    if not jwt.is_jwt(value):
        value = value.rstrip(".")
    kind = _KEYS.get(name) or _kind(value)
    if kind is Kind.USER and value.startswith(_ACCESS_BEGINS):
        kind = Kind.ACCESS
    if not _TOKEN.fullmatch(value) or (kind is Kind.UNKNOWN and value.startswith(_JWT_BEGINS)):
        raise Malformed("no token", reason="token_malformed")
    return Pasted(kind=kind, value=value, field_test=name == FIELD_TEST.cookie)


def _kind(value: str) -> Kind:
    if jwt.is_jwt(value):
        return Kind.USER
    return Kind.ACCESS if value.startswith(_ACCESS_BEGINS) else Kind.UNKNOWN


def _of_answer(shown: str) -> Pasted | None:
    """Return the token in JSON, None for what is none; raises Malformed for JSON without one."""
    if not shown.startswith(("{", "[", ")]}'")):
        return None
    try:
        said = read(re.sub("[\u201c\u201d\u201e]", '"', "".join(shown.split())).encode())
    except Malformed:
        return None
    answer = child(said) or child(next(iter(listed(said)), None))
    for key in _KEYS:
        if value := text(answer.get(key)):
            return _checked(key, value)
    raise Malformed("no token", reason="token_malformed")


def _origin(url: URL) -> str | None:
    """Return the host of the site that an address signs in to."""
    found = parsed(url.query.get("origin", ""), encoded=True)
    return found.host if found is not None else None
