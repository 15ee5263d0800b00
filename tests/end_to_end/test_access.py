"""Who gets what: four people at every route of ours and of Home Assistant's own, in the real process."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
import json
import logging
from pathlib import Path
import re
from statistics import median
import time
from typing import Any, Final

import pytest

from tests.webrtc_viewer import Viewer

from .background import Background
from .house import PEOPLE, House
from .person import Answer, CommandError, Person

LOGGER: Final = logging.getLogger(__name__)
CAMERA: Final = "orchard"
BY_DASHBOARD: Final = "attic"
UNKNOWN: Final = "01AAAAAAAAAAAAAAAAAAAAAAAA~camera"
# Held to the registered routes by tests/hub/test_openapi.py; the picture of a dialog is no public address.
DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "openapi.json"
PREVIEW: Final = "GET preview/{flow_id}"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})

type Asking = Callable[[House, Person], Coroutine[Any, Any, int | str]]


# ours


def ours(*parts: str, query: str = "", method: str = "GET") -> Asking:
    async def ask(house: House, who: Person) -> int:
        return (await who.ask(house.path(CAMERA, *parts) + query, method)).status

    return ask


async def the_list(house: House, who: Person) -> str:
    listed = (await who.ask("/api/camhub/streams")).json["streams"]
    return "listed" if CAMERA in {row["camera_key"].partition("~")[2] for row in listed} else "left out"


def offering(*parts: str, query: str = "") -> Asking:
    async def ask(house: House, who: Person) -> int:
        async with Viewer() as viewer:
            offer = {"sdp": await viewer.offer()}
            return (await who.ask(house.path(CAMERA, *parts) + query, "POST", json=offer)).status

    return ask


async def hls_file(house: House, who: Person) -> int:
    _, segment = await playlist_and_segment(house, house.admin)
    return (await who.ask(segment.partition("?")[0])).status


async def session_of_another(house: House, who: Person) -> int:
    async with Viewer() as viewer:
        body = {"sdp": await viewer.offer()}
        session = (await house.admin.ask(house.path(CAMERA, "webrtc"), "POST", json=body)).json["session"]
        status = (await who.ask(session, "POST")).status
        await house.admin.ask(session, "DELETE")
        return status


async def recording_id(house: House) -> str:
    listed = (await house.admin.ask(house.path(CAMERA, "recordings"))).json
    # What was seen has a picture whatever the time; what is recorded all along is shorter here than a frame of it.
    return str(next(each["id"] for each in listed if each["end"] and each["kind"]))


def recording(headers: dict[str, str], *below: str) -> Asking:
    async def ask(house: House, who: Person) -> int:
        path = house.path(CAMERA, "recordings", await recording_id(house), *below)
        return (await who.ask(path, headers=headers)).status

    return ask


async def picture_of_an_alert(house: House, who: Person) -> int:
    link = await acted(house, house.admin, "picture_link", {"picture": "now"})
    return (await who.ask(link[house.entity(CAMERA)]["picture"].partition("?")[0])).status


async def preview(house: House, who: Person) -> int:
    return (await who.ask("/api/camhub/preview/none")).status


def documented() -> dict[str, set[str]]:
    """Return the methods of each path, without what all have in common."""
    paths: dict[str, Any] = json.loads(DOCUMENT.read_text())["paths"]
    short = {path.removeprefix("/api/camhub/").replace("streams/{camera_key}", "<key>"): path for path in paths}
    return {name: {each.upper() for each in paths[path]} & METHODS for name, path in short.items()}


async def heads(house: House, who: Person) -> str:
    """Ask for the head of everything that there is of a camera."""
    below = [name.removeprefix("<key>/") for name, methods in documented().items() if "HEAD" in methods and "/" in name]
    fill = {"file": "none.m3u8", "recording": await recording_id(house), "picture": "none"}
    statuses = {(await who.ask(house.path(CAMERA, *each.format(**fill).split("/")), "HEAD")).status for each in below}
    assert statuses == {403} or 403 not in statuses
    return "refused" if statuses == {403} else "answered"


# actions


async def acted(house: House, who: Person, action: str, data: Mapping[str, Any], *, camera: bool = True) -> Any:
    """Call an action as its description wants it; raises CommandError."""
    fields: dict[str, Any] = {"domain": "camhub", "service": action, "service_data": dict(data)}
    if camera:
        fields["target"] = {"entity_id": house.entity(CAMERA)}
    if "response" in (await actions(house))[action]:
        fields["return_response"] = True
    return (await who.command("call_service", **fields))["response"]


async def actions(house: House) -> dict[str, Any]:
    """Return what there is to call."""
    domains = (await house.admin.ask("/api/services", most=2**22)).json
    found: dict[str, Any] = next(each["services"] for each in domains if each["domain"] == "camhub")
    return found


def acting(action: str, /, *, camera: bool = True, **data: Any) -> Asking:
    """Return whether an action is refused; whoever may call it can still hear that there is nothing of the kind."""

    async def ask(house: House, who: Person) -> str:
        try:
            await acted(house, who, action, data, camera=camera)
        except CommandError as error:
            return "refused" if str(error) == "Unauthorized" or error.key == "not_yours" else "answered"
        return "answered"

    return ask


async def dashboard(house: House, who: Person) -> str:
    try:
        pages = await acted(house, who, "dashboard", {}, camera=False)
    except CommandError as error:
        return "left out" if error.key == "no_camera_to_show" else str(error)
    return "shown" if house.entity(CAMERA) in json.dumps(pages) else "left out"


# Home Assistant's own


def proxied(kind: str, query: str = "", ending: str = "") -> Asking:
    async def ask(house: House, who: Person) -> int:
        return (await who.ask(f"/api/{kind}_proxy{ending}/{kind}.{CAMERA}{query}", most=1)).status

    return ask


def commanding(kind: str, **fields: str) -> Asking:
    async def ask(house: House, who: Person) -> str:
        filled = {name: value.format(media=house.media(CAMERA)) for name, value in fields.items()}
        return await outcome(who.command(kind, **filled))

    return ask


async def resolving_a_recording(house: House, who: Person) -> str:
    clip = await newest_clip(house, house.media(CAMERA))
    return await outcome(who.command("media_source/resolve_media", media_content_id=clip))


async def newest_clip(house: House, folder: str) -> str:
    """Return a clip of the newest day that has one."""
    for day in (await house.admin.command("media_source/browse_media", media_content_id=folder))["children"]:
        shown = await house.admin.command("media_source/browse_media", media_content_id=day["media_content_id"])
        if shown["children"]:
            return str(shown["children"][0]["media_content_id"])
    raise AssertionError("nothing was recorded")


async def dashboard_offer(house: House, who: Person) -> str:
    async with Viewer() as viewer:
        return str((await who.offer(house.entity(BY_DASHBOARD), await viewer.offer()))["type"])


async def taking_a_picture(house: House, who: Person) -> str:
    fields = {"domain": "camhub", "service": "refresh_snapshot", "target": {"entity_id": house.entity(CAMERA)}}
    return await outcome(who.command("call_service", **fields))


async def putting_aside(house: House, who: Person) -> str:
    now = datetime.now(UTC)
    span = {"start": (now - timedelta(hours=1)).isoformat(), "end": now.isoformat()}
    target = {"entity_id": house.entity(CAMERA)}
    return await outcome(
        who.command("call_service", domain="camhub", service="export_clip", service_data=span, target=target)
    )


async def outcome(asked: Awaitable[object]) -> str:
    """Return how a command ended, in a word."""
    try:
        await asked
    except CommandError:
        return "refused"
    return "done"


# What each of the four gets; `elsewhere` may read every entity, but is not among the viewers of this camera.
TABLE: Final[dict[str, tuple[Asking, int | str, int | str, int | str, int | str]]] = {
    #                                                                 admin       allowed     elsewhere   nothing
    "GET streams": (the_list, "listed", "listed", "left out", "left out"),
    "GET <key>": (ours(), 200, 200, 403, 403),
    "HEAD of everything": (heads, "answered", "answered", "refused", "refused"),
    "GET <key>?format=hls": (ours(query="?format=hls"), 200, 200, 403, 403),
    "GET <key>?format=mjpeg": (ours(query="?format=mjpeg"), 200, 200, 403, 403),
    "GET <key>?format=webrtc": (ours(query="?format=webrtc"), 200, 200, 403, 403),
    "GET <key>?format=snapshot": (ours(query="?format=snapshot"), 200, 200, 403, 403),
    "HEAD <key>": (ours(method="HEAD"), 200, 200, 403, 403),
    "POST <key>?format=webrtc": (offering(query="?format=webrtc"), 200, 200, 403, 403),
    "GET <key>/hls": (ours("hls"), 200, 200, 403, 403),
    "GET <key>/hls/{file}": (hls_file, 200, 200, 403, 403),
    "GET <key>/mjpeg": (ours("mjpeg"), 200, 200, 403, 403),
    "GET <key>/webrtc": (ours("webrtc"), 200, 200, 403, 403),
    "POST <key>/webrtc": (offering("webrtc"), 200, 200, 403, 403),
    "POST <key>/webrtc/{session}, of admin": (session_of_another, 200, 404, 403, 403),
    "DELETE <key>/webrtc/{session}, of nobody": (ours("webrtc", "none", method="DELETE"), 404, 404, 403, 403),
    "GET <key>/snapshot": (ours("snapshot"), 200, 200, 403, 403),
    "GET <key>/stats": (ours("stats"), 200, 200, 403, 403),
    "GET <key>/recordings": (ours("recordings"), 200, 200, 403, 403),
    "GET <key>/recordings/{recording}": (recording({}), 200, 200, 403, 403),
    "GET <key>/recordings/{recording}, Range": (recording({"Range": "bytes=4-11"}), 206, 206, 403, 403),
    "GET <key>/recordings/{recording}/thumbnail": (recording({}, "thumbnail"), 200, 200, 403, 403),
    "GET <key>/pictures/{picture}": (picture_of_an_alert, 200, 200, 403, 403),
    "camera_proxy": (proxied("camera"), 200, 200, 403, 403),
    "camera_proxy, small": (proxied("camera", "?width=160&height=90"), 200, 200, 403, 403),
    "camera_proxy_stream": (proxied("camera", ending="_stream"), 200, 200, 403, 403),
    "camera_proxy_stream, stills": (proxied("camera", "?interval=1", "_stream"), 200, 200, 403, 403),
    "image_proxy": (proxied("image", "_last_event"), 200, 200, 403, 403),
    "camera/stream": (commanding("camera/stream", entity_id=f"camera.{CAMERA}"), "done", "done", "refused", "refused"),
    "camera/webrtc/offer": (dashboard_offer, "answer", "answer", "error", "error"),
    "browse recordings": (
        commanding("media_source/browse_media", media_content_id="{media}"),
        *("done", "done", "refused", "refused"),
    ),
    "resolve a recording": (resolving_a_recording, "done", "done", "refused", "refused"),
    "resolve the camera": (
        commanding("media_source/resolve_media", media_content_id=f"media-source://camera/camera.{CAMERA}"),
        *("done", "done", "refused", "refused"),
    ),
    PREVIEW: (preview, 404, 403, 403, 403),
    "camhub.refresh_snapshot": (taking_a_picture, "done", "done", "refused", "refused"),
    "camhub.export_clip": (putting_aside, "done", "done", "refused", "refused"),
    "camhub.record": (acting("record", action="stop"), "answered", "answered", "refused", "refused"),
    "camhub.clip_link": (acting("clip_link"), "answered", "answered", "refused", "refused"),
    "camhub.picture_link": (acting("picture_link"), "answered", "answered", "refused", "refused"),
    "camhub.send_test_alert": (
        acting("send_test_alert", notifier="notify.nobody"),
        *("answered", "answered", "refused", "refused"),
    ),
    "camhub.why_dark": (acting("why_dark"), "answered", "answered", "refused", "refused"),
    "camhub.dashboard": (dashboard, "shown", "shown", "left out", "left out"),
    "camhub.status": (acting("status", camera=False), "answered", "refused", "refused", "refused"),
    "camhub.retry_clips": (acting("retry_clips", camera=False), "answered", "refused", "refused", "refused"),
    "camhub.rotate_key": (acting("rotate_key", camera=False), "answered", "refused", "refused", "refused"),
    "camhub.update_credentials": (
        acting("update_credentials", camera=False, config_entry_id="none"),
        *("answered", "refused", "refused", "refused"),
    ),
    "camhub.verify_credentials": (
        acting("verify_credentials", camera=False, config_entry_id="none"),
        *("answered", "refused", "refused", "refused"),
    ),
}


def test_every_route_has_a_row() -> None:
    """Document and registered routes are held to each other elsewhere, so that a new one cannot be forgotten."""
    rows = {re.split(r"[,?]", name)[0] for name in TABLE if name.partition(" ")[0] in METHODS}
    wanted = {f"{method} {path}" for path, methods in documented().items() for method in methods - {"HEAD"}}
    assert rows - {"HEAD <key>", "HEAD of everything"} == wanted | {PREVIEW}


def test_every_action_has_a_row(background: Background, house: House) -> None:
    rows = {name.removeprefix("camhub.") for name in TABLE if name.startswith("camhub.")}
    assert rows == background.run(actions(house)).keys()


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("route", TABLE)
def test_who_gets_what(background: Background, house: House, route: str, who: str) -> None:
    asking, *expected = TABLE[route]
    assert background.run(asking(house, house.people[who])) == expected[PEOPLE.index(who)]


@pytest.mark.parametrize("path", ["", "/hls", "/mjpeg", "/webrtc", "/snapshot", "/stats", "/recordings"])
def test_nobody_without_a_login(background: Background, house: House, path: str) -> None:
    answer = background.run(Person(house.admin.url).ask(house.path(CAMERA) + path))
    assert answer.status == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize(("who", "sees"), [("allowed", 403), ("elsewhere", 200), ("nothing", 403)])
def test_another_camera_has_other_viewers(background: Background, house: House, who: str, sees: int) -> None:
    assert background.run(house.people[who].ask(house.path("stable", "snapshot"))).status == sees


async def playlist_and_segment(house: House, who: Person) -> tuple[str, str]:
    """Return the text of a playlist of segments, and the path of its last segment, as its viewer gets them."""
    path = house.path(CAMERA, "hls")
    while True:
        playlist = await who.ask(path)
        assert playlist.status == HTTPStatus.OK, playlist.text
        lines = [line for line in playlist.text.splitlines() if line and not line.startswith("#")]
        if ".m4s" in playlist.text:
            return playlist.text, lines[-1]
        path = lines[-1]


def test_signed_paths_are_good_for_whoever_had_them_made(background: Background, house: House) -> None:
    nobody = Person(house.admin.url)
    for path in (house.path(CAMERA, "snapshot"), f"/api/camera_proxy/camera.{CAMERA}"):
        for who, status in (("allowed", 200), ("elsewhere", 403)):
            signed = background.run(house.people[who].sign(path))
            assert background.run(nobody.ask(signed)).status == status
    _, segment = background.run(playlist_and_segment(house, house.people["allowed"]))
    assert background.run(nobody.ask(segment)).status == HTTPStatus.OK
    assert background.run(nobody.ask(segment.partition("?")[0])).status == HTTPStatus.UNAUTHORIZED


def test_automations_see_whoever_sets_them_off(background: Background, house: House) -> None:
    async def taken_at() -> str:
        return str((await house.admin.ask(f"/api/states/camera.{CAMERA}")).json["attributes"]["taken_at"])

    async def until_newer() -> None:
        before = await taken_at()
        await house.admin.ask("/api/events/orchard_rung", "POST")
        await house.until(lambda: changed(before))

    async def changed(before: str) -> bool:
        return await taken_at() != before

    async def make() -> None:
        action = {"action": "camhub.refresh_snapshot", "target": {"entity_id": house.entity(CAMERA)}}
        automation = {
            "alias": "Look",
            "triggers": [{"trigger": "event", "event_type": "orchard_rung"}],
            "actions": [action],
        }
        await house.post("/api/config/automation/config/look", automation)

        async def there() -> bool:
            return (await house.admin.ask("/api/states/automation.look")).status == HTTPStatus.OK

        await house.until(there)

    background.run(make())
    background.run(until_newer())


async def refused(house: House, who: Person, path: str) -> tuple[Answer, float]:
    begun = time.perf_counter()
    answer = await who.ask(path)
    return answer, time.perf_counter() - begun


def test_unknown_and_not_yours_are_the_same_answer(background: Background, house: House) -> None:
    """The times are told, not judged: that nothing is asked of a camera in either case is what makes them alike."""
    who = house.people["elsewhere"]
    theirs, unknown = house.path(CAMERA, "snapshot"), f"/api/camhub/streams/{UNKNOWN}/snapshot"

    async def ask() -> tuple[list[Answer], dict[str, list[float]], set[str]]:
        answers, times = [], {theirs: list[float](), unknown: list[float]()}
        before = dict(house.frigate.requests)
        for _ in range(50):
            for path in (theirs, unknown):
                answer, seconds = await refused(house, who, path)
                answers.append(answer)
                times[path].append(seconds)
        asked = {path for path, count in house.frigate.requests.items() if count != before.get(path, 0)}
        return answers, times, asked

    answers, times, asked = background.run(ask())
    assert {answer.status for answer in answers} == {HTTPStatus.FORBIDDEN}
    assert len({answer.body for answer in answers}) == 1
    assert len({frozenset(answer.headers.items() - {("Date", answer.headers["Date"])}) for answer in answers}) == 1
    assert not {path for path in asked if CAMERA in path}
    for name, path in (("theirs", theirs), ("unknown", unknown)):
        LOGGER.info("%s refused in %.2f ms, the middle one of %d", name, 1000 * median(times[path]), len(times[path]))
