"""A device that the network tells of: offered with its address and picture, followed when it moved, or left alone."""

from collections.abc import Awaitable, Callable, Mapping
from ipaddress import ip_address
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from homeassistant.components.zeroconf.discovery import info_from_service
from homeassistant.config_entries import (
    SOURCE_DHCP,
    SOURCE_IGNORE,
    SOURCE_SSDP,
    SOURCE_ZEROCONF,
    ConfigEntryState,
    ConfigFlowResult,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.service_info.dhcp import DhcpServiceInfo
from homeassistant.helpers.service_info.ssdp import SsdpServiceInfo
import pytest
from zeroconf.asyncio import AsyncServiceInfo

from custom_components.camhub.config_flow import CamHubConfigFlow
from custom_components.camhub.const import CONF_FOUND, DOMAIN
from custom_components.camhub.discovery import GLIMPSE_LIMIT, from_ssdp, from_zeroconf
from custom_components.camhub.kernel.discovery import Discovered, Found
from custom_components.camhub.kernel.endpoints import Endpoint
from custom_components.camhub.kernel.errors import AuthError, Unreachable

from .conftest import AddAccount, credentials_of
from .fake_provider import PASSWORD, SERIAL, FakeProvider, FakeSpec
from .pictures import jpeg

MAC = "020000000099"


def asking(host: str = "192.0.2.7", mac: str = MAC) -> DhcpServiceInfo:
    return DhcpServiceInfo(ip=host, hostname="Cam", macaddress=mac)


async def find(hass: HomeAssistant, info: Any = None, source: str = SOURCE_DHCP) -> ConfigFlowResult:
    return await hass.config_entries.flow.async_init(DOMAIN, context={"source": source}, data=info or asking())


async def go_on(hass: HomeAssistant, flow: ConfigFlowResult, **answers: Any) -> ConfigFlowResult:
    return await hass.config_entries.flow.async_configure(flow["flow_id"], answers)


def words(form: ConfigFlowResult) -> Mapping[str, str]:
    """Return what a page shows."""
    shown = form["description_placeholders"]
    assert shown is not None
    return shown


def device(found: Found, **changes: Any) -> Discovered:
    fields: dict[str, Any] = {
        "id": found.mac or found.name,
        "title": "Garden",
        "model": "EX-1",
        "answers": {"address": f"http://{found.host}"},
    }
    return Discovered(**{**fields, **changes})


@pytest.fixture
def known(fake: FakeSpec) -> FakeSpec:
    """Have the fake provider know every device."""
    fake.discover = device
    return fake


async def test_a_device_is_offered_and_added(hub: HomeAssistant, known: FakeSpec) -> None:
    form = await find(hub)
    assert (form["type"], form["step_id"]) == (FlowResultType.FORM, "found")
    assert form["description_placeholders"] == {
        "name": "Garden",
        "model": "EX-1",
        "address": "192.0.2.7",
        "provider": "Fake",
        "picture": "",
    }
    (shown,) = hub.config_entries.flow.async_progress()
    assert shown["context"]["title_placeholders"] == {"name": "Garden (192.0.2.7)"}
    page = await go_on(hub, form)
    assert page["step_id"] == "mjpeg_address"
    schema = page["data_schema"]
    assert schema is not None
    assert {str(key): key.description for key in schema.schema}["address"] == {"suggested_value": "http://192.0.2.7"}
    answers = {"address": "http://192.0.2.7", "username": "nobody", "password": PASSWORD, "verify_tls": True}
    made = await go_on(hub, await go_on(hub, page, **answers), name="Garden")
    assert made["type"] is FlowResultType.CREATE_ENTRY
    assert made["result"].data[CONF_FOUND] == MAC
    await hub.async_block_till_done()
    assert (await find(hub))["reason"] == "already_configured"


async def test_a_stranger_is_left_alone(hub: HomeAssistant, fake: FakeSpec) -> None:
    fake.discover = lambda _: None
    assert (await find(hub))["reason"] == "not_for_camhub"
    assert (await find(hub, asking(host="")))["reason"] == "not_for_camhub"


async def test_one_that_is_ignored_stays_ignored(hub: HomeAssistant, known: FakeSpec) -> None:
    form = await find(hub)
    (progress,) = hub.config_entries.flow.async_progress()
    ignore = {"unique_id": progress["context"]["unique_id"], "title": "Garden"}
    await hub.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_IGNORE}, data=ignore)
    assert form["flow_id"] not in {each["flow_id"] for each in hub.config_entries.flow.async_progress()}
    assert (await find(hub))["reason"] == "already_configured"


async def test_two_sightings_are_one_offer(hub: HomeAssistant, known: FakeSpec) -> None:
    await find(hub)
    assert (await find(hub))["reason"] == "already_in_progress"


async def test_a_page_without_a_device_is_refused(hub: HomeAssistant) -> None:
    assert (await CamHubConfigFlow().async_step_found())["reason"] == "unknown"


def upnp(**changes: Any) -> SsdpServiceInfo:
    fields = {
        "ssdp_usn": "uuid:1",
        "ssdp_st": "upnp:rootdevice",
        "ssdp_location": "http://192.0.2.8:49152/description.xml",
        "upnp": {"friendlyName": "Box", "presentationURL": "http://192.0.2.7:8080"},
    }
    return SsdpServiceInfo(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "host", "port"),
    [
        ({}, "192.0.2.7", 8080),
        ({"upnp": {}}, "192.0.2.8", 80),
        ({"upnp": {"presentationURL": "http://["}}, "192.0.2.8", 80),
        ({"upnp": {}, "ssdp_location": None}, "", 80),
    ],
)
def test_where_a_device_that_describes_itself_is(changes: Any, host: str, port: int) -> None:
    found = from_ssdp(upnp(**changes))
    assert (found.host, found.port) == (host, port)


async def test_a_device_that_describes_itself_is_offered(hub: HomeAssistant, known: FakeSpec) -> None:
    form = await find(hub, upnp(), SOURCE_SSDP)
    assert words(form)["address"] == "192.0.2.7"


def service(port: int = 8000) -> Any:
    name = "garden camera._camhub-pi._tcp.local."
    raw = AsyncServiceInfo(
        "_camhub-pi._tcp.local.",
        name,
        port=port,
        server="garden.local.",
        addresses=[ip_address("192.0.2.7").packed],
        properties={"role": "camera"},
    )
    return info_from_service(raw)


async def test_a_service_that_announces_itself_is_offered(hub: HomeAssistant, known: FakeSpec) -> None:
    found = from_zeroconf(service())
    assert (found.service, found.name, found.hostname) == ("_camhub-pi._tcp", "garden camera", "garden")
    assert (found.host, found.port, found.facts) == ("192.0.2.7", 8000, {"role": "camera"})
    form = await find(hub, service(), SOURCE_ZEROCONF)
    assert form["step_id"] == "found"


type Serve = Callable[[bytes, int], Awaitable[str]]


@pytest.fixture
async def serve(socket_enabled: None) -> Any:
    """Return a function that serves a body on loopback and returns its address."""
    servers: list[TestServer] = []

    async def start(body: bytes, status: int = 200) -> str:
        async def answer(_request: web.Request) -> web.Response:
            return web.Response(body=body, status=status, content_type="image/jpeg")

        app = web.Application()
        app.router.add_get("/snapshot.jpg", answer)
        server = TestServer(app)
        await server.start_server()
        servers.append(server)
        return str(server.make_url("/snapshot.jpg"))

    yield start
    for server in servers:
        await server.close()


@pytest.mark.parametrize(
    ("body", "status", "shown"),
    [
        (jpeg(1), 200, True),
        (b"<html>", 200, False),
        (jpeg(1), 404, False),
        (b"\xff" * (GLIMPSE_LIMIT + 1), 200, False),
    ],
    ids=["picture", "page", "missing", "endless"],
)
async def test_the_picture_that_a_device_shows_to_anyone(
    hub: HomeAssistant, fake: FakeSpec, serve: Serve, body: bytes, status: int, shown: bool
) -> None:
    address = await serve(body, status)
    fake.discover = lambda found: device(found, picture=address)
    form = await find(hub)
    assert words(form)["picture"].startswith("![](/api/camhub/preview/") is shown


async def test_a_device_of_an_account_at_a_service_is_not_offered_again(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    fake.discover = lambda found: device(found, cloud=True, answers={})
    form = await find(hub)
    assert words(form)["address"] == "Fake"
    hub.config_entries.flow.async_abort(form["flow_id"])
    await add_account()
    assert (await find(hub))["reason"] == "already_configured"


@pytest.mark.parametrize(
    ("found", "entrance"),
    [({"serial": f"{SERIAL}porter"}, "192.0.2.1"), ({}, "192.0.2.7")],
    ids=["serial", "address"],
)
async def test_one_that_is_set_up_is_not_offered_again(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, found: Any, entrance: str
) -> None:
    fake.discover = lambda seen: device(seen, **found)
    fake.prepare = lambda provider: setattr(provider, "entrances", (Endpoint(host=entrance, port=80),))
    await add_account()
    assert (await find(hub))["reason"] == "already_configured"


def gone(provider: FakeProvider) -> None:
    provider.cameras_error = Unreachable()


async def sight(hass: HomeAssistant, host: str = "192.0.2.7") -> None:
    """See the camera of the account ask for an address."""
    mac = f"0200000000{sum(b'yard') % 256:02x}"
    assert (await find(hass, asking(host, mac)))["reason"] == "already_configured"
    await hass.async_block_till_done()


async def test_a_device_that_moved_is_followed(hub: HomeAssistant, known: FakeSpec, add_account: AddAccount) -> None:
    entry = await add_account()
    await sight(hub)
    # It still answers where it was.
    assert (await credentials_of(hub, entry))["address"] == "http://192.0.2.9"
    gone(known.provider)
    await entry.runtime_data.async_refresh()
    await sight(hub)
    assert (await credentials_of(hub, entry))["address"] == "http://192.0.2.7"
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data.last_update_success


async def test_a_device_that_is_found_by_itself_is_followed(
    hub: HomeAssistant, known: FakeSpec, add_account: AddAccount
) -> None:
    known.prepare = lambda provider: setattr(provider, "listed", [provider.camera("yard", online=False)])
    entry = await add_account()
    hub.config_entries.async_update_entry(entry, data={**entry.data, CONF_FOUND: MAC})
    assert (await find(hub))["reason"] == "already_configured"
    await hub.async_block_till_done()
    assert (await credentials_of(hub, entry))["address"] == "http://192.0.2.7"
    assert entry.data[CONF_FOUND] == MAC


@pytest.mark.parametrize("host", ["192.0.2.66", "192.0.2.9"], ids=["not there", "not moved"])
async def test_one_that_cannot_be_followed_stays(
    hub: HomeAssistant, known: FakeSpec, add_account: AddAccount, host: str
) -> None:
    entry = await add_account()
    gone(known.provider)
    await entry.runtime_data.async_refresh()
    await sight(hub, host)
    assert (await credentials_of(hub, entry))["address"] == "http://192.0.2.9"


async def test_another_device_at_the_new_address_is_not_taken(
    hub: HomeAssistant, known: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account(unique_id="mjpeg_another")
    gone(known.provider)
    await entry.runtime_data.async_refresh()
    await sight(hub)
    assert (await credentials_of(hub, entry))["address"] == "http://192.0.2.9"


async def test_a_refused_login_is_not_tried_elsewhere(
    hub: HomeAssistant, known: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account()
    known.prepare = lambda provider: setattr(provider, "connect_error", AuthError())
    await hub.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    await sight(hub)
    assert (await credentials_of(hub, entry))["address"] == "http://192.0.2.9"
