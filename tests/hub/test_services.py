from datetime import UTC, datetime, timedelta
from typing import Any

from homeassistant.config_entries import SOURCE_IGNORE
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
import probatio
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.camhub.const import DOMAIN
from custom_components.camhub.kernel.errors import Unreachable, Unsupported
from custom_components.camhub.kernel.model import CredentialState, TokenStatus

from .conftest import AddAccount
from .fake_provider import FakeProvider, FakeSpec
from .people import person
from .stream_world import FakeClips


async def status(hass: HomeAssistant, **data: object) -> list[Any]:
    answer = await hass.services.async_call(DOMAIN, "status", data, blocking=True, return_response=True)
    assert answer is not None
    cameras = answer["cameras"]
    assert isinstance(cameras, list)
    return cameras


async def test_status_tells_of_every_camera(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    def with_token(provider: FakeProvider) -> None:
        provider.status = TokenStatus(state=CredentialState.OK, expires_at=datetime(2030, 1, 1, tzinfo=UTC))
        provider.listed = [
            provider.camera("yard", mjpeg=provider.mjpeg),
            provider.camera("door", online=False, offline_reason="cannot_connect", stills=None),
        ]

    fake.prepare = with_token
    entry = await add_account()
    await entry.runtime_data.async_take("yard")
    yard, door = await status(hub)
    assert yard["entity_id"] == "camera.yard"
    assert yard["provider"] == "mjpeg"
    assert yard["snapshot_age_seconds"] == 0
    assert yard["token_expires"] == "2030-01-01T00:00:00+00:00"
    assert yard["viewers"] == 0
    assert (door["online"], door["reason"], door["last_snapshot"]) == (False, "cannot_connect", None)
    assert await status(hub, config_entry_id=entry.entry_id) == [yard, door]
    with pytest.raises(ServiceValidationError):
        await status(hub, config_entry_id="nobody's")


async def test_status_has_a_row_for_every_account(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    fake.prepare = lambda provider: setattr(provider, "listed", [provider.camera("yard", online=False)])
    entry = await add_account()
    waiting = await add_account(setup=False, title="Barn", unique_id="mjpeg_other")
    MockConfigEntry(domain=DOMAIN, source=SOURCE_IGNORE, unique_id="x", data={}).add_to_hass(hub)
    answer: Any = await hub.services.async_call(DOMAIN, "status", {}, blocking=True, return_response=True)
    home, barn = answer["accounts"]
    assert (home["config_entry_id"], home["state"], home["reached"]) == (entry.entry_id, "loaded", True)
    assert (home["cameras"], home["cameras_offline"], home["event_line"]) == (1, 1, "connected")
    assert home["counters"]["cameras"] == 1
    assert (barn["config_entry_id"], barn["state"]) == (waiting.entry_id, "not_loaded")
    (yard,) = answer["cameras"]
    assert yard["offline_since"] is not None
    assert (yard["model"], yard["watched_by"], yard["failures"]) == ("EX-1", "stills", 0)
    fake.provider.cameras_error = Unreachable()
    await entry.runtime_data.async_refresh()
    asked = {"config_entry_id": entry.entry_id}
    answer = await hub.services.async_call(DOMAIN, "status", asked, blocking=True, return_response=True)
    (one,) = answer["accounts"]
    assert (one["reached"], one["reason"]) == (False, "cannot_connect")


async def test_status_says_what_went_wrong(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    entry = await add_account()
    fake.provider.stills.error = Unreachable()
    with pytest.raises(Unreachable):
        await entry.runtime_data.async_take("yard")
    (yard,) = await status(hub)
    assert yard["last_error"] == "cannot_connect"


async def test_refresh_takes_a_picture(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    entry = await add_account()
    await entry.runtime_data.sweep
    before = fake.provider.stills.taken
    await hub.services.async_call(DOMAIN, "refresh_snapshot", {"entity_id": "camera.yard"}, blocking=True)
    await hub.services.async_call("button", "press", {"entity_id": "button.yard_refresh_snapshot"}, blocking=True)
    assert fake.provider.stills.taken == before + 2


@pytest.mark.parametrize(
    ("error", "raised"), [(Unreachable(), HomeAssistantError), (Unsupported(), ServiceValidationError)]
)
async def test_refresh_says_why_it_failed(
    hub: HomeAssistant,
    fake: FakeSpec,
    add_account: AddAccount,
    error: Unreachable | Unsupported,
    raised: type[HomeAssistantError],
) -> None:
    await add_account()
    fake.provider.stills.error = error
    with pytest.raises(raised) as caught:
        await hub.services.async_call(DOMAIN, "refresh_snapshot", {"entity_id": "camera.yard"}, blocking=True)
    assert caught.value.translation_key == error.reason
    assert caught.value.translation_domain == DOMAIN


async def test_a_camera_that_takes_no_pictures_says_so(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    def bare(provider: FakeProvider) -> None:
        provider.listed = [provider.camera("yard", stills=None)]

    fake.prepare = bare
    await add_account()
    with pytest.raises(ServiceValidationError) as caught:
        await hub.services.async_call(DOMAIN, "refresh_snapshot", {"entity_id": "camera.yard"}, blocking=True)
    assert caught.value.translation_key == "unsupported"


async def test_only_administrators_see_the_status(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, hass_read_only_user: MockUser
) -> None:
    await add_account()
    reader = Context(user_id=hass_read_only_user.id)
    with pytest.raises(Unauthorized):
        await hub.services.async_call(DOMAIN, "status", {}, blocking=True, return_response=True, context=reader)


SPAN = {"start": "2026-03-01 12:00:00+00:00", "end": "2026-03-01T12:05:00Z"}


class Exports(FakeClips):
    """Clips that can be put aside."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[tuple[datetime, datetime, str | None]] = []

    async def export(self, start: datetime, end: datetime, name: str | None = None) -> str | None:
        if self.error is not None:
            raise self.error
        self.made.append((start, end, name))
        return "film-1"


@pytest.fixture
async def exports(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> Exports:
    clips = Exports()

    def prepare(provider: FakeProvider) -> None:
        provider.listed = [
            provider.camera("yard", clips=clips),
            provider.camera("door", clips=FakeClips()),
            provider.camera("barn"),
        ]

    fake.prepare = prepare
    await add_account()
    return clips


async def export(hass: HomeAssistant, camera: str, **data: object) -> Any:
    data = {**SPAN, "entity_id": f"camera.{camera}", **data}
    return await hass.services.async_call(DOMAIN, "export_clip", data, blocking=True, return_response=True)


async def test_a_clip_is_put_aside(hub: HomeAssistant, exports: Exports) -> None:
    assert await export(hub, "yard", name="Parcel") == {"camera.yard": {"export_id": "film-1"}}
    await hub.services.async_call(DOMAIN, "export_clip", {**SPAN, "entity_id": "camera.yard"}, blocking=True)
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    span = (noon, noon + timedelta(minutes=5))
    assert exports.made == [(*span, "Parcel"), (*span, None)]
    await hub.config.async_set_time_zone("America/Regina")
    await export(hub, "yard", start="2026-03-01 06:00:00", end="2026-03-01 06:05:00")
    assert exports.made[-1] == (*span, None)


@pytest.mark.parametrize("camera", ["door", "barn"])
async def test_who_cannot_put_aside_says_so(hub: HomeAssistant, exports: Exports, camera: str) -> None:
    with pytest.raises(ServiceValidationError, match="Nothing can be put aside"):
        await export(hub, camera)


async def test_an_export_that_fails(hub: HomeAssistant, exports: Exports) -> None:
    exports.error = Unsupported(reason="nothing_recorded")
    with pytest.raises(ServiceValidationError, match="Nothing was recorded"):
        await export(hub, "yard")
    exports.error = Unreachable()
    with pytest.raises(HomeAssistantError, match="does not answer"):
        await export(hub, "yard")


@pytest.mark.parametrize(
    "span", [{"end": "2026-03-01 12:00:00+00:00"}, {"end": "2026-03-03 12:00:00+00:00"}, {"start": "2027-01-01 00:00"}]
)
async def test_a_time_that_makes_no_sense(hub: HomeAssistant, exports: Exports, span: dict[str, str]) -> None:
    with pytest.raises(ServiceValidationError, match="at most a day"):
        await export(hub, "yard", **span)
    assert exports.made == []


@pytest.mark.parametrize("name", ["", "x" * 257])
async def test_a_name_that_is_none(hub: HomeAssistant, exports: Exports, name: str) -> None:
    with pytest.raises(probatio.Invalid):
        await export(hub, "yard", name=name)


async def test_who_may_not_see_a_camera_puts_nothing_aside(hub: HomeAssistant, exports: Exports) -> None:
    visitor = await person(hub, "elsewhere")
    data = {**SPAN, "entity_id": "camera.yard"}
    with pytest.raises(Unauthorized):
        await hub.services.async_call(DOMAIN, "export_clip", data, blocking=True, context=Context(user_id=visitor.id))
    assert exports.made == []
