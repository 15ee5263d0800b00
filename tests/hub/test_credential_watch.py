from datetime import datetime, timedelta
from typing import Any, override
from zoneinfo import ZoneInfo

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.notify import NotifyEntity, NotifyEntityFeature
from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_FINAL_WRITE
from homeassistant.core import Event, HomeAssistant, ServiceCall, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er, issue_registry as ir
from homeassistant.helpers.entity_component import EntityComponent
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.camhub.const import DOMAIN, LOGGER
from custom_components.camhub.credential_alerts import async_load_refusals
from custom_components.camhub.kernel.errors import AuthError, Unreachable
from custom_components.camhub.kernel.model import CredentialState, DeviceIdentity, TokenStatus
from custom_components.camhub.runtime import SHARED
from tests.fake_clock import FakeClock

from .conftest import AddAccount, state_of
from .fake_provider import PASSWORD, FakeProvider, FakeSpec

STATUS, EXPIRES = "sensor.home_login_status", "sensor.home_login_expires"


def ours(issues: ir.IssueRegistry) -> dict[str | None, ir.IssueSeverity | None]:
    return {issue.translation_key: issue.severity for (domain, _), issue in issues.issues.items() if domain == DOMAIN}


@pytest.fixture
def clock(hub: HomeAssistant) -> FakeClock:
    """Put a clock that stands still in the place of the hub's."""
    clock = FakeClock()
    hub.data[SHARED].clock = clock
    return clock


def ending(fake: FakeSpec, clock: FakeClock, **left: float) -> None:
    """Let logins of accounts added from here on end after that time."""
    ends = clock.now() + timedelta(**left)

    def prepare(provider: FakeProvider) -> None:
        provider.status = TokenStatus(state=CredentialState.OK, expires_at=ends)

    fake.prepare = prepare


@pytest.fixture
def refusals(hub: HomeAssistant) -> list[dict[str, Any]]:
    """Return the data of each refusal told of on the bus."""
    heard: list[dict[str, Any]] = []

    @callback
    def hear(event: Event) -> None:
        heard.append(dict(event.data))

    hub.bus.async_listen("camhub_credential_refused", hear)
    return heard


async def test_a_login_is_announced_when_due_and_escalated_at_its_end(
    hub: HomeAssistant,
    fake: FakeSpec,
    add_account: AddAccount,
    issue_registry: ir.IssueRegistry,
    clock: FakeClock,
) -> None:
    ending(fake, clock, days=8)
    entry = await add_account()
    assert state_of(hub, STATUS).state == "ok"
    assert state_of(hub, EXPIRES).state == (clock.now() + timedelta(days=8)).isoformat()
    seen = []
    for _ in range(10):
        await entry.runtime_data.async_refresh()
        seen.append((state_of(hub, STATUS).state, ours(issue_registry)))
        await clock.advance(86400)
    warned = {"credential_expiring": ir.IssueSeverity.WARNING}
    ended = {"credential_expired": ir.IssueSeverity.ERROR}
    assert seen == [("ok", {}), *[("expiring", warned)] * 7, *[("expired", ended)] * 2]
    assert state_of(hub, STATUS).attributes["account"] == "Home"


@pytest.mark.parametrize(("days", "expected"), [(1, "ok"), (2, "expiring"), (30, "expiring")])
async def test_how_early_is_an_option(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, clock: FakeClock, days: int, expected: str
) -> None:
    ending(fake, clock, days=2)
    await add_account(options={"warn_days": days})
    assert state_of(hub, STATUS).state == expected


async def test_it_is_judged_at_three_at_night_local_time(
    hub: HomeAssistant,
    fake: FakeSpec,
    add_account: AddAccount,
    issue_registry: ir.IssueRegistry,
    clock: FakeClock,
    freezer: FrozenDateTimeFactory,
) -> None:
    await hub.config.async_set_time_zone("America/New_York")
    evening = datetime(2026, 5, 4, 22, 0, tzinfo=ZoneInfo("America/New_York"))
    freezer.move_to(evening)
    ending(fake, clock, days=7, hours=1)
    # Nothing looks at the account meanwhile.
    await add_account(pref_disable_polling=True)
    await clock.advance(7200)
    for at, expected in ((timedelta(hours=4, minutes=59), set()), (timedelta(hours=5), {"credential_expiring"})):
        freezer.move_to(evening + at)
        async_fire_time_changed(hub, dt_util.utcnow())
        await hub.async_block_till_done()
        assert set(ours(issue_registry)) == expected
    assert state_of(hub, STATUS).state == "expiring"


async def test_the_account_is_a_device_of_its_own_where_its_login_ends(
    hub: HomeAssistant,
    fake: FakeSpec,
    add_account: AddAccount,
    device_registry: dr.DeviceRegistry,
    entity_registry: er.EntityRegistry,
    clock: FakeClock,
) -> None:
    ending(fake, clock, days=20)
    entry = await add_account()
    devices = {device.name: device for device in dr.async_entries_for_config_entry(device_registry, entry.entry_id)}
    assert devices["Home"].entry_type is dr.DeviceEntryType.SERVICE
    assert devices["Yard"].via_device_id == devices["Home"].id
    for entity_id in (STATUS, EXPIRES):
        found = entity_registry.async_get(entity_id)
        assert found is not None
        assert found.device_id == devices["Home"].id


async def test_a_recorder_shows_its_login_and_a_single_camera_its_own(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    def behind(provider: FakeProvider) -> None:
        provider.hub = DeviceIdentity(name="Recorder", manufacturer="Example")

    await add_account()
    assert state_of(hub, "sensor.yard_login_status").state == "ok"
    fake.prepare = behind
    await add_account(title="Other", unique_id="mjpeg_other")
    assert state_of(hub, "sensor.recorder_login_status").state == "ok"
    assert hub.states.get("sensor.recorder_login_expires") is None


def refuse_to_connect(provider: FakeProvider) -> None:
    provider.connect_error = AuthError()


async def test_a_refused_look_is_told_at_once_and_then_not_for_an_hour(
    hub: HomeAssistant,
    fake: FakeSpec,
    add_account: AddAccount,
    issue_registry: ir.IssueRegistry,
    clock: FakeClock,
    refusals: list[dict[str, Any]],
) -> None:
    entry = await add_account()
    fake.provider.cameras_error = AuthError(reason="account_locked", placeholders={"minutes": "30"})
    await entry.runtime_data.async_refresh()
    sentence = "The device has locked this login after too many wrong tries. Wait 30 minutes without trying, then sign"
    (told,) = refusals
    assert told.pop("message").startswith(sentence)
    assert told == {"entry_id": entry.entry_id, "account": "Home", "provider": "mjpeg", "reason": "account_locked"}
    assert ours(issue_registry)["credential_refused"] is ir.IssueSeverity.ERROR
    status = state_of(hub, "sensor.yard_login_status")
    assert (status.state, status.attributes["reason"]) == ("refused", "account_locked")
    for after, times in ((3599, 1), (0, 1), (1, 2), (3599, 2)):
        await clock.advance(after)
        await entry.runtime_data.async_refresh()
        assert len(refusals) == times
    # It works again without anybody's help.
    fake.provider.cameras_error = None
    await hub.async_block_till_done()
    assert len(hub.config_entries.flow.async_progress()) == 1
    await entry.runtime_data.async_refresh()
    assert ours(issue_registry) == {}
    assert hub.config_entries.flow.async_progress() == []
    assert state_of(hub, "sensor.yard_login_status").state == "ok"
    # One that comes and goes does not tell each time.
    fake.provider.cameras_error = AuthError()
    await entry.runtime_data.async_refresh()
    assert "credential_refused" in ours(issue_registry)
    assert len(refusals) == 2


async def test_a_login_refused_at_the_start_is_told_too(
    hub: HomeAssistant,
    fake: FakeSpec,
    add_account: AddAccount,
    issue_registry: ir.IssueRegistry,
    clock: FakeClock,
    refusals: list[dict[str, Any]],
) -> None:
    fake.prepare = refuse_to_connect
    entry = await add_account(options={"silence": 5})
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert set(ours(issue_registry)) == {"credential_refused"}
    for after, times in ((0, 1), (299, 1), (1, 2)):
        await clock.advance(after)
        await hub.config_entries.async_reload(entry.entry_id)
        await hub.async_block_till_done()
        assert len(refusals) == times
    fake.prepare = lambda _: None
    await hub.config_entries.async_reload(entry.entry_id)
    await hub.async_block_till_done()
    assert ours(issue_registry) == {}


async def test_the_silence_after_a_refusal_outlasts_a_restart(
    hub: HomeAssistant,
    fake: FakeSpec,
    add_account: AddAccount,
    issue_registry: ir.IssueRegistry,
    clock: FakeClock,
    refusals: list[dict[str, Any]],
    hass_storage: dict[str, Any],
) -> None:
    async def restart() -> None:
        hub.bus.async_fire(EVENT_HOMEASSISTANT_FINAL_WRITE)
        await hub.async_block_till_done()
        await async_load_refusals(hub)
        issue_registry.async_delete(DOMAIN, f"credential_refused_{entry.entry_id}")
        await hub.config_entries.async_reload(entry.entry_id)
        await hub.async_block_till_done()

    fake.prepare = refuse_to_connect
    entry = await add_account()
    assert len(refusals) == 1
    for after, times in ((3000, 1), (599, 1), (1, 2)):
        await clock.advance(after)
        await restart()
        assert len(refusals) == times
        assert set(ours(issue_registry)) == {"credential_refused"}
    # A clock that was ahead and has been put right hushes up nothing.
    clock = hub.data[SHARED].clock = FakeClock(clock.now() - timedelta(days=1))
    await restart()
    assert len(refusals) == 3
    await hub.config_entries.async_remove(entry.entry_id)
    hub.bus.async_fire(EVENT_HOMEASSISTANT_FINAL_WRITE)
    await hub.async_block_till_done()
    assert hass_storage["camhub.refusals"]["data"] == {}


async def test_a_refused_picture_counts_until_one_is_given(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, issue_registry: ir.IssueRegistry
) -> None:
    entry = await add_account()
    coordinator = entry.runtime_data
    await coordinator.sweep
    fake.provider.stills.error = AuthError(reason="insufficient_permission")
    for _ in range(3):
        with pytest.raises(AuthError):
            await coordinator.async_take("yard")
        assert state_of(hub, "sensor.yard_login_status").state == "refused"
        await coordinator.async_refresh()
        await coordinator.sweep
        assert set(ours(issue_registry)) == {"credential_refused"}
    fake.provider.stills.error = None
    await coordinator.async_take("yard")
    await coordinator.async_refresh()
    assert ours(issue_registry) == {}
    await hub.async_block_till_done()


async def test_a_dialog_that_is_being_made_when_the_login_works_again_ends_with_the_next_look(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    login = (entry := await add_account()).runtime_data.login
    login.async_refused(AuthError())
    entry.async_start_reauth(hub)
    login.async_recovered()
    await hub.async_block_till_done()
    assert len(hub.config_entries.flow.async_progress()) == 1
    login.async_recovered()
    assert hub.config_entries.flow.async_progress() == []


async def test_after_a_new_sign_in_the_next_refusal_is_told_at_once(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, refusals: list[dict[str, Any]], clock: FakeClock
) -> None:
    entry = await add_account()
    for times in (1, 2):
        fake.provider.cameras_error = AuthError()
        await entry.runtime_data.async_refresh()
        assert len(refusals) == times
        data = {"config_entry_id": entry.entry_id, "credentials": {"password": PASSWORD}}
        await hub.services.async_call(DOMAIN, "update_credentials", data, blocking=True)
        await hub.async_block_till_done()
        assert hub.config_entries.flow.async_progress() == []


async def test_a_disabled_account_has_nothing_to_mend(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, issue_registry: ir.IssueRegistry, clock: FakeClock
) -> None:
    ending(fake, clock, days=1)
    entry = await add_account()
    issue_id = f"credential_expiring_{entry.entry_id}"
    ir.async_ignore_issue(hub, DOMAIN, issue_id, True)
    await hub.config_entries.async_reload(entry.entry_id)
    ignored = issue_registry.async_get_issue(DOMAIN, issue_id)
    assert ignored is not None
    assert ignored.dismissed_version is not None
    await hub.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    assert ours(issue_registry) == {}


async def test_an_account_that_cannot_be_reached_is_judged_all_the_same(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, issue_registry: ir.IssueRegistry, clock: FakeClock
) -> None:
    ending(fake, clock, days=8)
    entry = await add_account()
    fake.provider.cameras_error = Unreachable()
    await entry.runtime_data.async_refresh()
    assert ours(issue_registry) == {}
    await clock.advance(86400)
    await entry.runtime_data.async_refresh()
    assert set(ours(issue_registry)) == {"credential_expiring", "account_dark"}
    assert state_of(hub, STATUS).state == "expiring"


class Phone(NotifyEntity):
    """A notify entity that remembers what it was sent."""

    _attr_supported_features = NotifyEntityFeature.TITLE
    _attr_name = "Phone"

    def __init__(self) -> None:
        self.sent: list[tuple[str | None, str]] = []

    @override
    async def async_send_message(self, message: str, title: str | None = None) -> None:
        self.sent.append((title, message))


@pytest.fixture
async def phone(hub: HomeAssistant) -> Phone:
    assert await async_setup_component(hub, "notify", {})
    component: EntityComponent[NotifyEntity] = hub.data["notify"]
    phone = Phone()
    await component.async_add_entities([phone])
    return phone


async def refuse(hass: HomeAssistant, fake: FakeSpec, add_account: AddAccount, target: str) -> None:
    entry = await add_account(options={"notify": target})
    fake.provider.cameras_error = AuthError()
    await entry.runtime_data.async_refresh()
    await hass.async_block_till_done()


async def test_a_notify_entity_is_sent_the_repairs_words(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, phone: Phone
) -> None:
    await refuse(hub, fake, add_account, "notify.phone")
    ((title, message),) = phone.sent
    assert title == "Home refuses its login"
    assert message.startswith("The user name or password is wrong.")


async def test_a_notify_action_is_sent_them_too(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    calls: list[ServiceCall] = []
    hub.services.async_register("notify", "pushover", calls.append)
    await refuse(hub, fake, add_account, "notify.pushover")
    assert [call.data["title"] for call in calls] == ["Home refuses its login"]


@pytest.mark.parametrize("target", ["notify.gone", "notify.broken"])
async def test_a_message_that_cannot_be_sent_harms_nobody(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, target: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(call: ServiceCall) -> None:
        raise ValueError(f"token {PASSWORD[:4]}")

    hub.services.async_register("notify", "broken", fail)
    await refuse(hub, fake, add_account, target)
    messages = [record.getMessage() for record in caplog.records if record.name == LOGGER.name]
    assert f"Could not send the message about a refused login with {target}" in messages
    assert state_of(hub, "sensor.yard_login_status").state == "refused"


async def test_who_is_told_is_chosen_from_what_there_is(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, phone: Phone
) -> None:
    hub.services.async_register("notify", "pushover", lambda _: None)
    entry = await add_account(options={"notify": "notify.gone", "interval": 10})
    options = hub.config_entries.options
    menu = await options.async_init(entry.entry_id)
    form = await options.async_configure(menu["flow_id"], {"next_step_id": "credentials"})
    assert form["data_schema"] is not None
    (targets,) = [field for key, field in form["data_schema"].schema.items() if key == "notify"]
    assert [each["value"] for each in targets.config["options"]] == ["notify.gone", "notify.phone", "notify.pushover"]
    chosen = {"warn_days": 14, "silence": 30, "notify": "notify.phone"}
    await options.async_configure(form["flow_id"], chosen)
    await hub.async_block_till_done()
    assert entry.options == {**chosen, "interval": 10}
    menu = await options.async_init(entry.entry_id)
    form = await options.async_configure(menu["flow_id"], {"next_step_id": "credentials"})
    await options.async_configure(form["flow_id"], {"warn_days": 7, "silence": 60})
    await hub.async_block_till_done()
    assert entry.options["notify"] == ""
