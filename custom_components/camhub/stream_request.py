"""One stream request: its user, camera and limits."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from http import HTTPStatus

from aiohttp import web
from homeassistant.auth.models import User
from homeassistant.components.http import KEY_HASS, KEY_HASS_USER
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant

from .access import async_tell_refusal, camera_entity_id, may_view
from .const import DEFAULT_FIRST_BYTE, DOMAIN, OPTION_FIRST_BYTE
from .coordinator import CamHubConfigEntry, CamHubCoordinator
from .kernel.errors import HubError, Unreachable
from .kernel.provider import Camera
from .limits import METER, LimitReached, Limits, Usage
from .stream_answers import Refusal, answer, refusal_of, refusal_of_limit
from .stream_paths import parse_key, stream_path


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
    """A request by a user who may see the camera."""

    hass: HomeAssistant
    request: web.Request
    user: User
    coordinator: CamHubCoordinator
    camera: Camera
    entity_id: str
    key: str
    usage: Usage
    limits: Limits

    @property
    def first_byte(self) -> float:
        """Return the time limit for the first byte in seconds."""
        seconds: float = self.coordinator.config_entry.options.get(OPTION_FIRST_BYTE, DEFAULT_FIRST_BYTE)
        return seconds

    def path(self, *parts: str) -> str:
        """Return a path below the camera's."""
        return stream_path(self.key, *parts)

    def require_online(self) -> None:
        """Raise Unreachable while the camera or its account is known to be offline."""
        if self.camera.online is False:
            raise Unreachable(reason=self.camera.offline_reason)
        if not self.coordinator.last_update_success:
            raise Unreachable

    async def in_time[T](self, wanted: Awaitable[T]) -> T:
        """Wait for the start of a stream; raises Refusal when it takes too long."""
        try:
            async with asyncio.timeout(self.first_byte):
                return await wanted
        except TimeoutError as error:
            raise Refusal(HTTPStatus.GATEWAY_TIMEOUT, "no_first_byte") from error


def open_watch(request: web.Request, key: str, route: str) -> Watch:
    """Check a request; raises the same Refusal for an unknown camera and a forbidden one."""
    if (parsed := parse_key(key)) is None:
        raise Refusal(HTTPStatus.BAD_REQUEST, "bad_camera_key")
    hass, user = request.app[KEY_HASS], request[KEY_HASS_USER]
    entry_id, camera_id = parsed
    entry: CamHubConfigEntry | None = hass.config_entries.async_get_entry(entry_id)
    if entry is not None and entry.domain != DOMAIN:
        entry = None
    entity_id = camera_entity_id(hass, entry, camera_id)
    may = may_view(hass, user, entry, camera_id)
    if entry is None or entity_id is None or not may:
        async_tell_refusal(hass, entity_id, user, route)
        raise Refusal(HTTPStatus.FORBIDDEN, "not_yours")
    camera = entry.runtime_data.data.get(camera_id) if entry.state is ConfigEntryState.LOADED else None
    if camera is None:
        raise refusal_of(Unreachable())
    return Watch(
        hass=hass,
        request=request,
        user=user,
        coordinator=entry.runtime_data,
        camera=camera,
        entity_id=entity_id,
        key=key,
        usage=hass.data[METER].usage(entry_id, user.id),
        limits=Limits.of(entry.options),
    )


def answered[**P](route: Callable[P, Awaitable[web.StreamResponse]]) -> Callable[P, Awaitable[web.StreamResponse]]:
    """Turn exceptions of a route into error responses."""

    @wraps(route)
    async def answering(*args: P.args, **kwargs: P.kwargs) -> web.StreamResponse:
        try:
            return await route(*args, **kwargs)
        except Refusal as refusal:
            return answer(refusal)
        except HubError as error:
            return answer(refusal_of(error))
        except LimitReached as reached:
            return answer(refusal_of_limit(reached))

    return answering
