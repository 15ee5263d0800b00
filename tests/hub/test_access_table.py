"""Every route and action that CamHub registers, with who may have it; one that is not in the table is a failure."""

import asyncio
from collections.abc import Awaitable
from http import HTTPStatus
import re
import sys
from types import FrameType
from typing import Any, Final

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from custom_components.camhub.const import DOMAIN, OPTION_VIEWERS, VIEWER_GROUPS, VIEWER_USERS
from custom_components.camhub.stream_paths import camera_key

from .conftest import AddAccount
from .people import PEOPLE, person, token_of

_KEY: Final = "/api/camhub/streams/{camera_key}"
# Who sees the camera gets an answer of the route's own; all others 403, the same for a camera that is not there.
BY_CAMERA: Final = frozenset(
    {
        *(("GET", _KEY), ("POST", _KEY)),
        *(("GET", f"{_KEY}/{kind}") for kind in ("snapshot", "mjpeg", "hls", "webrtc", "stats", "recordings")),
        ("GET", f"{_KEY}/hls/{{file}}"),
        ("POST", f"{_KEY}/webrtc"),
        *(("POST", f"{_KEY}/webrtc/{{session}}"), ("DELETE", f"{_KEY}/webrtc/{{session}}")),
        *(("GET", f"{_KEY}/recordings/{{recording}}"), ("GET", f"{_KEY}/recordings/{{recording}}/thumbnail")),
        ("GET", f"{_KEY}/pictures/{{picture}}"),
    }
)
# The list leaves out what may not be seen; a dialog's picture has a signed path that only its user is told.
OTHERS: Final = frozenset({("GET", "/api/camhub/streams"), ("GET", "/api/camhub/preview/{flow_id}")})

FILL: Final = {"file": "playlist.m3u8", "session": "x", "recording": "WzFd", "picture": "x"}
BODY: Final = {"POST": {"sdp": "v=0"}}
COUNTED: Final = re.compile(
    r"custom_components/camhub/|homeassistant/(auth/permissions|helpers/entity_registry|config_entries)"
)

FOR_VIEWERS: Final[dict[str, dict[str, Any]]] = {
    "refresh_snapshot": {},
    "export_clip": {"start": "2026-01-02T03:04:05", "end": "2026-01-02T03:05:05"},
    "record": {},
    "clip_link": {},
    "why_dark": {},
    "picture_link": {},
    "send_test_alert": {"notifier": "notify.nobody"},
}
FOR_ADMINISTRATORS: Final[dict[str, dict[str, Any]]] = {
    "update_credentials": {"config_entry_id": "none"},
    "verify_credentials": {"config_entry_id": "none"},
    "rotate_key": {},
    "status": {},
    "retry_clips": {},
}
# Shows to each what that one may see.
FOR_EACH: Final = frozenset({"dashboard"})


def offering(method: str, path: str) -> dict[str, str]:
    """Return the query that goes with a request."""
    return {"format": "webrtc"} if method == "POST" and path == _KEY else {}


async def test_every_route_is_in_the_table(hub: HomeAssistant, add_account: AddAccount) -> None:
    await add_account()
    found = {
        (route.method, route.resource.canonical)
        for route in hub.http.app.router.routes()
        if route.resource is not None
        and "camhub" in route.resource.canonical
        and route.method not in {"HEAD", "OPTIONS"}
    }
    assert found == BY_CAMERA | OTHERS


async def test_every_action_is_in_the_table(hub: HomeAssistant, add_account: AddAccount) -> None:
    await add_account()
    assert hub.services.async_services_for_domain(DOMAIN).keys() == {*FOR_VIEWERS, *FOR_ADMINISTRATORS, *FOR_EACH}


@pytest.mark.parametrize("kind", ["elsewhere", "nothing", "nobody"])
async def test_no_route_answers_who_may_not_see(
    hub: HomeAssistant, add_account: AddAccount, hass_client: ClientSessionGenerator, kind: str
) -> None:
    entry = await add_account()
    token = "none" if kind == "nobody" else await token_of(hub, await person(hub, kind))
    client = await hass_client(token)
    expected = HTTPStatus.UNAUTHORIZED if kind == "nobody" else HTTPStatus.FORBIDDEN
    bodies = set()
    for method, path in sorted(BY_CAMERA):
        for camera in ("yard", "none"):
            asked = path.format(camera_key=camera_key(entry.entry_id, camera), **FILL)
            async with client.request(method, asked, params=offering(method, path), json=BODY.get(method)) as answer:
                assert answer.status == expected, (method, path, camera)
                bodies.add(await answer.read())
    assert len(bodies) == 1


@pytest.mark.parametrize("kind", PEOPLE)
async def test_every_action_asks_who_calls(
    hub: HomeAssistant, add_account: AddAccount, hass_ws_client: WebSocketGenerator, kind: str
) -> None:
    assert await async_setup_component(hub, "websocket_api", {})
    await add_account()
    line = await hass_ws_client(hub, await token_of(hub, await person(hub, kind)))
    for actions, entitled in ((FOR_VIEWERS, {"admin", "allowed"}), (FOR_ADMINISTRATORS, {"admin"})):
        for action, data in actions.items():
            asked: dict[str, Any] = {"type": "call_service", "domain": DOMAIN, "service": action, "service_data": data}
            if actions is FOR_VIEWERS:
                asked["target"] = {"entity_id": "camera.yard"}
            if hub.services.supports_response(DOMAIN, action) == "only":
                asked["return_response"] = True
            await line.send_json_auto_id(asked)
            answer = await line.receive_json()
            # Whoever is entitled may still hear that this camera cannot, or that there is no such account.
            said = "" if answer["success"] else answer["error"]["message"]
            refused = said == "Unauthorized" or "may not see" in said
            assert refused is (kind not in entitled), (action, answer)


class Calls:
    """The names of the functions of CamHub, and of what it asks, in the order in which a request calls them."""

    def __init__(self) -> None:
        self.made: list[tuple[asyncio.Task[Any] | None, str]] = []

    def note(self, frame: FrameType, event: str, _argument: object) -> None:
        code = frame.f_code
        if event == "call" and COUNTED.search(code.co_filename):
            self.made.append((asyncio.current_task(), code.co_qualname))

    async def of(self, request: Awaitable[None]) -> list[str]:
        """Return what its answer calls; what the account does by itself meanwhile is no part of it."""
        self.made.clear()
        sys.setprofile(self.note)
        try:
            await request
        finally:
            sys.setprofile(None)
        (answering,) = {task for task, name in self.made if name == "open_watch"}
        return [name for task, name in self.made if task is answering]


@pytest.mark.parametrize("kind", ["reader", "elsewhere", "nothing"])
async def test_what_is_done_before_a_refusal_is_the_same(
    hub: HomeAssistant, add_account: AddAccount, hass_client: ClientSessionGenerator, kind: str
) -> None:
    """So that the time it takes tells nothing, which is not measured: machines differ, calls do not."""
    entry = await add_account(options={OPTION_VIEWERS: {"yard": {VIEWER_USERS: [], VIEWER_GROUPS: []}}})
    other = MockConfigEntry(domain="other")
    other.add_to_hass(hub)
    client = await hass_client(await token_of(hub, await person(hub, kind)))
    calls, answers = Calls(), set[tuple[object, ...]]()

    async def ask(method: str, path: str, key: str) -> None:
        asked = path.format(camera_key=key, **FILL)
        async with client.request(method, asked, params=offering(method, path), json=BODY.get(method)) as answer:
            headers = {name: value for name, value in answer.headers.items() if name != "Date"}
            answers.add((answer.status, await answer.read(), *sorted(headers.items())))

    strangers = [(entry.entry_id, "none"), ("01AAAAAAAAAAAAAAAAAAAAAAAA", "yard"), (other.entry_id, "yard")]
    for method, path in sorted(BY_CAMERA):
        # What is done only once is done before.
        await ask(method, path, camera_key(entry.entry_id, "none"))
        theirs = await calls.of(ask(method, path, camera_key(entry.entry_id, "yard")))
        for stranger in strangers:
            assert await calls.of(ask(method, path, camera_key(*stranger))) == theirs, (method, path, stranger)
    assert len(answers) == 1
