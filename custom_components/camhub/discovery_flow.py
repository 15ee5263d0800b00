"""The first steps of a config flow that starts with a discovered device."""

from abc import abstractmethod
from typing import Any, override

from homeassistant.config_entries import ConfigFlow, ConfigFlowResult
from homeassistant.helpers.service_info.dhcp import DhcpServiceInfo
from homeassistant.helpers.service_info.ssdp import SsdpServiceInfo
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo

from .coordinator import CamHubConfigEntry
from .discovery import (
    async_follow,
    async_glimpse,
    async_recognise,
    by_mac,
    from_dhcp,
    from_ssdp,
    from_zeroconf,
    known_entry,
    words_of,
)
from .kernel.discovery import Discovered, Found
from .kernel.secret import Credentials
from .runtime import SHARED, async_load_spec, async_shared


class DiscoverySteps(ConfigFlow):
    """Leads from a discovery into the provider's own sign-in, with the address filled in."""

    discovered: Discovered | None = None
    _provider = ""
    _glimpse: bytes | None = None

    @abstractmethod
    async def async_begin(
        self, key: str, earlier: Credentials, entry: CamHubConfigEntry | None = None
    ) -> ConfigFlowResult:
        """Start a provider's sign-in."""

    @override
    async def async_step_dhcp(self, discovery_info: DhcpServiceInfo) -> ConfigFlowResult:
        """Handle a device discovered by DHCP."""
        return await self._async_found(from_dhcp(discovery_info))

    @override
    async def async_step_ssdp(self, discovery_info: SsdpServiceInfo) -> ConfigFlowResult:
        """Handle a device discovered by UPnP."""
        return await self._async_found(from_ssdp(discovery_info))

    @override
    async def async_step_zeroconf(self, discovery_info: ZeroconfServiceInfo) -> ConfigFlowResult:
        """Handle a service discovered by zeroconf."""
        return await self._async_found(from_zeroconf(discovery_info))

    async def _async_found(self, found: Found) -> ConfigFlowResult:
        """Follow a known device to its address, and offer an unknown one."""
        await async_shared(self.hass)
        if (entry := by_mac(self.hass, found.mac)) is not None:
            await async_follow(self.hass, entry, found.host)
            return self.async_abort(reason="already_configured")
        if (recognised := await async_recognise(self.hass, found)) is None:
            return self.async_abort(reason="not_for_camhub")
        key, device = recognised
        await self.async_set_unique_id(f"{key}_{device.id}")
        if (entry := known_entry(self.hass, key, device)) is not None:
            if not device.cloud:
                await async_follow(self.hass, entry, found.host)
            return self.async_abort(reason="already_configured")
        # A device that the user has ignored stays ignored.
        self._abort_if_unique_id_configured()
        self._provider, self.discovered = key, device
        self._glimpse = await async_glimpse(self.hass, device.picture)
        words = words_of(device, (await async_load_spec(self.hass, key)).name)
        self.context["title_placeholders"] = {"name": f"{words['name']} ({words['address']})"}
        return await self.async_step_found()

    async def async_step_found(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show what was found, then continue with the sign-in."""
        if self.discovered is None:
            return self.async_abort(reason="unknown")
        if user_input is not None:
            return await self.async_begin(self._provider, Credentials(self.discovered.answers))
        spec = await async_load_spec(self.hass, self._provider)
        picture = self.hass.data[SHARED].previews.async_show(self.flow_id, self._glimpse)
        return self.async_show_form(
            step_id="found",
            description_placeholders={**words_of(self.discovered, spec.name), "picture": picture},
        )
