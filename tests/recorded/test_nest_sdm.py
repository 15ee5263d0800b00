"""Every recorded answer through the parsers, the event reader and the whole provider.

What is expected of a file is read out of the file itself, never out of a list of known files.
"""

import json
from typing import Any, Final

import pytest

from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable
from custom_components.camhub.kernel.model import CameraEvent, EventPhase, JsonValue
from custom_components.camhub.kernel.sdp import is_sdp, mend_answer
from custom_components.camhub.providers.nest.answers import login_refusal, refusal
from custom_components.camhub.providers.nest.client import Client
from custom_components.camhub.providers.nest.messages import message
from custom_components.camhub.providers.nest.parse import unit
from custom_components.camhub.providers.nest.provider import NestProvider
from custom_components.camhub.providers.nest.settings import Settings
from tests.conftest import MakeContext

from .conftest import Recording

PROVIDER = "nest_sdm"
CLASSES: Final[dict[int, type[HubError]]] = {429: Throttled, 500: Unreachable, 502: Unreachable, 504: Unreachable}


@pytest.fixture
async def client(make_context: MakeContext) -> Client:
    context = make_context()
    return Client(context, Settings.load(context.credentials))


async def test_recorded(recorded: Recording | None, client: Client, make_context: MakeContext) -> None:
    if recorded is None:
        return
    text = recorded.read().decode()
    try:
        said = json.loads(text)
    except ValueError:
        assert "a=" in text
        assert is_sdp(text) == mend_answer("", text).startswith("v=")
        return
    if isinstance(said.get("status"), int):
        a_refusal(said)
    for each in [said, *said.get("devices", [])]:
        if isinstance(each, dict) and ("traits" in each or "parentRelations" in each):
            a_device(each, client)
    for each in [said, *said.get("messages", [])]:
        if "resourceUpdate" in each or "relationUpdate" in each:
            a_message(each)
    if "messages" in said:
        a_sequence(said["messages"], make_context)


def a_refusal(said: dict[str, Any]) -> None:
    body = json.dumps(said["body"]).encode()
    if isinstance(said["body"].get("error"), str):
        assert isinstance(login_refusal(said["status"], body), AuthError)
        return
    found = refusal(said["status"], body)
    assert isinstance(found, CLASSES.get(said["status"], HubError))
    assert isinstance(found, AuthError) == ("Enterprise" in said["body"]["error"]["message"])


def a_device(said: dict[str, Any], client: Client) -> None:
    listed = client._read(said)
    assert listed is not None
    found = unit(listed)
    live = said.get("traits", {}).get("sdm.devices.traits.CameraLiveStream")
    assert (found is None) == (live is None)
    if found is not None:
        protocols = live.get("supportedProtocols", ["RTSP"])
        assert (found.can("rtsp"), found.can("webrtc")) == ("RTSP" in protocols, "WEB_RTC" in protocols)
        assert found.id == said["name"].rpartition("/")[2]


def a_message(said: dict[str, Any]) -> None:
    found = message(json.dumps(said).encode())
    if "resourceUpdate" not in said:
        assert found is None
        return
    assert found is not None
    events = said["resourceUpdate"].get("events", {})
    clips = {each["previewUrl"] for name, each in events.items() if "ClipPreview" in name}
    assert found.device == said["resourceUpdate"]["name"]
    assert set(found.clips.values()) == clips
    assert len(found.events) == len(events) - len(clips)


def a_sequence(said: list[dict[str, Any]], make_context: MakeContext) -> None:
    """The messages of a thread make one beginning of each kind, and no end without one."""
    context = make_context()
    provider = NestProvider(context)
    names = {each["resourceUpdate"]["name"] for each in said if "resourceUpdate" in each}
    traits: dict[str, JsonValue] = {
        "sdm.devices.traits.CameraLiveStream": {},
        "sdm.devices.traits.CameraEventImage": {},
    }
    for name in names:
        listed = provider._client._read({"name": name, "traits": traits})
        found = unit(listed) if listed else None
        assert found is not None
        provider._units = {**provider._units, name: found}
    events: list[CameraEvent] = []
    for each in said:
        # As if it were told just then: what happened years ago is no news.
        told = {**each, "timestamp": context.clock.now().isoformat()}
        events += provider._told(json.dumps(told).encode())
    begun = [each.id for each in events if each.phase in {EventPhase.START, EventPhase.PULSE}]
    wanted = {
        (each["resourceUpdate"]["name"], event["eventSessionId"], kind)
        for each in said
        for kind, event in each.get("resourceUpdate", {}).get("events", {}).items()
        if "ClipPreview" not in kind
    }
    assert len(begun) == len(set(begun)) == len(wanted)
    assert {each.id for each in events} == set(begun)


def test_what_is_no_message_is_malformed() -> None:
    with pytest.raises(Malformed):
        message(b"[]")
