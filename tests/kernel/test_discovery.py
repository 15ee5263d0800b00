import pytest

from custom_components.camhub.kernel.discovery import Discovered, Found, FoundBy, bare_mac, moved, web_address
from custom_components.camhub.kernel.secret import Credentials

KEYS = ("address", "still_address")


@pytest.mark.parametrize(
    ("text", "mac"),
    [
        ("44:19:B6:00:00:01", "4419b6000001"),
        ("4419.b600.0001", "4419b6000001"),
        ("44-19-b6-00-00-01", "4419b6000001"),
        ("4419b600000", None),
        ("44:19:b6:00:00:0g", None),
        ("", None),
    ],
)
def test_macs_in_one_form(text: str, mac: str | None) -> None:
    assert bare_mac(text) == mac


@pytest.mark.parametrize(
    ("host", "port", "path", "address"),
    [
        ("192.0.2.7", None, "", "http://192.0.2.7"),
        ("192.0.2.7", 80, "", "http://192.0.2.7"),
        ("192.0.2.7", 443, "", "https://192.0.2.7"),
        ("192.0.2.7", 8000, "stream.mjpg", "http://192.0.2.7:8000/stream.mjpg"),
        ("2001:db8::7", 8000, "/s", "http://[2001:db8::7]:8000/s"),
    ],
)
def test_addresses(host: str, port: int | None, path: str, address: str) -> None:
    assert web_address(host, port, path) == address


def test_a_device_that_moved_is_followed_with_all_its_addresses() -> None:
    known = Credentials({"address": "http://192.0.2.7:8080/s", "still_address": "http://192.0.2.7/p", "password": "x"})
    assert moved(known, KEYS, "192.0.2.9") == {
        "address": "http://192.0.2.9:8080/s",
        "still_address": "http://192.0.2.9/p",
    }


@pytest.mark.parametrize(
    "address",
    ["http://192.0.2.9", "http://camera.example.com", "", "http://[", "rtsp:// no"],
    ids=["same", "name", "none", "broken", "space"],
)
def test_what_need_not_be_followed(address: str) -> None:
    assert moved(Credentials({"address": address}), KEYS, "192.0.2.9") == {}


def test_an_address_elsewhere_stays() -> None:
    known = Credentials({"address": "http://192.0.2.7", "still_address": "http://192.0.2.8/p"})
    assert moved(known, KEYS, "192.0.2.9") == {"address": "http://192.0.2.9"}
    assert moved(known, (), "192.0.2.9") == {}


def test_addresses_are_not_printed() -> None:
    found = Found(by=FoundBy.DHCP, host="192.0.2.7", facts={"presentationURL": "http://192.0.2.7"})
    device = Discovered(id="x", title="X", answers={"address": "http://192.0.2.7"}, picture="http://192.0.2.7/p")
    assert "192.0.2.7" not in f"{found!r}{device!r}"
