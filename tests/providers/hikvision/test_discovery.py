from custom_components.camhub.kernel.discovery import Found, FoundBy
from custom_components.camhub.providers.hikvision.discovery import discover

UPNP = {
    "manufacturer": "HIKVISION",
    "modelName": "DS-2CD0000-I",
    "serialNumber": "DS-2CD0000-I20260101AAWR000000001",
    "UDN": "uuid:4d454930-0000-1000-8000-4419b6000001",
}


def test_a_device_that_asks_for_an_address() -> None:
    found = Found(by=FoundBy.DHCP, host="192.0.2.7", mac="4419b6000001", hostname="ds-2cd0000")
    device = discover(found)
    assert device is not None
    assert (device.id, device.title, device.mac) == ("4419b6000001", "HikVision", "4419b6000001")
    assert device.answers == {"address": "http://192.0.2.7"}


def test_a_device_that_announces_itself_is_the_same_one() -> None:
    device = discover(Found(by=FoundBy.SSDP, host="192.0.2.7", port=80, facts=UPNP))
    assert device is not None
    assert (device.id, device.title, device.model) == ("4419b6000001", "HikVision DS-2CD0000-I", "DS-2CD0000-I")
    assert device.serial == UPNP["serialNumber"]


def test_a_device_whose_name_holds_no_mac_goes_by_its_serial_number() -> None:
    facts = {**UPNP, "UDN": "uuid:4d454930-0000-1000-8000-aaaaaaaaaaaa", "modelName": ""}
    device = discover(Found(by=FoundBy.SSDP, host="192.0.2.7", port=8080, facts=facts))
    assert device is not None
    assert (device.id, device.mac, device.title) == (UPNP["serialNumber"], None, "HikVision")
    assert device.answers == {"address": "http://192.0.2.7:8080"}
    assert discover(Found(by=FoundBy.SSDP, host="192.0.2.7", facts={"manufacturer": "Hikvision"})) is None


def test_others_are_none() -> None:
    others = (
        Found(by=FoundBy.DHCP, host="192.0.2.7", mac="020000000001"),
        Found(by=FoundBy.DHCP, host="192.0.2.7"),
        Found(by=FoundBy.SSDP, host="192.0.2.7", facts={**UPNP, "manufacturer": "Example"}),
        Found(by=FoundBy.ZEROCONF, host="192.0.2.7", facts=UPNP),
    )
    assert [discover(found) for found in others] == [None] * 4
