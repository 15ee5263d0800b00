from datetime import timedelta
import socket
from typing import Any

from homeassistant.components.repairs import DOMAIN as REPAIRS
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError, Unauthorized
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockUser
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.camhub.checking import async_examine
from custom_components.camhub.const import DOMAIN
from custom_components.camhub.darkness import Darkness
from custom_components.camhub.kernel.checkup import Check
from custom_components.camhub.kernel.endpoints import Endpoint
from custom_components.camhub.kernel.errors import AuthError, Unreachable
from custom_components.camhub.repairs import async_create_fix_flow
from custom_components.camhub.why_dark_flow import WhyDarkFlow
from tests.fake_clock import FakeClock

from .conftest import AddAccount
from .fake_provider import FakeProvider, FakeSpec
from .pictures import jpeg


async def why(hass: HomeAssistant, entity_id: str = "camera.yard", user: MockUser | None = None) -> Any:
    context = Context(user_id=user.id) if user else None
    answer = await hass.services.async_call(
        DOMAIN, "why_dark", {"entity_id": entity_id}, blocking=True, return_response=True, context=context
    )
    assert answer is not None
    return answer[entity_id]


def results(answer: Any) -> dict[str, str]:
    return {row["check"]: row["result"] for row in answer["checks"]}


async def test_all_is_well(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    await add_account()
    fake.provider.mjpeg.queue.put_nowait(jpeg(3))
    answer = await why(hub)
    assert answer["verdict"] == "Nothing is wrong now: Yard gave a picture just now."
    assert answer["next_step"].startswith("Nothing has to be done.")
    assert results(answer)["still"] == "ok"
    assert list(results(answer)) == [str(check) for check in Check]
    assert all(row["name"] and row["sentence"] and "{" not in row["sentence"] for row in answer["checks"])


@pytest.mark.parametrize("way", ["mjpeg", "rtsp", "webrtc"])
async def test_the_live_view_is_tried_the_way_it_is_watched(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, way: str
) -> None:
    def watched(provider: FakeProvider) -> None:
        provider.listed = [provider.camera("yard", **{way: getattr(provider, way)})]
        provider.rtsp.error = Unreachable(reason="no_frame")
        provider.webrtc.error = Unreachable(reason="no_frame")
        provider.mjpeg.queue.put_nowait(Unreachable(reason="no_frame"))

    fake.prepare = watched
    await add_account(options={"capture": "never"})
    answer = await why(hub)
    assert results(answer)["stream"] == "failed"
    assert answer["next_step"].startswith(("Pictures come", "Give the user"))


async def test_a_frame_that_the_relay_has_is_enough(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    def watched(provider: FakeProvider) -> None:
        provider.listed = [provider.camera("yard", mjpeg=provider.mjpeg)]
        provider.mjpeg.queue.put_nowait(jpeg(3))
        provider.mjpeg.queue.put_nowait(jpeg(4))

    fake.prepare = watched
    entry = await add_account()
    relay = entry.runtime_data.relays.of(entry.runtime_data.data["yard"])
    assert relay is not None
    frames = relay.frames()
    await anext(frames)
    opened = fake.provider.mjpeg.opened
    assert results(await why(hub))["stream"] == "ok"
    assert fake.provider.mjpeg.opened == opened
    await frames.aclose()


async def test_an_address_where_nobody_listens_is_shown_to_administrators_only(
    hub: HomeAssistant,
    fake: FakeSpec,
    add_account: AddAccount,
    socket_enabled: None,
    hass_admin_user: MockUser,
    hass_read_only_user: MockUser,
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

        def shut(provider: FakeProvider) -> None:
            provider.entrances = (Endpoint(host="127.0.0.1", port=port, tls=True),)

        fake.prepare = shut
        await add_account()
        answer = await why(hub, user=hass_admin_user)
        assert answer["addresses"] == [f"127.0.0.1:{port}"]
        assert results(answer)["address"] == "failed"
        assert (results(answer)["tls"], results(answer)["still"]) == ("not_run", "not_run")
        hass_read_only_user.mock_policy({"entities": True})
        said = await why(hub, user=hass_read_only_user)
    assert "addresses" not in said
    assert "127.0.0.1" not in str(said)


async def test_only_who_may_see_the_camera_may_ask(
    hub: HomeAssistant, add_account: AddAccount, hass_read_only_user: MockUser
) -> None:
    await add_account()
    hass_read_only_user.mock_policy({})
    with pytest.raises(Unauthorized):
        await why(hub, user=hass_read_only_user)


@pytest.mark.parametrize("entity_id", ["camera.nobody", "button.yard_refresh_snapshot"])
async def test_what_is_no_camera_of_ours_is_refused(
    hub: HomeAssistant, add_account: AddAccount, entity_id: str
) -> None:
    await add_account()
    with pytest.raises(ServiceValidationError) as caught:
        await why(hub, entity_id)
    assert caught.value.translation_key == "no_camera_chosen"


async def test_a_camera_without_its_account_is_refused(hub: HomeAssistant) -> None:
    er.async_get(hub).async_get_or_create("camera", DOMAIN, "x_yard_camera", suggested_object_id="lost")
    with pytest.raises(ServiceValidationError):
        await why(hub, "camera.lost")


async def test_an_account_that_is_not_loaded_says_why(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account()
    await hub.config_entries.async_unload(entry.entry_id)

    def failing(provider: FakeProvider) -> None:
        provider.connect_error = Unreachable(reason="service_unreachable")

    fake.prepare = failing
    await hub.config_entries.async_setup(entry.entry_id)
    answer = await why(hub)
    assert answer["verdict"].startswith("The service does not answer.")
    assert answer["addresses"] == []
    known = await async_examine(hub, entry, "yard", ask=False)
    assert known.verdict is not None
    assert known.verdict.check is Check.LISTING
    fake.prepare = lambda provider: setattr(provider, "connect_error", AuthError())
    await hub.config_entries.async_reload(entry.entry_id)
    await hub.async_block_till_done()
    refused = await why(hub)
    assert results(refused)["login"] == "failed"
    await hub.config_entries.async_unload(entry.entry_id)


async def test_an_account_whose_login_does_not_open(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await add_account()
    await hub.config_entries.async_unload(entry.entry_id)

    def broken(_context: Any) -> Any:
        raise Unreachable(reason="invalid_address")

    monkeypatch.setattr(fake, "open", broken)
    answer = await why(hub)
    assert results(answer)["name"] == "not_run"
    assert answer["verdict"] == "The account is not loaded."


async def test_a_disabled_account_is_refused(hub: HomeAssistant, add_account: AddAccount) -> None:
    entry = await add_account()
    await hub.config_entries.async_unload(entry.entry_id)
    er.async_get(hub).async_update_entity("camera.yard")
    object.__setattr__(entry, "disabled_by", "user")
    with pytest.raises(ServiceValidationError) as caught:
        await why(hub)
    assert caught.value.translation_key == "entry_disabled"


async def test_the_sentences_are_in_the_language_of_the_user(
    hub: HomeAssistant, add_account: AddAccount, hass_admin_user: MockUser, hass_storage: dict[str, Any]
) -> None:
    await add_account()
    key = f"frontend.user_data_{hass_admin_user.id}"
    hass_storage[key] = {"version": 1, "data": {"language": {"language": "xx"}}}
    # No such language: English stands in, key by key.
    assert (await why(hub, user=hass_admin_user))["verdict"].startswith("Nothing is wrong now")


async def test_two_who_ask_at_once_make_one_look(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    entry = await add_account()
    await entry.runtime_data.sweep
    fake.provider.stills.gate.clear()
    fake.provider.stills.asked.clear()
    first = hub.async_create_task(async_examine(hub, entry, "yard"))
    second = hub.async_create_task(async_examine(hub, entry, "yard"))
    await fake.provider.stills.asked.wait()
    fake.provider.stills.gate.set()
    assert await first is await second
    assert entry.runtime_data.reports["yard"] is await first


async def test_a_look_that_the_account_ends_goes_by_what_is_known(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account()
    await entry.runtime_data.sweep
    fake.provider.stills.gate.clear()
    fake.provider.stills.asked.clear()
    look = hub.async_create_task(async_examine(hub, entry, "yard"))
    await fake.provider.stills.asked.wait()
    await entry.runtime_data.checks.cancel()
    report = await look
    assert report.verdict is None
    fake.provider.stills.gate.set()


async def test_the_button_tells_in_a_notification(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    registry = er.async_get(hub)
    entry = await add_account()
    button = registry.async_get("button.yard_check_camera")
    assert button is not None
    assert button.disabled_by is er.RegistryEntryDisabler.INTEGRATION
    registry.async_update_entity(button.entity_id, disabled_by=None)
    await hub.config_entries.async_reload(entry.entry_id)
    await hub.async_block_till_done()
    fake.provider.listed = [fake.provider.camera("yard", online=False, offline_reason="camera_offline")]
    for listed in (fake.provider.listed, []):
        fake.provider.listed = listed
        await hub.services.async_call("button", "press", {"entity_id": button.entity_id}, blocking=True)
        (told,) = hub.data["persistent_notification"].values()
        assert ("The recorder cannot reach this camera." in told["message"]) is bool(listed)


@pytest.fixture
async def dark(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> Any:
    def offline(provider: FakeProvider) -> None:
        provider.listed = [provider.camera("yard", online=False), provider.camera("door")]

    fake.prepare = offline
    entry = await add_account()
    # A clock of its own, so that hours pass at once.
    entry.runtime_data.issues.darkness = Darkness(entry, FakeClock())
    await entry.runtime_data.async_refresh()
    return entry


async def pass_hours(entry: Any, hours: float) -> None:
    await entry.runtime_data.issues.darkness._clock.advance(hours * 3600)
    await entry.runtime_data.async_refresh()


def ours(issues: ir.IssueRegistry) -> set[str | None]:
    return {issue.translation_key for (domain, _), issue in issues.issues.items() if domain == DOMAIN}


async def test_a_camera_that_stays_dark_is_told_of(
    hub: HomeAssistant, fake: FakeSpec, dark: Any, issue_registry: ir.IssueRegistry
) -> None:
    await pass_hours(dark, 5.9)
    assert ours(issue_registry) == set()
    await pass_hours(dark, 0.2)
    issue = issue_registry.async_get_issue(DOMAIN, f"camera_dark_{dark.entry_id}_yard")
    assert issue is not None
    assert (issue.is_fixable, issue.data) == (True, {"entry_id": dark.entry_id, "camera_id": "yard"})
    fake.provider.listed = [fake.provider.camera("yard"), fake.provider.camera("door")]
    await dark.runtime_data.async_refresh()
    assert ours(issue_registry) == set()


async def test_an_account_that_stays_away_is_told_of_once(
    hub: HomeAssistant, fake: FakeSpec, dark: Any, issue_registry: ir.IssueRegistry
) -> None:
    fake.provider.cameras_error = Unreachable()
    await pass_hours(dark, 1)
    await pass_hours(dark, 7)
    assert ours(issue_registry) == {"account_dark"}
    fake.provider.cameras_error = None
    await pass_hours(dark, 0)
    assert ours(issue_registry) == {"camera_dark"}


async def test_a_login_that_is_over_is_no_darkness(
    hub: HomeAssistant, fake: FakeSpec, dark: Any, issue_registry: ir.IssueRegistry
) -> None:
    fake.provider.cameras_error = AuthError()
    await pass_hours(dark, 1)
    await pass_hours(dark, 3)
    assert ours(issue_registry) == {"credential_refused"}


async def test_telling_can_be_switched_off(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, issue_registry: ir.IssueRegistry
) -> None:
    fake.prepare = lambda provider: setattr(provider, "listed", [provider.camera("yard", online=False)])
    entry = await add_account(options={"dark": 0})
    entry.runtime_data.issues.darkness = Darkness(entry, FakeClock())
    await pass_hours(entry, 0)
    await pass_hours(entry, timedelta(days=9).total_seconds() / 3600)
    assert ours(issue_registry) == set()


class Dialog:
    """A repair as a browser goes through it."""

    def __init__(self, hass: HomeAssistant, client: Any) -> None:
        self.hass = hass
        self.client = client
        self.form: Any = None

    async def open(self, issue_id: str) -> Any:
        said = await self.client.post("/api/repairs/issues/fix", json={"handler": DOMAIN, "issue_id": issue_id})
        self.form = await said.json()
        return await self.settled()

    async def settled(self) -> Any:
        while self.form["type"] == "progress":
            await self.hass.async_block_till_done()
            said = await self.client.get(f"/api/repairs/issues/fix/{self.form['flow_id']}")
            self.form = await said.json()
        return self.form

    async def answer(self, **answers: object) -> Any:
        said = await self.client.post(f"/api/repairs/issues/fix/{self.form['flow_id']}", json=answers)
        self.form = await said.json()
        return await self.settled()


@pytest.fixture
async def dialog(hub: HomeAssistant, dark: Any, hass_client: ClientSessionGenerator) -> Dialog:
    assert await async_setup_component(hub, REPAIRS, {})
    await pass_hours(dark, 7)
    return Dialog(hub, await hass_client())


async def test_the_repair_looks_and_says_what_to_do(
    hub: HomeAssistant, fake: FakeSpec, dark: Any, dialog: Dialog, issue_registry: ir.IssueRegistry
) -> None:
    found = await dialog.open(f"camera_dark_{dark.entry_id}_yard")
    assert (found["type"], found["step_id"], found["menu_options"]) == ("menu", "found", ["look", "leave"])
    words = found["description_placeholders"]
    assert words["verdict"] == "The account says that the camera is offline."
    assert words["next_step"].startswith("Check the power of the camera")
    assert words["checks"].count("\n- ") == len(Check) - 1
    again = await dialog.answer(next_step_id="look")
    assert again["step_id"] == "found"
    left = await dialog.answer(next_step_id="leave")
    assert (left["type"], left["reason"]) == ("abort", "still_dark")
    assert ours(issue_registry) == {"camera_dark"}


async def test_the_repair_of_a_camera_that_is_back_closes_the_issue(
    hub: HomeAssistant, fake: FakeSpec, dark: Any, dialog: Dialog, issue_registry: ir.IssueRegistry
) -> None:
    fake.provider.listed = [fake.provider.camera("yard"), fake.provider.camera("door")]
    fine = await dialog.open(f"camera_dark_{dark.entry_id}_yard")
    assert (fine["step_id"], "/api/camhub/preview/" in fine["description_placeholders"]["picture"]) == ("fine", True)
    assert (await dialog.answer())["type"] == "create_entry"
    assert ours(issue_registry) == set()


async def test_the_repair_leads_into_signing_in(hub: HomeAssistant, fake: FakeSpec, dark: Any, dialog: Dialog) -> None:
    fake.provider.cameras_error = AuthError()
    found = await dialog.open(f"camera_dark_{dark.entry_id}_yard")
    assert found["menu_options"] == ["sign_in", "look", "leave"]
    done = await dialog.answer(next_step_id="sign_in")
    assert done["reason"] == "sign_in_again"
    (flow,) = hub.config_entries.flow.async_progress()
    assert done["next_flow"] == ["config_flow", flow["flow_id"]]


async def test_the_repair_works_while_the_account_is_not_loaded(hub: HomeAssistant, dark: Any, dialog: Dialog) -> None:
    await hub.config_entries.async_unload(dark.entry_id)
    issue_id = f"camera_dark_{dark.entry_id}_yard"
    found = await dialog.open(issue_id)
    assert found["description_placeholders"]["verdict"] == "The account is not loaded."
    assert found["description_placeholders"]["picture"] == ""


async def test_the_repair_of_a_removed_account_ends_at_once(hub: HomeAssistant) -> None:
    flow = await async_create_fix_flow(hub, "camera_dark_x_yard", {"entry_id": "x", "camera_id": "yard"})
    assert isinstance(flow, WhyDarkFlow)
    flow.hass, flow.handler, flow.flow_id, flow.context = hub, DOMAIN, "f", {}
    for step in (flow.async_step_init, flow.async_step_found, flow.async_step_sign_in):
        assert (await step())["type"] == "create_entry"
