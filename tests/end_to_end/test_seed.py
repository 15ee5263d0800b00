"""What the user's own description of the stream addresses asks to be tried, and their limits in a crowd."""

from http import HTTPStatus
from typing import Any, Final

import pytest

from .background import Background
from .house import House
from .person import Answer, Person

FORMATS: Final = {
    "": "application/vnd.apple.mpegurl",
    "?format=hls": "application/vnd.apple.mpegurl",
    "?format=mjpeg": "multipart/x-mixed-replace",
    "?format=webrtc": "application/json",
    "?format=snapshot": "image/jpeg",
}


@pytest.fixture
def hidden(house: House) -> tuple[str, ...]:
    """Return what no answer may hold: where the cameras' servers are, their logins and sessions."""
    servers = (house.frigate.url, house.second.url)
    addresses = [url.removeprefix("http://") for url in servers]
    return (*addresses, str(house.restream.port), "example-password", "frigate_token", "session1", "rtsp:")


def keeps(answer: Answer, hidden: tuple[str, ...]) -> None:
    told = f"{answer.text}\n{answer.headers}"
    assert [secret for secret in hidden if secret in told] == []


def test_1_without_a_login(background: Background, house: House) -> None:
    for who in (Person(house.admin.url), Person(house.admin.url, token="made.up.token")):
        answer = background.run(who.ask(house.path("orchard") + "?format=hls"))
        assert answer.status == HTTPStatus.UNAUTHORIZED


def test_2_a_camera_that_is_not_there(background: Background, house: House) -> None:
    unknown = house.streams["orchard"]["url"].replace("~orchard", "~nonexistent_cam")
    answer = background.run(house.people["allowed"].ask(f"{unknown}?format=hls"))
    assert (answer.status, answer.json["error"]) == (HTTPStatus.FORBIDDEN, "Forbidden")
    wrong = background.run(house.people["allowed"].ask(house.path("orchard") + "?format=invalid"))
    assert wrong.status == HTTPStatus.BAD_REQUEST
    assert "hls, mjpeg, webrtc, snapshot" in wrong.json["message"]


def test_3_a_login_and_a_camera(background: Background, house: House, hidden: tuple[str, ...]) -> None:
    path = house.path("orchard", "snapshot")

    async def down(state: bool) -> None:
        house.frigate.faults.offline = {"orchard", "stable"} if state else set()
        target = {"entity_id": [house.entity("orchard")]}
        await house.admin.command("call_service", domain="homeassistant", service="update_entity", target=target)

    async def status_is(status: HTTPStatus, asked: str = path.replace("snapshot", "mjpeg")) -> None:
        async def now() -> bool:
            return (await house.people["allowed"].ask(asked, most=1)).status == status

        await house.until(now)

    answer = background.run(house.people["allowed"].ask(path))
    assert (answer.status, answer.type) == (HTTPStatus.OK, "image/jpeg")
    keeps(answer, hidden)
    try:
        background.run(down(state=True))
        background.run(status_is(HTTPStatus.SERVICE_UNAVAILABLE))
    finally:
        background.run(down(state=False))
    background.run(status_is(HTTPStatus.OK))
    # One that was being taken when the camera went is tried again some seconds later.
    background.run(status_is(HTTPStatus.OK, path))


@pytest.mark.parametrize(
    ("who", "mine", "theirs"), [("allowed", "orchard", "stable"), ("elsewhere", "stable", "orchard")]
)
def test_4_each_sees_their_own(background: Background, house: House, who: str, mine: str, theirs: str) -> None:
    asked = [f"{house.path(name)}?format=snapshot" for name in (mine, theirs)]
    statuses = [background.run(house.people[who].ask(path)).status for path in asked]
    assert statuses == [HTTPStatus.OK, HTTPStatus.FORBIDDEN]


@pytest.mark.parametrize("camera", ["orchard", "attic"])
@pytest.mark.parametrize("query", FORMATS)
def test_5_each_format(background: Background, house: House, hidden: tuple[str, ...], camera: str, query: str) -> None:
    answer = background.run(house.people["allowed"].ask(house.path(camera) + query))
    assert (answer.status, answer.type) == (HTTPStatus.OK, FORMATS[query])
    keeps(answer, hidden)


@pytest.mark.parametrize("camera", ["orchard", "attic"])
def test_playlists_lead_to_our_own_paths_only(
    background: Background, house: House, hidden: tuple[str, ...], camera: str
) -> None:
    """From the first playlist to the bytes of a segment, without a login on the way."""

    async def walk() -> tuple[list[Answer], Answer]:
        playlists = [await house.people["allowed"].ask(house.path(camera, "hls"))]
        player = Person(house.admin.url)
        while True:
            lines = [line for line in playlists[-1].text.splitlines() if line and not line.startswith("#")]
            assert all(line.startswith(house.path(camera, "hls", "")) for line in lines)
            answer = await player.ask(lines[-1])
            if answer.type != "application/vnd.apple.mpegurl":
                return playlists, answer
            playlists.append(answer)

    playlists, segment = background.run(walk())
    for answer in (*playlists, segment):
        assert answer.status == HTTPStatus.OK
        keeps(answer, hidden)
    assert len(playlists) == 2
    assert segment.body


def test_a_recording_whole_and_in_parts(background: Background, house: House, hidden: tuple[str, ...]) -> None:
    who = house.people["allowed"]
    listed = background.run(who.ask(house.path("orchard", "recordings")))
    # The size of one that may still go on is not known.
    row: dict[str, Any] = next(each for each in listed.json if each["end"] and each["kind"])
    assert {"id", "start", "end", "url"} <= row.keys()
    whole = background.run(who.ask(row["url"], most=2**20))
    assert (whole.status, whole.body[4:8]) == (HTTPStatus.OK, b"ftyp")
    part = background.run(who.ask(row["url"], headers={"Range": "bytes=4-7"}))
    assert (part.status, part.body) == (HTTPStatus.PARTIAL_CONTENT, b"ftyp")
    assert part.headers["Content-Range"] == f"bytes 4-7/{len(whole.body)}"
    for answer in (listed, whole, part):
        keeps(answer, hidden)
