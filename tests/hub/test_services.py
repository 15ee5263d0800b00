from datetime import UTC, datetime
from typing import Any

from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
import pytest
from pytest_homeassistant_custom_component.common import MockUser

from custom_components.camhub.const import DOMAIN
from custom_components.camhub.kernel.errors import Unreachable, Unsupported
from custom_components.camhub.kernel.model import CredentialState, TokenStatus

from .conftest import AddAccount
from .fake_provider import FakeProvider, FakeSpec


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
