"""Views to compare CamHub's own with: one that hands cameras on by hass-web-proxy-lib, and one that asks nobody.

Integrations such as Frigate's build theirs on that library; these look nothing up, so they cost no more than those.
"""

from collections.abc import Mapping
from typing import Any, override

from aiohttp import ClientSession, web
from hass_web_proxy_lib import ProxiedURL, ProxyView
from homeassistant.components.http import HomeAssistantView


class PassOn(ProxyView):
    """What is asked for by name comes from a camera's address."""

    url = "/api/bench_inside/proxied/{name}"
    name = "api:bench_inside:proxied"

    def __init__(self, session: ClientSession, addresses: Mapping[str, str]) -> None:
        """Keep the cameras' addresses."""
        super().__init__(session)
        self._addresses = addresses

    @override
    def _get_proxied_url(self, request: web.Request, **kwargs: Any) -> ProxiedURL:
        return ProxiedURL(url=self._addresses[kwargs["name"]])


class Constant(HomeAssistantView):
    """So many bytes: what Home Assistant's own part of an answer costs."""

    url = "/api/bench_inside/constant/{name}"
    name = "api:bench_inside:constant"

    def __init__(self, sizes: Mapping[str, int]) -> None:
        """Make the bytes."""
        self._bodies = {name: bytes(size) for name, size in sizes.items()}

    async def get(self, request: web.Request, name: str) -> web.Response:
        """Answer with them."""
        return web.Response(body=self._bodies[name], content_type="image/jpeg")
