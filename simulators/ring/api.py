"""The API's paths: session, devices, health, history, pictures, recordings, settings."""

from collections.abc import Awaitable, Callable
import re
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from .home import Device

if TYPE_CHECKING:
    from .server import RingSimulator

_PATHS: Final = (
    ("POST", r"/clients_api/session", "session"),
    ("GET", r"/clients_api/ring_devices", "devices"),
    ("GET", r"/clients_api/(?:doorbots|chimes)/(\d+)/health", "health"),
    ("GET", r"/clients_api/doorbots/(\d+)/history", "history"),
    ("POST", r"/clients_api/doorbots/(\d+)/(?:motions_)?subscribe", "subscribe"),
    ("PATCH", r"/clients_api/device", "listen"),
    ("GET", r"/clients_api/dings/(\d+)/share/play", "film"),
    ("GET", r"/clients_api/dings/(\d+)/recording", "converted"),
    ("POST", r"/clients_api/snapshots/timestamps", "timestamps"),
    ("GET", r"/clients_api/snapshots/image/(\d+)", "old_picture"),
    ("GET", r"/clients_api/snapshots/uuid", "event_picture"),
    ("PUT", r"/clients_api/(?:doorbots|chimes)/(\d+)", "change"),
    ("PUT", r"/clients_api/doorbots/(\d+)/floodlight_light_(on|off)", "light"),
    ("PUT", r"/clients_api/doorbots/(\d+)/siren_(on|off)", "siren"),
    ("PATCH", r"/devices/v1/devices/(\d+)/settings", "settings"),
    ("POST", r"/clients_api/chimes/(\d+)/play_sound", "sound"),
)

type _Handler = Callable[..., Awaitable[web.Response]]


class Api:
    """Answers of one account, by its service."""

    def __init__(self, service: RingSimulator) -> None:
        """Answer out of what the service knows."""
        self._service = service

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one call of somebody who is signed in."""
        for method, pattern, name in _PATHS:
            if request.method == method and (found := re.fullmatch(pattern, request.path)):
                if self._service.faults.no_session and name != "session":
                    hardware = request.headers.get("hardware_id", "")
                    return web.json_response({"error": f"Session not found for {hardware}"}, status=404)
                handler: _Handler = getattr(self, f"_{name}")
                return await self._about(handler, request, found.groups())
        return web.json_response({"errors": [1000]}, status=404)

    async def _about(self, handler: _Handler, request: web.Request, groups: tuple[str, ...]) -> web.Response:
        if not groups or "/dings/" in request.path:
            return await handler(request, *groups)
        device = self._service.home.find(int(groups[0]))
        if device is None:
            return web.json_response({"errors": [7050]}, status=404)
        return await handler(request, device, *groups[1:])

    async def _session(self, request: web.Request) -> web.Response:
        self._service.faults.no_session = False
        self._service.sessions += 1
        profile = {"id": 5550001, "email": self._service.tokens.user, "first_name": "Robin"}
        return web.json_response({"profile": profile})

    async def _devices(self, request: web.Request) -> web.Response:
        return web.json_response(self._service.home.lists)

    async def _health(self, request: web.Request, device: Device) -> web.Response:
        return web.json_response({"device_health": self._service.home.health(device)})

    async def _history(self, request: web.Request, device: Device) -> web.Response:
        before = request.query.get("older_than")
        limit = int(request.query.get("limit", "30"))
        self._service.polls += 1
        return web.json_response(self._service.happenings.page(device, limit, int(before) if before else None))

    async def _subscribe(self, request: web.Request, device: Device) -> web.Response:
        return web.Response(status=204)

    async def _listen(self, request: web.Request) -> web.Response:
        if self._service.faults.subscription_refused:
            return web.json_response({"error": "push_notification_token was rejected"}, status=400)
        said = await request.json()
        self._service.push_token = said["device"]["push_notification_token"]
        return web.Response(status=204)

    async def _film(self, request: web.Request, event: str) -> web.Response:
        entry = self._service.happenings.find(int(event))
        if entry is None or entry["recording"]["status"] != "ready":
            return web.Response(status=404)
        if self._service.faults.no_film:
            return web.json_response({"url": None})
        return web.json_response({"url": self._service.films.address(int(event))})

    async def _converted(self, request: web.Request, event: str) -> web.Response:
        films = self._service.films
        if int(event) not in films.converted:
            return web.Response(status=404)
        address = films.address(int(event), converted=True)
        if self._service.faults.redirects:
            return web.Response(status=302, headers={"Location": address})
        return web.json_response({"url": address})

    async def _timestamps(self, request: web.Request) -> web.Response:
        asked = (await request.json())["doorbot_ids"]
        taken = round((self._service.now().timestamp() - self._service.faults.old_snapshot_s) * 1000)
        told = [{"timestamp": taken, "doorbot_id": each} for each in asked]
        return web.json_response({"timestamps": [] if self._service.faults.no_timestamps else told})

    async def _old_picture(self, request: web.Request, device: Device) -> web.Response:
        at = self._service.now().timestamp() - self._service.faults.old_snapshot_s
        return _jpeg(self._service.picture(device, at))

    async def _event_picture(self, request: web.Request) -> web.Response:
        content = self._service.event_pictures.get(request.query.get("uuid", ""))
        return web.Response(status=404, text="no snapshot") if content is None else _jpeg(content)

    async def _change(self, request: web.Request, device: Device) -> web.Response:
        for name, value in request.query.items():
            self._service.home.set(device, name, value)
        return web.Response(status=204)

    async def _light(self, request: web.Request, device: Device, state: str) -> web.Response:
        device["led_status"] = state
        return web.Response(status=204)

    async def _siren(self, request: web.Request, device: Device, state: str) -> web.Response:
        seconds = int(request.query.get("duration", "30")) if state == "on" else 0
        device["siren_status"] = {"seconds_remaining": seconds}
        return web.json_response({"duration": seconds, "seconds_remaining": seconds})

    async def _settings(self, request: web.Request, device: Device) -> web.Response:
        self._service.home.settle(device, await request.json())
        return web.Response(status=204)

    async def _sound(self, request: web.Request, device: Device) -> web.Response:
        self._service.home.sounded.append((device["id"], request.query.get("kind", "")))
        return web.Response(status=204)


async def next_picture(service: RingSimulator, request: web.Request) -> web.Response:
    """Answer the newer host of pictures: the next one after a moment, with the time it was taken."""
    found = re.fullmatch(r"/snapshots/next/(\d+)", request.path)
    device: dict[str, Any] | None = service.home.find(int(found[1])) if found else None
    if device is None or service.faults.no_snapshot:
        return web.Response(status=404, text="no snapshot")
    now = service.now()
    at = now.timestamp() - service.faults.old_snapshot_s
    return _jpeg(service.picture(device, at), {"x-time-millis": str(round(at * 1000))})


def _jpeg(content: bytes, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=content, content_type="image/jpeg", headers=headers)
