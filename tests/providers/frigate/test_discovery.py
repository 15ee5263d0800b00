from custom_components.camhub.kernel.discovery import Found, FoundBy
from custom_components.camhub.providers.frigate.discovery import discover


def test_a_machine_of_that_name() -> None:
    device = discover(Found(by=FoundBy.DHCP, host="192.0.2.7", mac="020000000001", hostname="frigate-lxc"))
    assert device is not None
    # No port: the sign-in tries those there are.
    assert (device.id, device.answers) == ("020000000001", {"address": "192.0.2.7"})
    nameless = discover(Found(by=FoundBy.DHCP, host="192.0.2.7", hostname="frigate"))
    assert nameless is not None
    assert nameless.id == "frigate"


def test_a_web_page_that_somebody_announces() -> None:
    found = Found(by=FoundBy.ZEROCONF, host="192.0.2.7", port=8971, service="_http._tcp", name="Frigate NVR")
    device = discover(found)
    assert device is not None
    assert (device.id, device.answers) == ("frigate nvr", {"address": "http://192.0.2.7:8971"})


def test_others_are_none() -> None:
    others = (
        Found(by=FoundBy.DHCP, host="192.0.2.7", hostname="printer"),
        Found(by=FoundBy.ZEROCONF, host="192.0.2.7", name="Printer"),
        Found(by=FoundBy.SSDP, host="192.0.2.7", name="frigate"),
    )
    assert [discover(found) for found in others] == [None] * 3
