"""Discovered devices: which provider and account they belong to, whether they have moved, and a preview."""

from collections.abc import Mapping
from typing import Any, Final

import aiohttp
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.service_info.dhcp import DhcpServiceInfo
from homeassistant.helpers.service_info.ssdp import SsdpServiceInfo
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from homeassistant.util import dt as dt_util
from yarl import URL

from .const import CONF_FOUND, CONF_PROVIDER, DOMAIN, LOGGER
from .coordinator import CamHubConfigEntry
from .credential_actions import async_sign_in_with
from .kernel.addresses import looked_up, parsed
from .kernel.discovery import Discovered, Found, FoundBy, moved
from .kernel.errors import HubError
from .kernel.model import Image
from .kernel.stills import checked
from .providers import PROVIDERS
from .runtime import async_known, async_load_spec, async_replace_login, identify

GLIMPSE_LIMIT: Final = 4 * 2**20
GLIMPSE: Final = aiohttp.ClientTimeout(total=4)


def from_dhcp(info: DhcpServiceInfo) -> Found:
    """Return a device that asked for an address."""
    return Found(by=FoundBy.DHCP, host=info.ip, mac=info.macaddress, hostname=info.hostname.lower())


def from_ssdp(info: SsdpServiceInfo) -> Found:
    """Return a device that announced itself by UPnP; its presentation URL is preferred to its description URL."""
    shown, described = _url(info.upnp.get("presentationURL")), _url(info.ssdp_location)
    page = shown if shown.host else URL.build(scheme="http", host=described.host or "")
    facts = {str(name): str(value) for name, value in info.upnp.items()}
    return Found(by=FoundBy.SSDP, host=page.host or "", port=page.port, name=facts.get("friendlyName", ""), facts=facts)


def from_zeroconf(info: ZeroconfServiceInfo) -> Found:
    """Return a service that announced itself by DNS-SD."""
    return Found(
        by=FoundBy.ZEROCONF,
        host=info.host,
        port=info.port,
        hostname=info.hostname.rstrip(".").removesuffix(".local").lower(),
        service=info.type.rstrip(".").removesuffix(".local"),
        name=info.name.removesuffix(f".{info.type}"),
        facts={str(name): str(value) for name, value in info.properties.items()},
    )


def _url(text: object) -> URL:
    """Return a URL that a device announced, an empty one if it is invalid."""
    return parsed(str(text or "")) or URL()


async def async_recognise(hass: HomeAssistant, found: Found) -> tuple[str, Discovered] | None:
    """Return the provider that recognises a device and the result; None if none does."""
    if not found.host:
        return None
    for key in PROVIDERS:
        spec = await async_load_spec(hass, key)
        if spec.discover is not None and (known := spec.discover(found)) is not None:
            return key, known
    return None


def by_mac(hass: HomeAssistant, mac: str | None) -> CamHubConfigEntry | None:
    """Return the account that a network address (MAC) belongs to."""
    if mac is None:
        return None
    connection = (dr.CONNECTION_NETWORK_MAC, dr.format_mac(mac))
    for device in dr.async_get(hass).async_get_devices(connections={connection}):
        entry = hass.config_entries.async_get_entry(device.config_entry_id)
        if entry is not None and entry.domain == DOMAIN:
            return entry
    return None


def known_entry(hass: HomeAssistant, key: str, device: Discovered) -> CamHubConfigEntry | None:
    """Return the account that a device belongs to."""
    if (entry := by_mac(hass, device.mac)) is not None:
        return entry
    ours = [
        entry
        for entry in hass.config_entries.async_entries(DOMAIN, include_ignore=False)
        if entry.data.get(CONF_PROVIDER) == key
    ]
    return next((entry for entry in ours if _is(entry, key, device)), None)


def _is(entry: CamHubConfigEntry, key: str, device: Discovered) -> bool:
    if device.cloud:
        # It comes with the account; a second account has to be added manually.
        return True
    if device.serial is not None and entry.unique_id == f"{key}_{device.serial}":
        return True
    if entry.data.get(CONF_FOUND) == device.id:
        return True
    host = _host(device)
    if entry.state is not ConfigEntryState.LOADED or host is None:
        return False
    return any(endpoint.host == host for endpoint in entry.runtime_data.provider.endpoints())


def _host(device: Discovered) -> str | None:
    """Return the host of a device; its address may be a bare host, as a user would type it."""
    text = str(device.answers.get("address", ""))
    return _url(text).host if "://" in text else text or None


def _is_reached(entry: CamHubConfigEntry) -> bool:
    """Return whether a device is still reachable at its known address."""
    if entry.state is not ConfigEntryState.LOADED:
        return False
    coordinator = entry.runtime_data
    return coordinator.last_update_success and any(camera.online is not False for camera in coordinator.data.values())


async def async_follow(hass: HomeAssistant, entry: CamHubConfigEntry, host: str) -> None:
    """Follow a device to a new address by signing in there, unless it still answers at the old one.

    The new address is stored only if it is the same device. A login that was refused is not tried: the device may lock
    the account.
    """
    may = entry.state in {ConfigEntryState.LOADED, ConfigEntryState.SETUP_RETRY}
    if not may or _is_reached(entry):
        return
    key = entry.data[CONF_PROVIDER]
    try:
        known = await async_known(hass, entry)
        given = moved(known, (await async_load_spec(hass, key)).addresses, host)
        if not given:
            return
        account = await async_sign_in_with(hass, key, known, given)
        if identify(key, account)[0] != entry.unique_id:
            LOGGER.warning("Another device than %s is at its new address", entry.title)
            return
        data = await async_replace_login(hass, entry, account)
    except (HubError, HomeAssistantError) as error:
        LOGGER.debug("%s cannot be followed to its new address: %s", entry.title, type(error).__name__)
        return
    hass.config_entries.async_update_entry(entry, data=data)
    hass.config_entries.async_schedule_reload(entry.entry_id)


async def async_glimpse(hass: HomeAssistant, address: str | None) -> bytes | None:
    """Return a picture that a device serves without a login, None if there is none."""
    if address is None:
        return None
    content = bytearray()
    session = async_get_clientsession(hass, verify_ssl=False)
    try:
        await looked_up(address)
        # An announcement must not lead us to another host.
        async with session.get(address, timeout=GLIMPSE, allow_redirects=False) as response:
            response.raise_for_status()
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) > GLIMPSE_LIMIT:
                    return None
        return checked(Image(content=bytes(content), taken_at=dt_util.utcnow())).content
    except aiohttp.ClientError, TimeoutError, HubError:
        return None


def words_of(device: Discovered, provider: str) -> Mapping[str, Any]:
    """Return the placeholders of the discovery page."""
    return {
        "name": device.title,
        "model": device.model or provider,
        "address": _host(device) or provider,
        "provider": provider,
    }
