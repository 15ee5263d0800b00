from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest

from custom_components.camhub.kernel.errors import HubError, Unreachable
from custom_components.camhub.kernel.provider import Number, Press, Switch

from .conftest import AddAccount, state_of
from .fake_provider import FakeProvider, FakeSpec


class Siren:
    """A camera with one control of each kind."""

    def __init__(self) -> None:
        self.on = False
        self.volume = 3.0
        self.pressed = 0
        self.error: HubError | None = None
        self.provider: FakeProvider | None = None

    async def turn(self, on: bool) -> None:
        if self.error is not None:
            raise self.error
        self.on = on
        self.offer()

    async def put(self, value: float) -> None:
        self.volume = value
        self.offer()

    async def press(self) -> None:
        self.pressed += 1

    def prepare(self, provider: FakeProvider) -> None:
        self.provider = provider
        self.offer()

    def offer(self) -> None:
        """List the camera with its controls as they are now."""
        assert self.provider is not None
        controls = (
            Switch(key="motion", is_on=self.on, turn=self.turn),
            Number(key="volume", value=self.volume, minimum=0, maximum=10, step=1, put=self.put),
            Press(key="reboot", press=self.press),
        )
        self.provider.listed = [self.provider.camera("yard", controls=controls)]


@pytest.fixture
def siren(fake: FakeSpec) -> Siren:
    siren = Siren()
    fake.prepare = siren.prepare
    return siren


def entity(hass: HomeAssistant, domain: str) -> str:
    """Return the one entity of a domain beside those every camera has."""
    (found,) = [
        state.entity_id for state in hass.states.async_all(domain) if not state.entity_id.endswith("refresh_snapshot")
    ]
    return found


async def test_a_switch_is_turned(hub: HomeAssistant, siren: Siren, add_account: AddAccount) -> None:
    await add_account()
    switch = entity(hub, "switch")
    assert state_of(hub, switch).state == "off"
    for service, state in (("turn_on", "on"), ("turn_off", "off")):
        await hub.services.async_call("switch", service, {"entity_id": switch}, blocking=True)
        await hub.async_block_till_done()
        assert state_of(hub, switch).state == state
        assert siren.on is (state == "on")


async def test_a_switch_that_cannot_be_turned_says_why(
    hub: HomeAssistant, siren: Siren, add_account: AddAccount
) -> None:
    await add_account()
    siren.error = Unreachable()
    with pytest.raises(HomeAssistantError) as caught:
        await hub.services.async_call("switch", "turn_on", {"entity_id": entity(hub, "switch")}, blocking=True)
    assert caught.value.translation_key == "cannot_connect"


async def test_a_value_is_set_within_its_bounds(hub: HomeAssistant, siren: Siren, add_account: AddAccount) -> None:
    await add_account()
    number = entity(hub, "number")
    assert (state_of(hub, number).attributes["min"], state_of(hub, number).attributes["max"]) == (0, 10)
    await hub.services.async_call("number", "set_value", {"entity_id": number, "value": 7}, blocking=True)
    await hub.async_block_till_done()
    assert siren.volume == 7
    assert float(state_of(hub, number).state) == 7
    with pytest.raises(ServiceValidationError):
        await hub.services.async_call("number", "set_value", {"entity_id": number, "value": 11}, blocking=True)


async def test_a_button_is_pressed(hub: HomeAssistant, siren: Siren, add_account: AddAccount) -> None:
    await add_account()
    await hub.services.async_call("button", "press", {"entity_id": entity(hub, "button")}, blocking=True)
    assert siren.pressed == 1


async def test_what_a_device_names_itself_goes_by_that_name(
    hub: HomeAssistant, siren: Siren, add_account: AddAccount
) -> None:
    entry = await add_account()
    assert siren.provider is not None
    gate = Press(key="ptz_preset_gate", kind="position", name="Gate", press=siren.press)
    siren.provider.listed = [siren.provider.camera("yard", controls=(gate,))]
    await entry.runtime_data.async_refresh()
    await hub.async_block_till_done()
    assert state_of(hub, "button.yard_go_to_gate").name == "Yard Go to Gate"


async def test_controls_that_are_gone_are_unavailable(
    hub: HomeAssistant, siren: Siren, add_account: AddAccount
) -> None:
    entry = await add_account()
    assert siren.provider is not None
    entities = [entity(hub, domain) for domain in ("switch", "number", "button")]
    siren.provider.listed = [siren.provider.camera("yard")]
    await entry.runtime_data.async_refresh()
    await hub.async_block_till_done()
    assert {state_of(hub, each).state for each in entities} == {"unavailable"}
