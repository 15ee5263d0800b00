"""Views to compare CamHub's own with: one that hands cameras on by hass-web-proxy-lib, and one that asks nobody."""

from collections.abc import Mapping
from typing import Any, override

from aiohttp import ClientSession, web
from hass_web_proxy_lib import ProxiedURL, ProxyView
from homeassistant.components.http import HomeAssistantView
from yarl import URL


class PassOn(ProxyView):
    """What is asked for comes from a server, the path and the query being handed on.

    The Frigate integration's views are made like this; where it asks first who the server is and how to sign in there,
    nothing is looked up here.
    """

    url = "/api/bench_inside/proxied/{path:.+}"
    name = "api:bench_inside:proxied"

    def __init__(self, session: ClientSession, server: str) -> None:
        """Keep the server's address."""
        super().__init__(session)
        self._server = server

    @override
    def _get_proxied_url(self, request: web.Request, **kwargs: Any) -> ProxiedURL:
        query = {key: value for key, value in request.query.items() if key != "authSig"}
        return ProxiedURL(url=str(URL(self._server) / kwargs["path"]), query_params=query)


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
