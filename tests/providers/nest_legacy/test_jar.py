from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.camhub.providers.nest_legacy import jar

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
OLD = "SID=a; SIDCC=b; NID=5=1=="
NAMES = st.text("ABCDEF_-", min_size=1, max_size=8)
VALUES = st.text("abc0123=./-", min_size=1, max_size=20)


def test_what_changes_is_taken_over() -> None:
    answers = [
        "SIDCC=new; expires=Sat, 02-Jan-2027 03:04:05 GMT; path=/; domain=.google.com; Secure",
        "LSID=x; HttpOnly",
    ]
    assert jar.merged(OLD, answers, NOW) == "SID=a; SIDCC=new; NID=5=1==; LSID=x"


@pytest.mark.parametrize(
    "answer",
    [
        "SID=",
        'SID=""; path=/',
        "SID=EXPIRED; Max-Age=0",
        "SID=x; max-age=-1",
        "SID=x; expires=Thu, 01-Jan-1970 00:00:00 GMT",
        "SID=x; Expires=Fri, 02 Jan 2026 03:04:05 GMT",
        "SID=x; domain=.youtube.com",
        "SID=x; domain=oogle.com",
        "SID=x; path=/mail",
        "",
        "=x",
        "no cookie",
    ],
)
def test_what_would_spoil_it_is_left_out(answer: str) -> None:
    assert jar.merged(OLD, [answer], NOW) == OLD


@pytest.mark.parametrize(
    "answer",
    [
        "SID=x",
        "SID=x; max-age=60; expires=Thu, 01-Jan-1970 00:00:00 GMT",
        f"SID=x; expires={format_datetime(NOW + timedelta(seconds=1), usegmt=True)}",
        "SID=x; expires=some day",
        "SID=x; domain=accounts.google.com; path=/o/oauth2",
        "SID=x; Domain=google.com; Path=/o/oauth2/iframerpc",
        "SID=x; SameSite=none; Priority=HIGH",
    ],
)
def test_what_a_browser_would_keep_is_kept(answer: str) -> None:
    assert jar.pairs(jar.merged(OLD, [answer], NOW))["SID"] == "x"


@settings(deadline=None)
@given(st.dictionaries(NAMES, VALUES), st.dictionaries(NAMES, VALUES))
def test_the_newest_of_each_is_there_and_nothing_is_lost(old: dict[str, str], new: dict[str, str]) -> None:
    answers = [f"{name}={value}; path=/" for name, value in new.items()]
    merged = jar.merged(jar.header(old), answers, NOW)
    assert jar.pairs(merged) == {**old, **new}
    assert jar.merged(merged, answers, NOW) == merged
