from dataclasses import replace

from custom_components.camhub.kernel.discovery import Found, FoundBy
from custom_components.camhub.providers.mjpeg.discovery import discover

PI = Found(
    by=FoundBy.ZEROCONF,
    host="192.0.2.7",
    port=8000,
    hostname="garden",
    service="_camhub-pi._tcp",
    name="garden camera",
    facts={"role": "camera", "token": "0"},
)


def test_a_pi_that_announces_itself() -> None:
    device = discover(PI)
    assert device is not None
    assert (device.id, device.title, device.model) == ("garden camera", "garden", "Raspberry Pi")
    assert device.answers == {"address": "http://192.0.2.7:8000/stream.mjpg", "name": "garden"}
    assert device.picture == "http://192.0.2.7:8000/snapshot.jpg"


def test_one_with_a_token_shows_no_picture() -> None:
    device = discover(replace(PI, facts={"token": "1", "path": "/other.mjpg", "model": "Pi Zero"}))
    assert device is not None
    assert (device.picture, device.model) == (None, "Pi Zero")
    assert device.answers["address"] == "http://192.0.2.7:8000/other.mjpg"


def test_others_are_none() -> None:
    others = (
        replace(PI, service="_http._tcp"),
        replace(PI, by=FoundBy.DHCP),
        replace(PI, facts={"role": "store"}),
    )
    assert [discover(found) for found in others] == [None] * 3
