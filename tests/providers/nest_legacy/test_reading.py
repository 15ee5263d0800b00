"""The small readers: JSON without trust, tokens, hosts, pictures of nothing."""

import base64
from datetime import UTC, datetime
from io import BytesIO
import json

from camhub_pi.pattern import Pattern
from hypothesis import given, settings, strategies as st
from PIL import Image
import pytest

from custom_components.camhub.kernel import reading as kernel_reading
from custom_components.camhub.kernel.errors import Malformed
from custom_components.camhub.kernel.model import JsonValue
from custom_components.camhub.providers.nest_legacy import jwt, reading
from custom_components.camhub.providers.nest_legacy.blank import is_blank
from custom_components.camhub.providers.nest_legacy.hosts import DEFAULT_REGION, region

DATE = datetime(2026, 5, 3, 20, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b')]}\'\n\n{"a": [1]}', {"a": [1]}),
        (b"[1, 2] trailing", [1, 2]),
        (b'[warning] {"a": 1}', {"a": 1}),
        (b'\xef\xbb\xbf{"a": "\xff"}', {"a": "\ufffd"}),
    ],
)
def test_json_whatever_stands_before_it(body: bytes, value: JsonValue) -> None:
    assert reading.read(body) == value


@pytest.mark.parametrize("body", [b"", b"OK", b"<html>{}</html>", b'{"a": ', b"[" * 100_000])
def test_what_is_no_json(body: bytes) -> None:
    with pytest.raises(Malformed):
        reading.read(body)


@settings(deadline=None)
@given(st.text("()}';! \n)", max_size=20), st.dictionaries(st.text(max_size=5), st.integers()))
def test_junk_is_skipped(junk: str, value: dict[str, int]) -> None:
    assert reading.read(f"{junk}{json.dumps(value)}".encode()) == value


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (DATE.timestamp(), DATE),
        (DATE.timestamp() * 1000, DATE),
        (f"{DATE.timestamp()}", DATE),
        ("Sun, 03-May-2026 20:00:00 GMT", DATE),
        ("2026-05-03T20:00:00Z", DATE),
        ("2026-05-03T22:00:00+02:00", DATE),
        ("2026-05-03T20:00:00", DATE),
        (0, None),
        (-1, None),
        (1e300, None),
        (True, None),
        ("some day", None),
        ([], None),
        (None, None),
    ],
)
def test_times_in_every_form(value: JsonValue, moment: datetime | None) -> None:
    assert reading.moment(value) == moment


@pytest.mark.parametrize(
    ("value", "text", "number", "flag"),
    [
        (" a ", "a", None, None),
        (" ", None, None, None),
        (7, "7", 7.0, None),
        (1, "1", 1.0, True),
        ("0", "0", 0.0, False),
        ("7.5", "7.5", 7.5, None),
        ("nan", "nan", None, None),
        (10**400, str(10**400), None, None),
        (True, None, None, True),
        ("False", "False", None, False),
        ([], None, None, None),
    ],
)
def test_values_that_are_of_another_kind(
    value: JsonValue, text: str | None, number: float | None, flag: bool | None
) -> None:
    assert (reading.text(value), kernel_reading.number(value), reading.flag(value)) == (text, number, flag)


def test_lists_and_objects_that_are_not_there() -> None:
    assert kernel_reading.texts(["a", 1, "b"]) == ("a", "b")
    assert kernel_reading.texts("ab") == ()
    assert kernel_reading.objects([{"a": 1}, 2]) == [{"a": 1}]
    assert not kernel_reading.objects({"a": 1})
    assert kernel_reading.child({"a": {"b": {"c": 1}}}, "a", "b") == {"c": 1}
    assert kernel_reading.child({"a": 1}, "a", "b") == {}


def token(payload: object, prefix: str = "g.0.") -> str:
    coded = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")
    return f"{prefix}e30.{coded}.x-_Y"


def test_what_a_token_says_of_itself() -> None:
    said = token({"exp": int(DATE.timestamp()), "sub": "nest_id:nest-phoenix-prod:42"})
    assert jwt.is_jwt(said)
    assert (jwt.expires_at(said), jwt.subject(said)) == (DATE, "42")
    plain = token({"exp": "soon"}, prefix="")
    assert jwt.is_jwt(plain)
    assert (jwt.expires_at(plain), jwt.subject(plain)) == (None, None)


@pytest.mark.parametrize("text", ["", "b.abcdef", "a.b", "a.!.c", "a.b.c.d.e.f", "a.abcde.c", token([1])])
def test_what_is_no_such_token(text: str) -> None:
    assert not jwt.is_jwt(text)
    assert jwt.expires_at(text) is None
    assert jwt.subject(text) is None


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_may_be_asked(text: str) -> None:
    jwt.expires_at(text)
    jwt.subject(f"g.0.a.{text}.c")


@pytest.mark.parametrize(
    ("told", "origin"),
    [
        ("https://nexusapi-eu1.camera.home.nest.com", "https://nexusapi-eu1.camera.home.nest.com"),
        ("nexusapi-eu1.camera.home.nest.com", "https://nexusapi-eu1.camera.home.nest.com"),
        (" https://nexusapi-us1.dropcam.com:443/path ", "https://nexusapi-us1.dropcam.com"),
        (None, str(DEFAULT_REGION)),
        ("", str(DEFAULT_REGION)),
        ("https://nest.com.example.com", str(DEFAULT_REGION)),
        ("https://example.com/.nest.com", str(DEFAULT_REGION)),
        ("http://nexusapi-eu1.camera.home.nest.com", str(DEFAULT_REGION)),
        ("https://nexusapi-eu1.camera.home.nest.com:8443", str(DEFAULT_REGION)),
        ("https://[", str(DEFAULT_REGION)),
    ],
)
def test_a_login_goes_to_no_other_company(told: str | None, origin: str) -> None:
    assert str(region(told)).rstrip("/") == origin.rstrip("/")


@pytest.mark.parametrize("size", [(64, 36), (320, 180), (640, 360), (1280, 720)])
@pytest.mark.parametrize("colour", [0, 8, 128, 255])
def test_pictures_of_nothing(size: tuple[int, int], colour: int) -> None:
    written = BytesIO()
    Image.new("RGB", size, (colour, colour, colour // 2)).save(written, "JPEG")
    assert is_blank(written.getvalue())
    assert not is_blank(Pattern(*size, "Hall").jpeg(1_800_000_000.5))


def test_a_dark_room_is_no_picture_of_nothing() -> None:
    noise = Image.effect_noise((640, 360), 1).point(lambda level: max(0, level - 118))
    written = BytesIO()
    noise.convert("RGB").save(written, "JPEG")
    assert not is_blank(written.getvalue())
    assert is_blank(b"")
