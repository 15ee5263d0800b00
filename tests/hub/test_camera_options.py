"""The pages about one camera, each with its picture as it is now."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
import pytest

from custom_components.camhub.const import DOMAIN
from custom_components.camhub.darkness import Darkness
from custom_components.camhub.kernel.errors import Unreachable
from custom_components.camhub.preview import async_glance
from custom_components.camhub.runtime import SHARED
from tests.fake_clock import FakeClock

from .conftest import AddAccount
from .fake_provider import FakeProvider, FakeSpec
from .pictures import jpeg


async def open_page(hass: HomeAssistant, entry: Any, page: str) -> Any:
    options = hass.config_entries.options
    menu = await options.async_init(entry.entry_id)
    return await options.async_configure(menu["flow_id"], {"next_step_id": page})


def watched(provider: FakeProvider) -> None:
    provider.listed = [provider.camera("yard", mjpeg=provider.mjpeg, event_kinds=frozenset())]


def two_watched(provider: FakeProvider) -> None:
    watched(provider)
    provider.listed += [provider.camera("shed", mjpeg=provider.mjpeg, event_kinds=frozenset())]


PAGES = ("picture", "motion", "recording", "viewers")


@pytest.mark.parametrize("page", PAGES)
async def test_of_several_cameras_one_is_chosen(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, page: str
) -> None:
    fake.prepare = two_watched
    entry = await add_account()
    which = await open_page(hub, entry, page)
    assert which["step_id"] == page
    form = await hub.config_entries.options.async_configure(which["flow_id"], {"camera": "shed"})
    assert form["step_id"] == f"{page}_of"
    assert (form["description_placeholders"] or {})["camera"] == "Shed"


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_has_to_be_about_a_camera(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, page: str
) -> None:
    fake.prepare = watched
    entry = await add_account()
    menu = await hub.config_entries.options.async_init(entry.entry_id)
    entry.runtime_data.data = {}
    ended = await hub.config_entries.options.async_configure(menu["flow_id"], {"next_step_id": page})
    reasons = {"motion": "no_camera_to_watch", "recording": "no_camera_to_record"}
    assert ended["reason"] == reasons.get(page, "no_camera")


async def test_only_pages_that_are_of_use_are_offered(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account()
    menu = await hub.config_entries.options.async_init(entry.entry_id)
    offered = menu["menu_options"] or ()
    assert not [page for page in ("motion", "recording", "recordings_kept") if page in offered]
    hub.config_entries.async_update_entry(entry, options={"motion": {"yard": {}}})
    menu = await hub.config_entries.options.async_init(entry.entry_id)
    assert "motion" in (menu["menu_options"] or ()), "what is set can be taken back"


@pytest.mark.parametrize("page", PAGES)
async def test_each_page_shows_the_picture_of_now(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, page: str
) -> None:
    fake.prepare = watched
    entry = await add_account()
    await entry.runtime_data.sweep
    fake.provider.stills.content = jpeg(7)
    form = await open_page(hub, entry, page)
    assert form["step_id"] == f"{page}_of"
    assert form["description_placeholders"]["camera"] == "Yard"
    assert form["description_placeholders"]["picture"].startswith("![](/api/camhub/preview/")
    assert hub.data[SHARED].previews._pictures[form["flow_id"]] == jpeg(7)
    hub.config_entries.options.async_abort(form["flow_id"])
    assert len(hub.data[SHARED].previews) == 0


async def test_a_camera_that_fails_or_sleeps_shows_its_last_picture(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    def two(provider: FakeProvider) -> None:
        provider.listed = [
            provider.camera("yard"),
            provider.camera("shed", still_floor=600.0),
            provider.camera("barn", stills=None),
        ]

    fake.prepare = two
    entry = await add_account()
    await entry.runtime_data.sweep
    taken = fake.provider.stills.taken
    assert await async_glance(entry.runtime_data, "shed") == jpeg(1)
    assert fake.provider.stills.taken == taken
    fake.provider.stills.error = Unreachable()
    assert await async_glance(entry.runtime_data, "yard") == jpeg(1)
    assert await async_glance(entry.runtime_data, "barn") is None
    assert await async_glance(entry.runtime_data, "nobody") is None


async def test_pictures_of_one_camera_lie_further_apart(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account()
    form = await open_page(hub, entry, "picture")
    done = await hub.config_entries.options.async_configure(form["flow_id"], {"floor": 90, "tell": False})
    assert done["type"] is FlowResultType.CREATE_ENTRY
    await hub.async_block_till_done()
    assert entry.options["cameras"] == {"yard": {"floor": 90, "tell": False}}
    assert entry.runtime_data.data["yard"].still_floor == 90.0
    fake.provider.listed = [fake.provider.camera("yard", still_floor=600.0)]
    await entry.runtime_data.async_refresh()
    assert entry.runtime_data.data["yard"].still_floor == 600.0


async def test_a_camera_that_is_off_on_purpose_is_not_told_of(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, issue_registry: ir.IssueRegistry
) -> None:
    fake.prepare = lambda provider: setattr(provider, "listed", [provider.camera("yard", online=False)])
    entry = await add_account(options={"cameras": {"yard": {"tell": False}}})
    clock = FakeClock()
    entry.runtime_data.issues.darkness = Darkness(entry, clock)
    for _ in range(2):
        await entry.runtime_data.async_refresh()
        await clock.advance(7 * 3600)
    assert not [issue for domain, issue in issue_registry.issues if domain == DOMAIN]


async def test_a_page_about_a_camera_needs_the_account(hub: HomeAssistant, add_account: AddAccount) -> None:
    entry = await add_account(setup=False)
    menu = await hub.config_entries.options.async_init(entry.entry_id)
    done = await hub.config_entries.options.async_configure(menu["flow_id"], {"next_step_id": "picture"})
    assert done["reason"] == "not_loaded"
