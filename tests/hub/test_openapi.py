"""docs/openapi.json and the routes say the same: every path, method, code and type."""

from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from http import HTTPStatus
import json
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.camhub.kernel.model import Image
from custom_components.camhub.limits import METER
from custom_components.camhub.stream_entry import STREAMS
from custom_components.camhub.stream_paths import camera_key
from custom_components.camhub.streams import views

from .conftest import AddAccount
from .fake_provider import FakeProvider, FakeSpec
from .people import person, token_of
from .pictures import jpeg
from .stream_world import Never, every_kind
from .test_stream_live import OFFER
from .test_streams import first_recording

METHODS = ("get", "head", "post", "delete")
SEEN = ("description", "content", "headers", "$ref")


@cache
def document() -> Any:
    return json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text())


def operations() -> dict[tuple[str, str], Any]:
    return {
        (path, method): item[method]
        for path, item in document()["paths"].items()
        for method in METHODS
        if method in item
    }


def response_of(path: str, method: str, status: int) -> Any:
    """Return what the document says of a response; there must be something."""
    response = operations()[path, method]["responses"][str(status)]
    if "$ref" in response:
        response = document()["components"]["responses"][response["$ref"].rpartition("/")[2]]
    return response


def fits(value: Any, schema: Mapping[str, Any]) -> bool:
    """Tell whether a value is what a schema says; as much of JSON Schema as the document uses."""
    if "$ref" in schema:
        return fits(value, document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if "const" in schema:
        return bool(value == schema["const"])
    kinds: dict[str, Any] = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "null": type(None),
    }
    named = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not any(isinstance(value, kinds[name]) for name in named):
        return False
    if isinstance(value, list):
        return all(fits(item, schema["items"]) for item in value if "items" in schema)
    if not isinstance(value, dict):
        return True
    known = schema.get("properties", {})
    more = schema.get("additionalProperties")
    return (
        set(schema.get("required", ())) <= set(value)
        and (more is not None or set(value) <= set(known))
        and all(fits(item, known.get(key, more)) for key, item in value.items())
    )


async def conforms(path: str, method: str, answer: ClientResponse) -> None:
    """Compare an answer with the document."""
    said = response_of(path, method, answer.status)
    for name in said.get("headers", {}):
        assert name in answer.headers
    content = said.get("content", {})
    if method == "head" or answer.status in {HTTPStatus.NO_CONTENT, HTTPStatus.UNAUTHORIZED}:
        return
    assert answer.content_type in content
    if answer.content_type == "application/json":
        assert fits(await answer.json(), content["application/json"]["schema"])


def test_the_routes_are_those_of_the_document() -> None:
    registered = {
        (str(view.url).replace(":.+}", "}"), method)
        for view in views()
        for method in ("get", "head", "post", "put", "patch", "delete")
        if hasattr(view, method)
    }
    assert registered == set(operations())


def test_whatever_the_document_refers_to_is_there() -> None:
    text = json.dumps(document())
    for kind, named in document()["components"].items():
        for name in named:
            assert kind == "securitySchemes" or f"#/components/{kind}/{name}" in text, name


def every_kind_and_a_slow_one(provider: FakeProvider) -> None:
    every_kind(provider)
    never = Never()
    slow = {"stills": never, "hls": never, "clips": never}
    provider.listed.append(provider.camera("slow", **slow))
    provider.listed.append(provider.camera("silent", webrtc=never))


# By route, what is asked for an answer, for "there is none" and for "too slow": camera and what follows.
GOOD = {
    "": "yard?format=snapshot",
    "/hls": "barn",
    "/hls/{file}": "barn",
    "/mjpeg": "yard",
    "/snapshot": "yard",
    "/webrtc": "door",
    "/webrtc/{session}": "door",
    "/stats": "gate",
    "/recordings": "gate",
    "/recordings/{recording}": "gate",
    "/recordings/{recording}/thumbnail": "gate",
    "/pictures/{picture}": "gate",
}
NONE = {
    "": "yard",
    "/hls": "yard",
    "/hls/{file}": "yard",
    "/mjpeg": "barn",
    "/snapshot": "barn",
    "/webrtc": "yard",
    "/recordings": "yard",
}


class Asker:
    """Asks each route so that it answers with a wanted code."""

    def __init__(self, hub: HomeAssistant, entry: MockConfigEntry, client: TestClient[Any, Any]) -> None:
        self.hub = hub
        self.entry = entry
        self.client = client

    def url(self, path: str, camera: str, **names: str) -> str:
        key, _, query = camera.partition("?")
        filled = path.format(camera_key=camera_key(self.entry.entry_id, key), **names)
        return f"{filled}?{query}" if query else filled

    async def names(self, path: str, status: int) -> dict[str, str]:
        """Return what stands in the path besides the camera."""
        names = {"file": "index.m3u8", "session": "none", "recording": "none", "picture": "none"}
        if status in {HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN}:
            return names
        if "{session}" in path:
            door = self.url(path.removesuffix("/{session}"), "door")
            answer = await self.client.post(door, json={"sdp": OFFER})
            names["session"] = (await answer.json())["session"].rpartition("/")[2]
        if "{picture}" in path:
            kept = Image(content=jpeg(1), taken_at=dt_util.utcnow())
            pictures = self.hub.data[STREAMS][self.entry.entry_id].pictures
            names["picture"] = pictures.keep("gate", kept, timedelta(minutes=1))
        if "{recording}" in path:
            of_gate = path.partition("/{recording}")[0]
            listed = await first_recording(self.client, lambda *_: self.url(of_gate, "gate"))
            names["recording"] = listed.rpartition("/")[2]
        return names

    def camera(self, path: str, method: str, status: int) -> str:
        route = path.partition("{camera_key}")[2]
        offers = method == "post" and route in {"", "/webrtc"}
        query = "?format=webrtc" if offers and not route else ""
        if status == HTTPStatus.NOT_FOUND:
            return ({each: camera for each, camera in GOOD.items() if "{" in each} | NONE)[route] + query
        if status == HTTPStatus.GATEWAY_TIMEOUT:
            return f"silent{query}" if offers else "slow"
        return f"door{query}" if offers else GOOD[route]

    def options(self, method: str, status: int) -> None:
        options: dict[int, Mapping[str, Any]] = {
            HTTPStatus.TOO_MANY_REQUESTS: {"max_day": 1},
            HTTPStatus.GATEWAY_TIMEOUT: {"first_byte": 0.05},
        }
        self.hub.config_entries.async_update_entry(self.entry, options=options.get(status, {}))

    def body(self, path: str, method: str, status: int) -> dict[str, Any]:
        headers = {206: {"Range": "bytes=0-9"}, 416: {"Range": "bytes=99999-"}}.get(status, {})
        if method == "get":
            return {"headers": headers}
        if method == "post" and status == HTTPStatus.CREATED:
            return {"data": OFFER, "headers": {"Content-Type": "application/sdp"}}
        if method == "post":
            return {"json": {"sdp": OFFER}}
        return {}


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        (path, method, int(status))
        for (path, method), operation in operations().items()
        for status in operation["responses"]
    ],
)
async def test_every_documented_answer_is_given(
    hub: HomeAssistant,
    fake: FakeSpec,
    add_account: AddAccount,
    hass_client: ClientSessionGenerator,
    path: str,
    method: str,
    status: int,
) -> None:
    fake.prepare = every_kind_and_a_slow_one
    entry = await add_account()
    client = await hass_client()
    asker = Asker(hub, entry, client)
    names = await asker.names(path, status)
    url = asker.url(path, asker.camera(path, method, status), **names) if "camera_key" in path else path
    body = asker.body(path, method, status)
    asker.options(method, status)
    match status:
        case HTTPStatus.UNAUTHORIZED:
            client = await hass_client("no token")
        case HTTPStatus.FORBIDDEN:
            client = await hass_client(await token_of(hub, await person(hub, "nothing")))
        case HTTPStatus.BAD_REQUEST:
            url = url.replace("~", "-")
        case HTTPStatus.TOO_MANY_REQUESTS:
            (admin,) = (user for user in await hub.auth.async_get_users() if user.is_admin)
            usage = hub.data[METER].usage(entry.entry_id, admin.id)
            usage._bytes = 10**9
        case HTTPStatus.SERVICE_UNAVAILABLE:
            entry.runtime_data.data = {}
    async with client.request(method, url, **body) as answer:
        assert answer.status == status
        await conforms(path, method, answer)
