"""What the manifest has Home Assistant look for is known to exactly one provider."""

import json
from pathlib import Path
from typing import Any

import pytest

import custom_components.camhub
from custom_components.camhub.kernel.discovery import Found, FoundBy
from custom_components.camhub.providers import PROVIDERS, load

MANIFEST: Any = json.loads((Path(custom_components.camhub.__file__).parent / "manifest.json").read_text())


def sightings() -> list[Found]:
    """Return a device for each matcher, as one that matches would look."""
    seen: list[Found] = []
    for matcher in MANIFEST["dhcp"]:
        if "registered_devices" not in matcher:
            mac = matcher.get("macaddress", "020000*").rstrip("*").lower() + "000001"
            hostname = matcher.get("hostname", "x").replace("*", "-1")
            seen.append(Found(by=FoundBy.DHCP, host="192.0.2.7", mac=mac, hostname=hostname))
    seen += [
        Found(by=FoundBy.SSDP, host="192.0.2.7", facts={**matcher, "serialNumber": "S1"})
        for matcher in MANIFEST["ssdp"]
    ]
    for matcher in MANIFEST["zeroconf"]:
        one = {"type": matcher, "name": "x"} if isinstance(matcher, str) else matcher
        service, name = one["type"].removesuffix(".local."), one["name"].replace("*", "1")
        seen.append(Found(by=FoundBy.ZEROCONF, host="192.0.2.7", port=80, service=service, name=name))
    return seen


@pytest.mark.parametrize("found", sightings(), ids=lambda found: f"{found.by}-{found.mac or found.name}")
def test_a_match_is_known_to_one_provider(found: Found) -> None:
    specs = [load(key) for key in PROVIDERS]
    knowing = [spec for spec in specs if spec.discover is not None and spec.discover(found) is not None]
    assert len(knowing) == 1
    device = knowing[0].discover(found) if knowing[0].discover else None
    assert device is not None
    assert device.cloud is (knowing[0].cloud is not None)
    assert device.cloud or device.answers[knowing[0].addresses[0]]


def test_a_stranger_is_known_to_nobody() -> None:
    found = Found(by=FoundBy.ZEROCONF, host="192.0.2.7", name="Printer", service="_ipp._tcp")
    specs = [load(key) for key in PROVIDERS]
    assert not [spec.key for spec in specs if spec.discover is not None and spec.discover(found) is not None]
