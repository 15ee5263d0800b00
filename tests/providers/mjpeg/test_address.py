import pytest
from yarl import URL

from custom_components.camhub.kernel.errors import Unsupported
from custom_components.camhub.kernel.secret import Secret
from custom_components.camhub.providers.mjpeg.address import origin_of, port_of, read, shown, with_login
from custom_components.camhub.providers.mjpeg.candidates import known_still, rtsp_streams, streams


@pytest.mark.parametrize(
    ("text", "url", "bare", "port_given"),
    [
        ("192.0.2.7", "http://192.0.2.7", True, False),
        (" cam.example ", "http://cam.example", True, False),
        ("cam.example:8080", "http://cam.example:8080", True, True),
        ("[2001:db8::7]:8080", "http://[2001:db8::7]:8080", True, True),
        ("2001:db8::7", "http://[2001:db8::7]", True, False),
        (" fe80::7%eth0 ", "http://[fe80::7%eth0]", True, False),
        ("cam.example:80", "http://cam.example", True, True),
        ("rtsp://cam.example:554/a", "rtsp://cam.example/a", False, True),
        ("https://cam.example", "https://cam.example", True, True),
        ("cam.example/mjpeg", "http://cam.example/mjpeg", False, False),
        ("http://cam.example/?action=stream", "http://cam.example/?action=stream", False, False),
        ("HTTP://Cam.Example/Video.cgi#top", "http://cam.example/Video.cgi", False, False),
        ("rtsp://cam.example", "rtsp://cam.example", True, False),
        ("rtsp://cam.example:8554/a/b?c=1&d=2", "rtsp://cam.example:8554/a/b?c=1&d=2", False, True),
    ],
)
def test_reads_what_people_type(text: str, url: str, bare: bool, port_given: bool) -> None:
    typed = read(text)
    assert str(typed.url) == url
    assert (typed.bare, typed.port_given) == (bare, port_given)
    assert typed.rtsp == url.startswith("rtsp")
    assert (typed.username, typed.password) == ("", Secret(""))


@pytest.mark.parametrize(
    "text",
    ["", "ftp://cam.example/", "file:///etc/passwd", "http://", "http://cam.example:many/", "http://[::1/", "a b"],
)
def test_refuses_the_rest(text: str) -> None:
    with pytest.raises(Unsupported) as failed:
        read(text)
    assert failed.value.reason == "unsupported_address"


def test_takes_the_login_out() -> None:
    typed = read("http://viewer:p%40ss@cam.example/mjpeg?user=x&pwd=y&size=2")
    assert str(typed.url) == "http://cam.example/mjpeg?user=x&pwd=y&size=2"
    assert (typed.username, typed.password.reveal()) == ("viewer", "p@ss")
    assert "p@ss" not in repr(typed)
    assert shown(typed.url) == "http://cam.example/mjpeg?size=2"
    assert shown(URL("http://cam.example/a?PWD=y")) == "http://cam.example/a"
    told = "-usr=a&-pwd=b&_username=c&_signature=d&access_token=e&api_key=f&authToken=g&session=h&pw=i&StmKey=j"
    assert shown(URL(f"http://cam.example/a?{told}&-chn=11&src=porch")) == "http://cam.example/a?-chn=11&src=porch"


def test_ports_and_origins() -> None:
    assert port_of(URL("rtsp://cam.example/x")) == 554
    assert port_of(URL("https://cam.example/x")) == 443
    assert origin_of(URL("rtsp://cam.example/x?pwd=1")) == "rtsp://cam.example:554"
    assert origin_of(URL("http://[2001:db8::7]:81/x")) == "http://[2001:db8::7]:81"


def test_puts_the_login_back_for_players() -> None:
    url = URL("rtsp://cam.example/live")
    assert with_login(url, "", Secret("")) == "rtsp://cam.example/live"
    assert with_login(url, "a b", Secret("c:d@/%")) == "rtsp://a%20b:c%3Ad%40%2F%25@cam.example/live"


def test_known_streams_of_a_host() -> None:
    found = [str(each.url) for each in streams(URL("http://cam.example/"), port_given=False)]
    for wanted in (
        "http://cam.example:8000/stream.mjpg",
        "http://cam.example/mjpeg",
        "http://cam.example/video.cgi",
        "http://cam.example/axis-cgi/mjpg/video.cgi",
        "http://cam.example:8080/stream",
        "http://cam.example:8080/?action=stream",
        "http://cam.example:81/stream",
        "http://cam.example/webcam/?action=stream",
        "http://cam.example:8080/",
        "http://cam.example:8081/",
    ):
        assert wanted in found
    stills = {str(each.url): str(each.still) for each in streams(URL("http://cam.example/"), port_given=False)}
    assert stills["http://cam.example:8080/stream"] == "http://cam.example:8080/snapshot"
    assert stills["http://cam.example:81/stream"] == "http://cam.example/capture"
    assert stills["http://cam.example:8080/"] == "http://cam.example:8081/"
    assert stills["http://cam.example:8081/"] == "None"


def test_known_streams_on_the_port_that_was_given() -> None:
    found = streams(URL("http://cam.example:9000/"), port_given=True)
    assert {each.url.port for each in found} == {9000}
    assert len({each.url for each in found}) == len(found)
    assert found[0].url.path == "/stream.mjpg"
    assert found[1].still == URL("http://cam.example:9000/snapshot")


def test_the_single_picture_beside_a_known_stream() -> None:
    assert known_still(URL("http://cam.example:9000/?action=stream")) == URL("http://cam.example:9000/?action=snapshot")
    assert known_still(URL("http://cam.example:81/stream")) == URL("http://cam.example/capture")
    assert known_still(URL("http://cam.example/other")) is None


def test_known_rtsp_addresses() -> None:
    found = [str(url) for url in rtsp_streams(URL("rtsp://cam.example:8554"))]
    assert found[:2] == [
        "rtsp://cam.example:8554/Streaming/Channels/101",
        "rtsp://cam.example:8554/cam/realmonitor?channel=1&subtype=0",
    ]
