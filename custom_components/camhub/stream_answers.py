"""The error responses of the stream routes: a status code, and the reason in words."""

from collections.abc import Mapping
from http import HTTPStatus
import math
from typing import Final

from aiohttp import web
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.json import json_bytes

from .const import DOMAIN
from .kernel.errors import HubError, Throttled, Unsupported
from .limits import LimitReached

NO_STORE: Final = {"Cache-Control": "no-store"}


class Refusal(Exception):
    """Ends a request with a status code and the message `exceptions.<slug>`."""

    def __init__(
        self,
        status: HTTPStatus,
        slug: str,
        placeholders: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Keep what to answer."""
        self.status = status
        self.headers = dict(headers or {})
        self.sentence = HomeAssistantError(
            translation_domain=DOMAIN, translation_key=slug, translation_placeholders=dict(placeholders or {})
        )
        super().__init__(slug)


def refusal_of(error: HubError, again_in: float | None = None) -> Refusal:
    """Return the refusal for a camera's error; `again_in` is seconds for Retry-After."""
    if isinstance(error, Unsupported):
        return Refusal(HTTPStatus.NOT_FOUND, error.reason, error.placeholders)
    headers: dict[str, str] = {}
    if again_in is None and isinstance(error, Throttled):
        again_in = error.retry_after
    if again_in is not None:
        headers["Retry-After"] = str(math.ceil(again_in))
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, error.reason, error.placeholders, headers)


def refusal_of_limit(reached: LimitReached) -> Refusal:
    """Return the refusal for a limit that was reached."""
    return Refusal(
        HTTPStatus.TOO_MANY_REQUESTS,
        reached.limit,
        {"until": reached.until.isoformat(timespec="seconds")},
        {"Retry-After": str(reached.retry_after)},
    )


def answer(refusal: Refusal) -> web.Response:
    """Return the response."""
    body = {"error": refusal.status.phrase, "message": str(refusal.sentence)}
    return web.Response(
        body=json_bytes(body),
        content_type="application/json",
        status=refusal.status,
        headers={**NO_STORE, **refusal.headers},
    )
