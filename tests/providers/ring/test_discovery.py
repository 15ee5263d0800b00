from custom_components.camhub.kernel.discovery import Found, FoundBy
from custom_components.camhub.providers.ring.discovery import discover


def test_a_doorbell_that_asks_for_an_address_is_added_with_the_account() -> None:
    device = discover(Found(by=FoundBy.DHCP, host="192.0.2.7", mac="0cae7d000001", hostname="ring-000001"))
    assert device is not None
    assert (device.id, device.mac, device.cloud, device.answers) == ("0cae7d000001", "0cae7d000001", True, {})


def test_others_are_none() -> None:
    others = (
        Found(by=FoundBy.DHCP, host="192.0.2.7", mac="0cae7d000001", hostname="other"),
        Found(by=FoundBy.DHCP, host="192.0.2.7", mac="020000000001", hostname="ring-000001"),
        Found(by=FoundBy.DHCP, host="192.0.2.7", hostname="ring-000001"),
        Found(by=FoundBy.ZEROCONF, host="192.0.2.7", mac="0cae7d000001", hostname="ring-000001"),
    )
    assert [discover(found) for found in others] == [None] * 4
