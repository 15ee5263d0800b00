import pytest

from custom_components.camhub.kernel.errors import Malformed
from custom_components.camhub.providers.hikvision.tree import (
    children,
    descendants,
    flag,
    name_of,
    number,
    read_json,
    read_xml,
    text,
)

BOMB = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;">]><a>&y;</a>"""
OUTSIDE = b"""<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>"""


@pytest.mark.parametrize(
    "body",
    [
        b"<a><b>1</b></a>",
        b"\xef\xbb\xbf<?xml version='1.0' encoding='UTF-8'?><a><b>1</b></a>",
        b"\r\n\r\n<?xml version='1.0'?><a><b>1</b></a>\r\n\x00",
        b"<a xmlns='urn:psialliance-org'><b xmlns='urn:selfextension:psiaext-ver10-xsd'> 1 </b></a>",
        b"<a>&& raw <b>1</b> & more &amp; &#65; \x01</a>",
        b"<?xml version='1.0' encoding='UTF-8'?><a><n>caf\xe9</n><b>1</b></a>",
        b"<?xml version='1.0' encoding='no-such-code'?><a><b>1</b></a>",
        b"<?xml version='1.0' encoding='utf-32'?><a><b>1</b></a>",
    ],
)
def test_reads_what_devices_send(body: bytes) -> None:
    root = read_xml(body)
    assert name_of(root) == "a"
    assert text(root, "b") == "1"


@pytest.mark.parametrize("code", ["GB2312", "gbk", "big5", "euc-kr", "shift_jis", "iso-8859-1"])
def test_a_declared_encoding_is_believed(code: str) -> None:
    name = {"iso-8859-1": "Gar\u00e7on", "euc-kr": "\ub300\ubb38", "shift_jis": "\u5165\u53e3"}.get(
        code, "\u5927\u9580" if code == "big5" else "\u5927\u95e8"
    )
    body = f"<?xml version='1.0' encoding='{code}'?>\n<a><b>{name}</b></a>".encode(code)
    assert text(read_xml(body), "b") == name


def test_a_declared_encoding_that_the_bytes_belie_is_not() -> None:
    body = "<?xml version='1.0' encoding='GB2312'?><a><b>1</b><c>caf\u00e9 &&</c></a>".encode()
    assert text(read_xml(body), "b") == "1"
    assert text(read_xml(body), "c") == "caf\u00e9 &&"


@pytest.mark.parametrize(
    "body", [b"", b"hello", b"<a>", b"<a></b>", b"\xff\xd8\xff\xe0", BOMB, OUTSIDE, b"<a>&nbsp;</b>", b"<a b=1/>"]
)
def test_refuses_what_is_no_document(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_xml(body)


def test_an_attack_is_not_mended() -> None:
    # Mended first, the reference would become plain text and the document type an entity of ours.
    with pytest.raises(Malformed, match="document type"):
        read_xml(BOMB.replace(b"<a>", b"<a>&& "))


def test_json_reads_as_the_same_tree() -> None:
    root = read_json(
        b'{"EventNotificationAlert": {"channelID": 2, "on": true, "off": false, "none": null,'
        b' "list": [{"x": "1"}, {"x": 2.5}], "$": {"version": "2.0"}}}'
    )
    assert name_of(root) == "EventNotificationAlert"
    assert number(root, "channelID") == 2
    assert flag(root, "on") is True
    assert flag(root, "off") is False
    assert text(root, "none") is None
    assert [text(each, "x") for each in children(root, "list")] == ["1", "2.5"]


def test_a_bare_json_object_has_no_name_of_its_own() -> None:
    root = read_json(b'{"eventType": "VMD", "more": {"deep": "1"}}')
    assert name_of(root) == "object"
    assert [each.text for each in descendants(root, "deep")] == ["1"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"eventType": "VMD", "channelName": "caf\xe9"}',
        b'{"eventType": "VMD", "channelName": "a\tb"}',
        b'\xef\xbb\xbf{"eventType": "VMD"}',
        b'{"eventType": "VMD"}\r\n\x00',
    ],
)
def test_a_name_in_json_that_is_not_in_order_costs_no_event(body: bytes) -> None:
    assert text(read_json(body), "eventType") == "VMD"


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"{", b"\xff{}", b'{"a":' * 100_000])
def test_refuses_what_is_no_json_object(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_json(body)


def test_what_nests_too_deep_is_left_out() -> None:
    depth = 60
    root = read_json(b'{"x":' * depth + b"1" + b"}" * depth)
    assert 20 < sum(1 for _ in root.iter()) < depth


@pytest.mark.parametrize(("value", "expected"), [("7", 7), (" 7 ", 7), ("-7", None), ("x", None), ("9" * 12, None)])
def test_whole_numbers(value: str, expected: int | None) -> None:
    assert number(read_xml(f"<a>{value}</a>".encode())) == expected


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("FALSE", False), ("yes", None), ("", None)])
def test_flags(value: str, expected: bool | None) -> None:
    assert flag(read_xml(f"<a>{value}</a>".encode())) is expected


def test_what_is_missing_is_none() -> None:
    root = read_xml(b"<a><b/></a>")
    assert text(root, "b") is None
    assert text(root, "b", "c", "d") is None
    assert text(None, "b") is None
