"""What people paste: written by example, and for any text that hypothesis can think of."""

from collections.abc import Callable
import json
import re
from urllib.parse import quote, unquote

from hypothesis import given, settings, strategies as st
import pytest
from yarl import URL

from custom_components.camhub.kernel.errors import Malformed
from custom_components.camhub.providers.nest_legacy import paste
from custom_components.camhub.providers.nest_legacy.paste import Kind

SITE = quote("https://home.nest.com", safe="")
ADDRESS = (
    "https://accounts.google.com/o/oauth2/iframerpc?action=issueToken&response_type=token%20id_token"
    f"&login_hint=AJExampleHint&client_id=example.apps.example.com&origin={SITE}"
    f"&scope=openid%20profile&ss_domain={SITE}"
)
COOKIES = "SID=g.a000; HSID=AbC/1; SIDCC=AKEy-x_1==; __Secure-3PSID=g.a000x; NID=511=abc"
JWT = "g.0.eyJraWQiOiAiMCJ9.eyJleHAiOiAxODAwMDAwMDAwfQ.AAAA"

LIST = COOKIES.split("; ")
SCOPE = quote("openid profile email https://www.googleapis.com/auth/nest-account", safe="")
# As Windows' shell wants it: a caret before what means something there, and within a name of a variable.
FOR_WINDOWS = re.sub("%(?=[a-zA-Z0-9])", "%^", re.sub("[^\\w\\s:=+~'/.,?;()*-]", r"^\g<0>", ADDRESS))
JAR = [{"name": name, "value": value} for name, _, value in (each.partition("=") for each in LIST)]
ENTRY = {
    "request": {
        "url": ADDRESS,
        "headers": [{"name": "Accept", "value": "*/*"}, {"name": "Cookie", "value": COOKIES}],
        "cookies": JAR,
    },
    "response": {"headers": [{"name": "Set-Cookie", "value": "SIDCC=other; Path=/"}]},
}
ELSEWHERE = {"request": {"url": "https://home.nest.com/", "headers": [{"name": "cookie", "value": "SIDCC=x; SID=y"}]}}

NAMES = st.text("abcdefghijklmnopqrstuvwxyzABCDEF_-", min_size=1, max_size=12)
VALUES = st.text("abcdefghijklmnopqrstuvwxyz0123456789ABCDEF_-./%+=", min_size=1, max_size=60)
JARS = st.dictionaries(NAMES, VALUES, max_size=6).map(
    lambda others: {"SID": "a", **others, "SIDCC": "b-1", "__Secure-3PSID": "c.2"}
)
PREFIXES = st.sampled_from(["", "Cookie: ", "cookie:", "  COOKIE : ", "Host: accounts.google.com\nCookie: "])
ENDS = st.sampled_from(["", "\n", ";", "; \r\n", "\nReferer: https://home.nest.com/\nAccept: */*"])
QUOTES = st.sampled_from(["", '"', "'", "\N{LEFT DOUBLE QUOTATION MARK}"])
ANYTHING = st.text() | st.text("SIDCC=; \n'\"cookie:_-").map(lambda text: f"SIDCC=1; {text}")
CHECKERS: list[Callable[[str], object]] = [paste.issue_token, paste.cookies, paste.token]


def refused(check: Callable[[str], object], text: str) -> tuple[str, dict[str, str]]:
    with pytest.raises(Malformed) as caught:
        check(text)
    # What was pasted is secret.
    assert text.strip() not in str(caught.value) or len(text.strip()) < 4
    return caught.value.reason, caught.value.placeholders


@st.composite
def folded(draw: st.DrawFn, text: str) -> str:
    """Return a text with line ends where a terminal or a note puts them; a field makes spaces of them."""
    width = draw(st.integers(9, 80))
    end = draw(st.sampled_from(["\n", "\r\n", "\n  ", " "]))
    return end.join(text[start : start + width] for start in range(0, len(text), width))


@settings(deadline=None)
@given(st.data(), PREFIXES, QUOTES)
def test_an_address_however_it_was_copied(data: st.DataObject, prefix: str, quoted: str) -> None:
    text = f"{quoted}{data.draw(folded(ADDRESS))}{quoted}\n"
    assert paste.issue_token(text) == ADDRESS
    assert paste.issue_token(f"Request URL: {text}") == ADDRESS
    assert paste.issue_token(paste.issue_token(text)) == ADDRESS


@pytest.mark.parametrize(
    "text",
    [
        ADDRESS.removeprefix("https://"),
        f"curl '{ADDRESS}' \\\n  -H 'Cookie: {COOKIES}'",
        f"Request URL\n{ADDRESS}\nRequest Method\nGET\nStatus Code\n200",
        f"\ufeff\u200b {ADDRESS}\N{NO-BREAK SPACE}",
        # Commands of Windows' shell, old ones of Firefox with the sign in quotes.
        f'curl ^"{FOR_WINDOWS}^" ^\r\n  -H ^"Cookie: {COOKIES}^"',
        f'curl "{ADDRESS.replace("%", chr(34) + "%" + chr(34))}" -H "Accept: */*"',
        # A log, a page, JSON, a chat, an answer by mail.
        json.dumps({"log": {"entries": [ELSEWHERE, ENTRY]}}),
        json.dumps(ADDRESS).replace("/", "\\/"),
        ADDRESS.replace("&", "\\u0026"),
        ADDRESS.replace("&", "&amp;"),
        f'<a href="{ADDRESS.replace("&", "&#38;")}">here</a>',
        f"[{ADDRESS}]({ADDRESS})",
        f"({ADDRESS}), and the cookies below.",
        ADDRESS.replace("?", "\\?").replace("&", "\\&").replace("=", "\\="),
        # Encoded once or twice too often.
        ADDRESS.replace("%", "%25"),
        quote(ADDRESS.replace("%", "%25"), safe=""),
        # Lists of headers, as browsers show and copy them.
        f"Summary\nURL: {ADDRESS}\nStatus: 200\n\nRequest\n:path: {ADDRESS[27:]}\nReferer: https://accounts.google.com/",
        f"GET\n\t{ADDRESS}\nStatus\n200\nVersionHTTP/2\nReferrer Policyno-referrer",
        f"GET {ADDRESS[27:]} HTTP/1.1\nHost: accounts.google.com\nAccept: */*",
        f":authority:\naccounts.google.com\n:path:\n{ADDRESS[27:]}\naccept:\n*/*",
        # Twice, after another request of the same page, and with the host spelt out.
        f"{ADDRESS}{ADDRESS}",
        f"{ADDRESS.replace('issueToken', 'listSessions')}\n{ADDRESS}",
        ADDRESS.replace("https://accounts.google.com", "HTTPS://Accounts.Google.com:443"),
    ],
)
def test_an_address_among_other_things(text: str) -> None:
    assert paste.issue_token(text) == ADDRESS


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "issue_token_missing"),
        (" \n ", "issue_token_missing"),
        ("\N{HORIZONTAL ELLIPSIS}", "paste_shortened"),
        (ADDRESS[:60] + "\N{HORIZONTAL ELLIPSIS}", "paste_shortened"),
        (COOKIES, "issue_token_wrong_url"),
        ("https://home.nest.com/session", "issue_token_wrong_url"),
        ("https://accounts.google.com/o/oauth2/iframe?origin=x", "issue_token_wrong_url"),
        ("https://accounts.google.com/[", "issue_token_wrong_url"),
        (ADDRESS.replace("https", "http", 1), "issue_token_wrong_url"),
        (ADDRESS.replace(f"origin={SITE}", "origin=https%3A%2F%2Fshop.example"), "issue_token_wrong_url"),
        (ADDRESS.replace(f"origin={SITE}", "origin=https%3A%2F%2F[x"), "issue_token_wrong_url"),
        (ADDRESS.replace("issueToken", "listSessions"), "issue_token_wrong_request"),
        (f"{ADDRESS}&fedcm_enabled=true", "chromium_capture"),
        (ADDRESS.replace("AJExampleHint", "AJE..."), "paste_shortened"),
        # A dash that a note made of a hyphen ends the address.
        (ADDRESS.replace("example.apps", "example\N{EN DASH}apps"), "issue_token_incomplete"),
        (f"https://shop.example{ADDRESS[27:]}", "issue_token_wrong_url"),
        # The first that is nearly right is told.
        (f"{ADDRESS.replace('issueToken', 'listSessions')}\n{ADDRESS[:110]}", "issue_token_wrong_request"),
    ],
)
def test_an_address_that_does_not_do(text: str, reason: str) -> None:
    assert refused(paste.issue_token, text)[0] == reason


@pytest.mark.parametrize("key", ["response_type", "login_hint", "client_id", "scope", "ss_domain"])
def test_an_address_that_was_cut_names_what_is_missing(key: str) -> None:
    cut = re.sub(rf"[?&]{key}=[^&]*", "", ADDRESS)
    assert refused(paste.issue_token, cut) == ("issue_token_incomplete", {"key": key})


@pytest.mark.parametrize("tail", ["&auto=0", "&authuser=1", "&include_granted_scopes=true", "&prompt=none"])
def test_a_tail_that_browsers_add_stays(tail: str) -> None:
    assert paste.issue_token(f"{ADDRESS}{tail}") == f"{ADDRESS}{tail}"


@pytest.mark.parametrize("space", [" ", "\n", "\N{NO-BREAK SPACE}", ""])
def test_an_address_that_a_browser_showed_decoded(space: str) -> None:
    shown = unquote(ADDRESS.replace("openid%20profile", SCOPE)).replace(" ", space)
    asked = URL(paste.issue_token(shown), encoded=True).query
    assert asked["response_type"] == "token id_token"
    assert asked["scope"] == "openid profile email https://www.googleapis.com/auth/nest-account"


@pytest.mark.parametrize("scope", ["openid+email", "openid%20x", "other", "openid"])
def test_scopes_that_are_apart_or_unknown_stay(scope: str) -> None:
    address = ADDRESS.replace("openid%20profile", scope)
    assert paste.issue_token(address) == address


def test_field_test_accounts_are_known_by_their_address() -> None:
    there = ADDRESS.replace("home.nest.com", "home.ft.nest.com")
    assert paste.is_field_test(paste.issue_token(there))
    assert not paste.is_field_test(paste.issue_token(ADDRESS))


@settings(deadline=None)
@given(st.data(), JARS, PREFIXES, ENDS, QUOTES)
def test_cookies_however_they_were_copied(
    data: st.DataObject, jar: dict[str, str], prefix: str, end: str, quoted: str
) -> None:
    clean = "; ".join(f"{name}={value}" for name, value in jar.items())
    text = f"{prefix}{quoted}{data.draw(folded(clean))}{quoted}{end}"
    assert paste.cookies(text) == clean
    assert paste.cookies(paste.cookies(text)) == clean


@pytest.mark.parametrize(
    "text",
    [
        f'"{COOKIES}"',
        f"cookie: {COOKIES}\nuser-agent: Example/1.0\n",
        f"Host: accounts.google.com Cookie: {COOKIES} User-Agent: Example/1.0",
        f"curl 'https://accounts.google.com/' -H 'accept: */*' -H 'Cookie: {COOKIES}' -H 'Accept-Language: de'",
        "\n".join(f"cookie: {each}" for each in COOKIES.split("; ")),
        " ".join(COOKIES.split("; ")).replace("HSID", "; HSID").replace("NID=", ";NID="),
        f"{COOKIES}; SID=another",
        f"{COOKIES};;",
        f'{{"Cookie": "{COOKIES}"}}',
        # Commands.
        f"curl '{ADDRESS}' -H 'accept: */*' -b '{COOKIES}' -H 'priority: u=1, i'",
        f'curl ^"{FOR_WINDOWS}^" ^\r\n  -b ^"{COOKIES}^" ^\r\n  -H ^"accept: */*^"',
        f"-H $'cookie: {COOKIES.replace('AbC', chr(92) + 'u0041bC')}' \\",
        f"wget --header='Cookie: {COOKIES}' '{ADDRESS}'",
        f'-Headers @{{\n"method"="GET"\n  "cookie"="{COOKIES}"\n}}',
        f'fetch("{ADDRESS}", {{"headers": {{"accept": "*/*", "cookie": "{COOKIES}"}}, "body": null}});',
        COOKIES.replace("; ", "; \\\n"),
        # Several requests: the one that has them counts.
        f"curl 'https://home.nest.com' -b 'SID=x'\ncurl '{ADDRESS}' -b '{COOKIES}'",
        json.dumps({"log": {"entries": [ELSEWHERE, ENTRY]}}, indent=2),
        json.dumps({"Request Cookies": dict(each.split("=", 1) for each in LIST)}),
        json.dumps(JAR),
        f'{{"cookies": "{COOKIES}"',
        # Settings of other systems.
        f"issue_token: {ADDRESS}\ncookies: >-\n  {COOKIES}",
        f'"cookies": "{COOKIES}",',
        # Lists of headers without colons.
        f"Accept\n\t*/*\nCookie\n\t{COOKIES}\nHost\n\taccounts.google.com\nReferer\n\thttps://home.nest.com/",
        f"Cookie={COOKIES}",
        # Tables of cookies.
        "\n".join(f"{each.replace('=', chr(9), 1)}\t.google.com\t/\tSession" for each in LIST),
        "\n".join(f'{each.replace("=", ":" + chr(34), 1)}"' for each in LIST),
        # Remarks, addresses, marks of lists, entities.
        f"{COOKIES} (from Safari)",
        f"{ADDRESS}\n{COOKIES}\n{ADDRESS}",
        "\n".join(f"- {each}" for each in LIST),
        ", ".join(LIST),
        f"&quot;{COOKIES}&quot;",
        quote(COOKIES),
        f"\N{LEFT-TO-RIGHT EMBEDDING}{COOKIES}\N{POP DIRECTIONAL FORMATTING}",
    ],
)
def test_cookies_among_other_things(text: str) -> None:
    assert paste.cookies(text) == COOKIES


@pytest.mark.parametrize("value", ['"a=b"', "it's", '{"a":"b"}', "1,2"])
def test_a_cookie_with_marks_in_it_ends_nothing(value: str) -> None:
    header = f"SID=g.a000; X={value}; SIDCC=AKEy-x; __Secure-3PSID=g.a000x"
    escaped = header.replace('"', '\\"')
    for text in (header, f"Cookie: {header}", f'"cookie": "{escaped}"', f'{{"Cookie": "{escaped}"}}'):
        assert paste.cookies(text) == header
    assert paste.cookies(f"{header[12:]}; Y={value}") == f"{header[12:]}; Y={value}"


@pytest.mark.parametrize(
    ("text", "reason", "placeholders"),
    [
        ("", "cookies_missing", {}),
        ("{}", "cookies_malformed", {}),
        ("{", "cookies_malformed", {}),
        ('{"Cookie": ""}', "cookies_missing", {}),
        ("SID=a...; SIDCC=b; __Secure-3PSID=c", "paste_shortened", {}),
        ("NID=1; __Secure-3PSID=a; __Secure-3PSIDCC=c", "chromium_capture", {}),
        ("Set-Cookie: SIDCC=a; path=/\nSet-Cookie: SID=b", "cookies_malformed", {}),
        ("Cookie:  ", "cookies_missing", {}),
        ("Set-Cookie", "cookies_malformed", {}),
        ("just words", "cookies_malformed", {}),
        (f"{COOKIES}; flag", "cookies_malformed", {}),
        (f"{COOKIES}; x=\N{LATIN SMALL LETTER E WITH ACUTE}", "cookies_malformed", {}),
        (COOKIES[:30] + "\N{HORIZONTAL ELLIPSIS}", "paste_shortened", {}),
        (COOKIES.replace("SIDCC", "OTHER"), "cookie_missing", {"key": "SIDCC"}),
        (COOKIES.replace("SIDCC", "__Secure-3PSIDCC"), "cookie_missing", {"key": "SIDCC"}),
        (COOKIES.replace("__Secure-3PSID", "OTHER"), "cookie_missing", {"key": "__Secure-3PSID"}),
        (COOKIES.replace("SIDCC=AKEy-x_1==", "SIDCC="), "cookie_missing", {"key": "SIDCC"}),
        ("__Secure-3PSID=a; __Secure-3PSIDTS=b; __Secure-3PSIDCC=c", "chromium_capture", {}),
    ],
)
def test_cookies_that_do_not_do(text: str, reason: str, placeholders: dict[str, str]) -> None:
    assert refused(paste.cookies, text) == (reason, placeholders)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        (JWT, Kind.USER, JWT),
        (f" 'user_token={JWT}' ", Kind.USER, JWT),
        (f"user_token: {JWT}", Kind.USER, JWT),
        (f'"user_token": "{JWT}"', Kind.USER, JWT),
        (f"Cookie: a=b; cztoken={JWT}; c=d", Kind.USER, JWT),
        ("website_2=abcdef-123456", Kind.SITE, "abcdef-123456"),
        ("b.abcdef123456", Kind.ACCESS, "b.abcdef123456"),
        ("abcdef123456", Kind.UNKNOWN, "abcdef123456"),
        ("a.b?.c\n" * 2 + JWT[:0] + "", None, "token_malformed"),
        ("abc", None, "token_malformed"),
        ("https://home.nest.com/session?x", None, "token_malformed"),
        ("", None, "token_missing"),
        ("user_token=", None, "token_malformed"),
        (f"{JWT[:20]}\N{HORIZONTAL ELLIPSIS}", None, "paste_shortened"),
        ('{"weave": {"access_token": "b.wrong1234"}}', None, "token_malformed"),
        ("{not JSON", None, "token_malformed"),
        # Among the names of a page that shows JSON, of one that lists cookies, in a header, at the end of a sentence.
        ('2fa_state\t"x"\naccess_token\t"b.abcdef123456"\nweave\naccess_token\t"w.x"', Kind.ACCESS, "b.abcdef123456"),
        ('{"access_token": "b.abcdef123456", "email": "so', Kind.ACCESS, "b.abcdef123456"),
        ('"b.abcdef123456",', Kind.ACCESS, "b.abcdef123456"),
        ("user_token: b.abcdef123456", Kind.ACCESS, "b.abcdef123456"),
        (f"user_token\t{JWT}\t.nest.com\t/\tSession", Kind.USER, JWT),
        (f"cztoken=; user_token={JWT}", Kind.USER, JWT),
        ("user_token=; website_2=abcdef-123456", Kind.SITE, "abcdef-123456"),
        (f"Authorization: Basic {JWT}", Kind.USER, JWT),
        ("-H 'authorization: Basic b.abcdef123456' -H 'accept: */*'", Kind.ACCESS, "b.abcdef123456"),
        (f"Bearer {JWT}", Kind.USER, JWT),
        (f"{JWT};", Kind.USER, JWT),
        (f"{JWT}.", Kind.USER, JWT),
        # Answers.
        (')]}\'\n{"access_token": "b.abcdef123456"}', Kind.ACCESS, "b.abcdef123456"),
        ('[{"access_token": "b.abcdef123456"}]', Kind.ACCESS, "b.abcdef123456"),
        ("[]", None, "token_malformed"),
        ("{\u201caccess_token\u201d: \u201cb.abcdef123456\u201d}", Kind.ACCESS, "b.abcdef123456"),
        (f'{{"jwt": "{JWT}", "claims": {{}}}}', Kind.USER, JWT),
        (f'{{"user_token": "{JWT}"}}', Kind.USER, JWT),
        # The beginning of one, and two in a row.
        (JWT[:30], None, "token_malformed"),
        (JWT.rpartition(".")[0], None, "token_malformed"),
        (f"{JWT}\n{JWT}", None, "token_malformed"),
        ("b.abcdef...", None, "paste_shortened"),
    ],
)
def test_tokens(text: str, kind: Kind | None, value: str) -> None:
    if kind is None:
        assert refused(paste.token, text)[0] == value
    else:
        assert (paste.token(text).kind, paste.token(text).value) == (kind, value)


def test_the_outer_token_of_a_session_counts() -> None:
    session = {"weave": {"access_token": "b.inner-token"}, "access_token": "b.outer-token", "userid": "1"}
    found = paste.token(json.dumps(session, indent=2))
    assert (found.kind, found.value, found.field_test) == (Kind.ACCESS, "b.outer-token", False)


def test_the_cookie_of_a_field_test_account() -> None:
    assert paste.token("website_ft=abcdef-123456").field_test


@settings(deadline=None)
@given(st.data())
def test_a_token_however_it_was_copied(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["", "user_token=", "cztoken=", "USER_TOKEN = ", "Cookie: user_token="]))
    found = paste.token(f"\n{name}{data.draw(folded(JWT))} ")
    assert (found.kind, found.value) == (Kind.USER, JWT)


@settings(deadline=None)
@given(ANYTHING)
def test_whatever_is_pasted_is_taken_or_refused_with_a_reason(text: str) -> None:
    for check in CHECKERS:
        taken = outcome(check, text)
        if isinstance(taken, Malformed):
            assert taken.reason not in {"malformed", "unknown"}
            continue
        value = taken.value if isinstance(taken, paste.Pasted) else str(taken)
        assert value.isascii()
        assert value.isprintable(), "nothing of it can end a header"
        assert value.strip() == value != ""


def outcome(check: Callable[[str], object], text: str) -> object:
    try:
        return check(text)
    except Malformed as error:
        return error
