import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, override

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.core import HomeAssistant
import numpy as np
import pytest

from custom_components.camhub.kernel.clock import Clock
from custom_components.camhub.kernel.errors import AuthError
from custom_components.camhub.kernel.lease import Lease
from custom_components.camhub.recording import watch
from custom_components.camhub.recording.motion import Detector, Reading
from custom_components.camhub.recording.watch import Sight
from tests.fake_clock import until

from .conftest import AddAccount, state_of
from .fake_provider import FakeProvider, FakeRtsp, FakeSpec
from .pictures import grey_jpeg

EMPTY, SOMEONE = grey_jpeg(someone=False), grey_jpeg(someone=True)
MOTION = {"yard": {"sensitivity": 50, "minimum": 0, "cool_down": 10, "zones": {}}}
PAGE = {"watch": True, "sensitivity": 70, "minimum": 0.4, "cool_down": 5, "zones": "gate: 0,0 50,0 50,100"}


@pytest.fixture(autouse=True)
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Sight]:
    """Return what was looked at: every picture that is not overtaken, however soon it comes after the last."""
    looked: list[Sight] = []
    look = watch._look

    def counted(detector: Detector, sight: Sight, since: float) -> Reading:
        reading = look(detector, sight, since)
        looked.append(sight)
        return reading

    monkeypatch.setattr(watch, "FPS", 1e9)
    monkeypatch.setattr(watch, "_look", counted)
    return looked


def _watchable(provider: FakeProvider, **changes: Any) -> None:
    provider.listed = [
        provider.camera("yard", **{"event_kinds": frozenset(), "mjpeg": provider.mjpeg, **changes}),
        provider.camera("gate"),
    ]


@pytest.fixture
def watchable(fake: FakeSpec) -> FakeSpec:
    fake.prepare = _watchable
    return fake


async def _show(hass: HomeAssistant, fake: FakeSpec, frame: bytes, until: Callable[[], bool]) -> None:
    """Show a picture again and again until something is so, however long a busy machine takes to look."""
    while not until():
        fake.provider.mjpeg.queue.put_nowait(frame)
        await hass.async_block_till_done()
        await asyncio.sleep(0.01)


class LeasedRtsp(FakeRtsp):
    """Gives an address that is to be given back."""

    released = 0

    @override
    async def open(self) -> Lease[str]:
        return Lease(value="rtsp://192.0.2.9/leased", release=self._release)

    async def _release(self) -> None:
        self.released += 1


async def _page(hass: HomeAssistant, entry_id: str) -> ConfigFlowResult:
    options = hass.config_entries.options
    menu = await options.async_init(entry_id)
    return await options.async_configure(menu["flow_id"], {"next_step_id": "motion"})


def _suggested(form: ConfigFlowResult) -> Mapping[str, Any]:
    schema = form["data_schema"]
    assert schema is not None
    return {str(key): key.description["suggested_value"] for key in schema.schema}


async def test_a_watched_camera_tells_motion_as_if_it_did_itself(
    hub: HomeAssistant, watchable: FakeSpec, add_account: AddAccount, looks: list[Sight]
) -> None:
    await add_account(options={"motion": MOTION})
    assert state_of(hub, "binary_sensor.yard_motion").state == "off"
    assert state_of(hub, "switch.yard_motion_watch").state == "on"
    assert state_of(hub, "event.yard_activity").state == "unknown"
    await _show(hub, watchable, EMPTY, until=lambda: len(looks) >= 30)
    await _show(hub, watchable, SOMEONE, until=lambda: state_of(hub, "binary_sensor.yard_motion").state == "on")
    event = state_of(hub, "event.yard_activity")
    assert event.attributes["event_type"] == "motion"
    assert event.attributes["score"] >= 0.5
    image = hub.states.get("image.yard_last_event")
    assert image is not None
    assert image.state != "unknown"


async def test_the_switch_pauses_the_watch_and_stays_as_it_is(
    hub: HomeAssistant, watchable: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account(options={"motion": MOTION})
    assert entry.runtime_data.hears("yard")

    async def turn(service: str) -> None:
        await hub.services.async_call("switch", service, {"entity_id": "switch.yard_motion_watch"}, blocking=True)
        await hub.async_block_till_done()

    await turn("turn_off")
    assert state_of(hub, "switch.yard_motion_watch").state == "off"
    assert entry.options["motion"]["yard"]["paused"] is True
    await hub.config_entries.async_reload(entry.entry_id)
    await hub.async_block_till_done()
    assert state_of(hub, "switch.yard_motion_watch").state == "off"
    assert not entry.runtime_data.hears("yard")
    await turn("turn_on")
    assert entry.runtime_data.hears("yard")
    assert state_of(hub, "binary_sensor.yard_motion").state == "off"


async def test_the_page_shows_the_picture_and_says_which_zone_is_none(
    hub: HomeAssistant, watchable: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account()
    assert hub.states.get("switch.yard_motion_watch") is None
    await hub.async_block_till_done(wait_background_tasks=True)
    form = await _page(hub, entry.entry_id)
    words = form["description_placeholders"]
    assert words is not None
    assert words["camera"] == "Yard"
    assert words["picture"].startswith("![](/api/camhub/preview/")
    assert _suggested(form)["watch"] is False
    options = hub.config_entries.options
    again = await options.async_configure(form["flow_id"], {**PAGE, "zones": "gate: 0,0 500,0 50,100"})
    assert again["errors"] == {"zones": "invalid_zone"}
    assert (again["description_placeholders"] or {})["zone"] == "gate"
    assert _suggested(again)["sensitivity"] == 70
    await options.async_configure(again["flow_id"], PAGE)
    await hub.async_block_till_done()
    assert entry.options["motion"]["yard"]["zones"] == {"gate": [[0, 0], [50, 0], [50, 100]]}
    assert state_of(hub, "switch.yard_motion_watch").state == "on"
    form = await _page(hub, entry.entry_id)
    assert _suggested(form) == PAGE
    await options.async_configure(form["flow_id"], {**PAGE, "watch": False})
    await hub.async_block_till_done()
    assert entry.options["motion"] == {}


async def test_a_stream_without_single_frames_is_watched_by_its_key_frames(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched: list[str] = []

    async def frames(address: str, clock: Clock) -> AsyncGenerator[Sight]:
        watched.append(address)
        yield Sight(taken_at=clock.now(), grey=lambda: np.full((90, 160), 90, np.uint8), jpeg=lambda: EMPTY)
        raise AuthError

    rtsp = LeasedRtsp()
    fake.prepare = lambda provider: _watchable(provider, mjpeg=None, rtsp=rtsp)
    monkeypatch.setattr("custom_components.camhub.watching.key_frames", frames)
    await add_account(options={"motion": MOTION})
    # What is seen is judged in a thread, which nobody but the watch waits for.
    await until(lambda: rtsp.released == 1)
    assert watched == ["rtsp://192.0.2.9/leased"]
    assert state_of(hub, "binary_sensor.yard_motion").state == "off"


async def test_a_camera_that_leaves_is_not_watched_any_more(
    hub: HomeAssistant, watchable: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account(options={"motion": MOTION})
    watchable.provider.listed = [watchable.provider.camera("gate")]
    await entry.runtime_data.async_refresh()
    await hub.async_block_till_done()
    assert not entry.runtime_data.hears("yard")


async def test_a_stored_zone_that_is_none_is_told_and_the_rest_goes_on(
    hub: HomeAssistant, watchable: FakeSpec, add_account: AddAccount, caplog: pytest.LogCaptureFixture
) -> None:
    await add_account(options={"motion": {"yard": {"zones": {"gate": [[1, 2]]}}, "gone": {}}})
    assert "Motion of Yard is not watched: invalid_zone" in caplog.text
    assert watchable.provider.mjpeg.opened == 0
