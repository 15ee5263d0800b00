import socket

import pytest
from yarl import URL

from custom_components.camhub.kernel.addresses import checked, forbidden, look_up, looked_up, parsed
from custom_components.camhub.kernel.errors import Unsupported
from simulators.names import Names


@pytest.mark.parametrize("text", ["http://camera.example.com:8080/x?y=z", "rtsp://[2001:db8::1]/live", "camera", ""])
def test_what_can_be_used(text: str) -> None:
    assert parsed(text) == URL(text)


@pytest.mark.parametrize(
    "text",
    ["http://camera:port/", "http://[::1", "//[]@", "http://\N{REPLACEMENT CHARACTER}\x80xn--a/", "http://a:99999"],
)
def test_what_cannot(text: str) -> None:
    assert parsed(text, encoded=True) is None


@pytest.mark.parametrize(
    "host",
    [
        *(
            "169.254.169.254",
            "169.254.170.2",
            "100.100.100.200",
            "fd00:ec2::254",
            "FD00:EC2:0:0::254",
            "fd00:ec2::254%1",
        ),
        # The same, as resolvers read it.
        *("64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"),
        *("::ffff:169.254.169.254", "0xa9fea9fe", "2852039166", "169.254.43518", "0251.0376.0251.0376"),
        *("metadata.google.internal", "Metadata.Google.Internal.", "metadata.goog"),
    ],
)
def test_where_clouds_keep_passwords_nobody_is_led(host: str) -> None:
    assert forbidden(host)
    with pytest.raises(Unsupported) as refused:
        checked(URL.build(scheme="http", host=host))
    assert refused.value.reason == "address_forbidden"
    assert host not in str(refused.value)


@pytest.mark.parametrize(
    "host",
    ["192.168.1.2", "10.0.0.1", "127.0.0.1", "169.254.1.7", "fe80::1%eth0", "camera.example.com", "metadata", ""],
)
def test_all_other_places_are_the_users_business(host: str) -> None:
    assert not forbidden(host)
    assert checked(URL.build(scheme="http", host=host) if host else URL("/")).host == (host or None)


@pytest.fixture
def led(monkeypatch: pytest.MonkeyPatch) -> None:
    places = {
        "rebound.example.com": "169.254.169.254",
        "six.example.com": "fd00:ec2::254",
        "yard.example.com": "127.0.0.1",
    }
    names = Names({name: (place, 80) for name, place in places.items()} | {"nowhere.example.com": ("", 0)})
    monkeypatch.setattr(socket, "getaddrinfo", names.led(socket.getaddrinfo))


@pytest.mark.usefixtures("led")
@pytest.mark.parametrize(
    "text", ["http://169.254.169.254/latest", "ws://rebound.example.com:9222/x", "rtsp://u:p@six.example.com/live"]
)
async def test_no_name_leads_there_either(text: str) -> None:
    for refused in (look_up, None):
        with pytest.raises(Unsupported) as caught:
            look_up(text) if refused else await looked_up(text)
        assert caught.value.reason == "address_forbidden"
        assert "example.com" not in str(caught.value)


@pytest.mark.usefixtures("led")
@pytest.mark.parametrize(
    "text", ["http://yard.example.com/", "http://nowhere.example.com/", "http://192.0.2.4:80", "http://[", "", "a path"]
)
async def test_what_leads_elsewhere_or_nowhere_is_left_to_who_uses_it(text: str) -> None:
    assert await looked_up(text) == text
