import pytest

from custom_components.camhub.kernel.errors import Unreachable
from custom_components.camhub.providers.hikvision.address import normalise


@pytest.mark.parametrize(
    ("typed", "origin"),
    [
        ("192.0.2.7", "http://192.0.2.7"),
        (" 192.0.2.7 ", "http://192.0.2.7"),
        ("192.0.2.7:8000", "http://192.0.2.7:8000"),
        ("192.0.2.7:80", "http://192.0.2.7"),
        ("nvr.example", "http://nvr.example"),
        ("NVR.example/doc/page/login.asp?_1", "http://nvr.example"),
        ("http://192.0.2.7/ISAPI/System", "http://192.0.2.7"),
        ("https://192.0.2.7", "https://192.0.2.7"),
        ("HTTPS://192.0.2.7:8443/", "https://192.0.2.7:8443"),
        ("http://http://192.0.2.7", "http://192.0.2.7"),
        ("http://https://192.0.2.7/", "https://192.0.2.7"),
        ("http://admin:se/cret@192.0.2.7/", None),
        ("http://admin:secret@192.0.2.7/", "http://192.0.2.7"),
        ("rtsp://192.0.2.7:554/Streaming/Channels/101", "http://192.0.2.7"),
        ("2001:db8::7", "http://[2001:db8::7]"),
        ("https://[2001:db8::7]:8443", "https://[2001:db8::7]:8443"),
        ("", None),
        ("http://", None),
        ("192.0.2.7:x", None),
        ("192.0.2.7:70000", None),
        ("192.0.2.7:0", None),
        ("two words", None),
    ],
)
def test_normalise(typed: str, origin: str | None) -> None:
    if origin is not None:
        assert str(normalise(typed)) == origin
        return
    with pytest.raises(Unreachable) as caught:
        normalise(typed)
    assert caught.value.reason == "invalid_address"
    assert "secret" not in str(caught.value)
