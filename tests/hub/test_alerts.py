from collections.abc import AsyncGenerator
from datetime import timedelta
from email.message import EmailMessage
from http import HTTPStatus
from pathlib import Path
import shutil
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.blueprint import models
from homeassistant.components.blueprint.schemas import BLUEPRINT_SCHEMA
from homeassistant.core import Context, HomeAssistant, ServiceCall
from homeassistant.core_config import async_process_ha_core_config
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util, yaml as yaml_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from custom_components.camhub.alert_pictures import AlertPictures
from custom_components.camhub.kernel.errors import Unreachable
from custom_components.camhub.kernel.model import CameraEvent, EventKind, Image
from tests.fake_clock import FakeClock

from .conftest import AddAccount, state_of
from .fake_provider import FakeProvider, FakeSpec
from .mail import MailServer, lend_client
from .pictures import jpeg

BLUEPRINTS = Path(__file__).parents[2] / "blueprints" / "automation" / "camhub"
CAMERA, EVENTS = "camera.yard", "event.yard_activity"


@pytest.fixture
async def entry(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> MockConfigEntry:
    await async_process_ha_core_config(hub, {"external_url": "https://home.example.com"})
    await hub.config.async_set_time_zone("UTC")
    return await add_account()


@pytest.fixture
def calls(hub: HomeAssistant) -> list[ServiceCall]:
    """Return what was sent to phones and by notify entities that take no picture."""
    calls: list[ServiceCall] = []
    for name in ("mobile_app_phone", "send_message"):
        hub.services.async_register("notify", name, calls.append)
    return calls


@pytest.fixture
async def mail(hub: HomeAssistant, monkeypatch: pytest.MonkeyPatch, socket_enabled: None) -> AsyncGenerator[MailServer]:
    """Set up Home Assistant's own mail integration with a server of its own and one recipient."""
    lend_client(monkeypatch)
    async with MailServer().running() as server:
        entry = MockConfigEntry(
            domain="smtp",
            title="Mail",
            data={
                "server": "127.0.0.1",
                "port": server.port,
                "encryption": "none",
                "sender": "home@example.com",
                "verify_ssl": True,
            },
            subentries_data=[
                {"data": {}, "subentry_type": "recipient", "title": "Ann", "unique_id": "ann@example.com"}
            ],
        )
        entry.add_to_hass(hub)
        assert await hub.config_entries.async_setup(entry.entry_id)
        await hub.async_block_till_done()
        yield server
        await hub.config_entries.async_unload(entry.entry_id)


def recipient(hass: HomeAssistant) -> str:
    (entity,) = [each for each in er.async_get(hass).entities.values() if each.platform == "smtp"]
    return entity.entity_id


def see(fake: FakeSpec, number: int, kind: EventKind = EventKind.MOTION) -> None:
    at = dt_util.utcnow()
    image = Image(content=jpeg(number), taken_at=at, source="event")
    fake.provider.line.put_nowait(CameraEvent(id=f"e{number}", camera="yard", kind=kind, at=at, image=image))


async def automate(hass: HomeAssistant, name: str, **inputs: Any) -> None:
    folder = Path(hass.config.path("blueprints", "automation", "camhub"))

    def copy() -> None:
        folder.mkdir(parents=True)
        shutil.copy(BLUEPRINTS / name, folder)

    await hass.async_add_executor_job(copy)
    automation = {"use_blueprint": {"path": f"camhub/{name}", "input": {"events": [EVENTS], **inputs}}}
    assert await async_setup_component(hass, "automation", {"automation": [automation]})
    await hass.async_block_till_done()
    assert len(hass.states.async_entity_ids("automation")) == 1


async def link(hass: HomeAssistant, **data: Any) -> dict[str, Any]:
    found: Any = await hass.services.async_call(
        "camhub", "picture_link", {"entity_id": CAMERA, **data}, blocking=True, return_response=True
    )
    links: dict[str, Any] = found[CAMERA]
    return links


def picture_of(message: EmailMessage) -> bytes:
    (picture,) = [part for part in message.walk() if part.get_content_type() == "image/jpeg"]
    assert (picture["Content-ID"], picture.get_filename()) == ("<picture>", "picture.jpg")
    content = picture.get_content()
    assert isinstance(content, bytes)
    return content


@pytest.mark.parametrize("name", ["motion_email.yaml", "motion_push.yaml"])
def test_they_are_blueprints_by_home_assistants_own_schema(name: str) -> None:
    data = yaml_util.parse_yaml((BLUEPRINTS / name).read_text())
    assert isinstance(data, dict)
    blueprint = models.Blueprint(data, expected_domain="automation", path=name, schema=BLUEPRINT_SCHEMA)
    assert blueprint.validate() is None


async def test_a_link_opens_a_picture_for_a_while(
    hub: HomeAssistant, entry: MockConfigEntry, fake: FakeSpec, hass_client_no_auth: ClientSessionGenerator
) -> None:
    client = await hass_client_no_auth()
    now = await link(hub)
    see(fake, 7)
    await hub.async_block_till_done()
    seen, still = await link(hub, minutes=5), await link(hub, picture="now")
    see(fake, 8)
    await hub.async_block_till_done()
    for links, content in ((now, jpeg(1)), (seen, jpeg(7)), (still, jpeg(1))):
        answer = await client.get(links["picture"])
        assert (answer.status, await answer.read()) == (HTTPStatus.OK, content), "it stays what it was"
        assert answer.headers["Cache-Control"] == "no-store"
        assert (await client.get(links["picture"].partition("?")[0])).status == HTTPStatus.UNAUTHORIZED
        assert links["picture_url"] == f"https://home.example.com{links['picture']}"
    today = dt_util.now().date().isoformat()
    assert seen["recordings"] == (
        f"/media-browser/browser/video%2Cmedia-source%3A%2F%2Fcamhub%2F{entry.entry_id}%2Fyard%2F{today}"
    )
    assert seen["recordings_url"].startswith("https://home.example.com/media-browser/")
    left = dt_util.parse_datetime(seen["expires"], raise_on_error=True) - dt_util.utcnow()
    assert timedelta(minutes=4) < left <= timedelta(minutes=5)


async def test_a_picture_is_for_who_may_see_the_camera(
    hub: HomeAssistant,
    entry: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
    hass_client_no_auth: ClientSessionGenerator,
    hass_read_only_user: MockUser,
    hass_read_only_access_token: str,
) -> None:
    async def ask() -> dict[str, Any]:
        await socket.send_json_auto_id(
            {
                "type": "call_service",
                "domain": "camhub",
                "service": "picture_link",
                "target": {"entity_id": CAMERA},
                "return_response": True,
            }
        )
        answer: dict[str, Any] = await socket.receive_json()
        return answer

    socket = await hass_ws_client(access_token=hass_read_only_access_token)
    hass_read_only_user.mock_policy({"entities": {"entity_ids": {CAMERA: True}}})
    path = (await ask())["result"]["response"][CAMERA]["picture"]
    client = await hass_client_no_auth()
    assert (await client.get(path)).status == HTTPStatus.OK
    hub.config_entries.async_update_entry(entry, options={"viewers": {"yard": {"users": [], "groups": []}}})
    assert (await client.get(path)).status == HTTPStatus.FORBIDDEN
    assert not (await ask())["success"]


async def test_without_an_address_of_its_own_there_are_paths_only(
    hub: HomeAssistant, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hub.config.async_update(external_url=None)
    monkeypatch.setattr(hub.config, "api", None)
    links = await link(hub)
    assert links["picture"]
    assert (links["picture_url"], links["recordings_url"]) == (None, None)


async def test_pictures_are_bounded_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()
    pictures = AlertPictures(clock)
    image = Image(content=bytes(100), taken_at=clock.now())
    first = pictures.keep("yard", image, timedelta(minutes=1))
    assert pictures.get("yard", first) is image
    assert pictures.get("door", first) is None
    await clock.advance(60)
    assert pictures.get("yard", first) is None
    monkeypatch.setattr("custom_components.camhub.alert_pictures.LIMIT", 250)
    names = [pictures.keep("yard", image, timedelta(minutes=1)) for _ in range(3)]
    assert [pictures.get("yard", name) for name in names] == [None, image, image]


async def send(hass: HomeAssistant, notifier: str, context: Context | None = None) -> None:
    await hass.services.async_call(
        "camhub",
        "send_test_alert",
        {"entity_id": CAMERA, "notifier": notifier},
        blocking=True,
        context=context,
    )


async def test_a_test_goes_to_a_phone_with_the_picture(
    hub: HomeAssistant,
    entry: MockConfigEntry,
    calls: list[ServiceCall],
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    await send(hub, "notify.mobile_app_phone")
    (call,) = calls
    assert (call.service, call.data["title"]) == ("mobile_app_phone", "Test: Yard")
    data = call.data["data"]
    assert data["url"] == data["clickAction"]
    answer = await (await hass_client_no_auth()).get(data["image"])
    assert await answer.read() == jpeg(1)
    hub.states.async_set("notify.chat", "unknown")
    await send(hub, "notify.chat")
    assert calls[1].service == "send_message"
    assert "https://home.example.com/api/camhub/streams/" in calls[1].data["message"]


async def test_a_test_by_mail_has_the_picture_inside(
    hub: HomeAssistant, entry: MockConfigEntry, mail: MailServer
) -> None:
    await send(hub, recipient(hub))
    message = mail.messages.get_nowait()
    assert (message["Subject"], message["To"], message["From"]) == (
        "Test: Yard",
        "Ann <ann@example.com>",
        "home@example.com",
    )
    assert picture_of(message) == jpeg(1)
    html = message.get_body(("html",))
    assert html is not None
    assert 'src="cid:picture"' in html.get_content()


async def test_a_test_without_any_picture_is_sent_all_the_same(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, mail: MailServer, calls: list[ServiceCall]
) -> None:
    def without(provider: FakeProvider) -> None:
        provider.listed = [provider.camera("yard", stills=None)]

    fake.prepare = without
    await add_account()
    assert (await link(hub))["picture"] is None
    await send(hub, recipient(hub))
    assert mail.messages.get_nowait()["Subject"] == "Test: Yard"
    await send(hub, "notify.mobile_app_phone")
    assert "image" not in calls[0].data["data"]


@pytest.mark.parametrize("notifier", ["notify.nobody", "light.kitchen"])
async def test_a_notifier_that_is_missing_is_said(hub: HomeAssistant, entry: MockConfigEntry, notifier: str) -> None:
    with pytest.raises(ServiceValidationError, match=rf"no notify entity or notify action {notifier}\."):
        await send(hub, notifier)


async def test_motion_is_told_to_a_phone_and_then_not_for_a_while(
    hub: HomeAssistant,
    entry: MockConfigEntry,
    fake: FakeSpec,
    calls: list[ServiceCall],
    hass_client_no_auth: ClientSessionGenerator,
    freezer: FrozenDateTimeFactory,
) -> None:
    freezer.move_to("2026-05-04 10:00:00+00:00")
    await automate(
        hub, "motion_push.yaml", message_action="notify.mobile_app_phone", kinds=["motion"], cool_down={"minutes": 5}
    )
    see(fake, 3)
    await until_sent(hub, calls, 1)
    (call,) = calls
    assert (call.data["title"], call.data["message"]) == ("Yard: motion", "Yard saw motion at 10:00:00.")
    data = call.data["data"]
    answer = await (await hass_client_no_auth()).get(data["image"])
    assert (answer.status, await answer.read()) == (HTTPStatus.OK, jpeg(3))
    assert data["actions"][0]["uri"] == data["url"]
    assert data["url"].startswith("/media-browser/browser/")
    freezer.tick(120)
    see(fake, 4)
    await hub.async_block_till_done()
    assert len(calls) == 1, "it is silent now"
    freezer.tick(200)
    see(fake, 5, EventKind.TAMPER)
    await hub.async_block_till_done()
    assert len(calls) == 1, "it was not asked for"
    see(fake, 6)
    await until_sent(hub, calls, 2)
    await stop(hub)


async def until_sent(hass: HomeAssistant, calls: list[ServiceCall], number: int) -> None:
    for _ in range(50):
        await hass.async_block_till_done()
        if len(calls) >= number:
            return
    pytest.fail(f"{len(calls)} messages, not {number}")


async def stop(hass: HomeAssistant) -> None:
    await hass.services.async_call("automation", "turn_off", {"entity_id": "all"}, blocking=True)
    await hass.async_block_till_done()


@pytest.mark.parametrize(
    ("at", "quiet_from", "quiet_to", "told"),
    [
        ("23:30:00", "22:00:00", "06:00:00", 0),
        ("05:59:59", "22:00:00", "06:00:00", 0),
        ("06:00:00", "22:00:00", "06:00:00", 1),
        ("13:00:00", "12:00:00", "14:00:00", 0),
        ("14:00:00", "12:00:00", "14:00:00", 1),
        ("00:00:00", "00:00:00", "00:00:00", 1),
    ],
)
async def test_there_are_quiet_hours(
    hub: HomeAssistant,
    entry: MockConfigEntry,
    fake: FakeSpec,
    calls: list[ServiceCall],
    freezer: FrozenDateTimeFactory,
    at: str,
    quiet_from: str,
    quiet_to: str,
    told: int,
) -> None:
    freezer.move_to(f"2026-05-04 {at}+00:00")
    await automate(
        hub,
        "motion_push.yaml",
        message_action="notify.mobile_app_phone",
        quiet_from=quiet_from,
        quiet_to=quiet_to,
    )
    see(fake, 3)
    await hub.async_block_till_done()
    await hub.async_block_till_done()
    assert len(calls) == told
    await stop(hub)


async def test_motion_is_told_by_mail_with_the_picture_inside(
    hub: HomeAssistant, entry: MockConfigEntry, fake: FakeSpec, mail: MailServer
) -> None:
    await automate(hub, "motion_email.yaml", recipients=[recipient(hub)])
    see(fake, 5)
    message = await mail.messages.get()
    assert message["Subject"] == "Yard: motion"
    assert picture_of(message) == jpeg(5)
    text = message.get_body(("plain",))
    assert text is not None
    assert "https://home.example.com/media-browser/browser/" in text.get_content()
    await stop(hub)


async def test_a_picture_that_does_not_come_does_not_hold_the_message_back(
    hub: HomeAssistant,
    entry: MockConfigEntry,
    fake: FakeSpec,
    calls: list[ServiceCall],
) -> None:
    await automate(hub, "motion_push.yaml", message_action="notify.mobile_app_phone", patience=0)
    fake.provider.stills.error = Unreachable()
    fake.provider.line.put_nowait(CameraEvent(id="dark", camera="yard", kind=EventKind.MOTION, at=dt_util.utcnow()))
    await until_sent(hub, calls, 1)
    assert calls[0].data["data"]["image"], "the last picture there is"
    await stop(hub)


async def test_what_was_before_a_restart_is_not_told(
    hub: HomeAssistant, entry: MockConfigEntry, calls: list[ServiceCall], fake: FakeSpec
) -> None:
    await automate(hub, "motion_push.yaml", message_action="notify.mobile_app_phone")
    old = state_of(hub, EVENTS)
    hub.states.async_set(EVENTS, "unavailable")
    hub.states.async_set(EVENTS, "2026-01-01T00:00:00.000+00:00", {**old.attributes, "event_type": "motion"})
    await hub.async_block_till_done()
    assert calls == []
    await stop(hub)


async def test_a_notifier_that_fails_is_heard_of(hub: HomeAssistant, entry: MockConfigEntry) -> None:
    async def fail(_call: ServiceCall) -> None:
        raise HomeAssistantError("no network")

    hub.services.async_register("notify", "broken", fail)
    with pytest.raises(HomeAssistantError, match="no network"):
        await send(hub, "notify.broken")
