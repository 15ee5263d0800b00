"""Alerts with a picture: links that a message can carry, and a message to try them with."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import escape
from typing import Any, Final
from urllib.parse import quote

from homeassistant.components.camera import DOMAIN as CAMERA_DOMAIN
from homeassistant.components.notify import (
    ATTR_DATA,
    ATTR_MESSAGE,
    ATTR_TITLE,
    DOMAIN as NOTIFY_DOMAIN,
    SERVICE_SEND_MESSAGE,
)
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv, entity_registry as er, service
from homeassistant.helpers.network import NoURLAvailableError, get_url
from homeassistant.helpers.translation import async_get_translations
from homeassistant.helpers.typing import VolDictType
from homeassistant.util import dt as dt_util
import probatio

from .access import async_require_view
from .camera_still import StillCamera
from .const import DOMAIN
from .kernel.model import Image
from .stream_entry import entry_streams
from .stream_paths import camera_key, sign, stream_path

MINUTES: Final = "minutes"
DEFAULT_MINUTES: Final = 60
LONGEST_MINUTES: Final = 24 * 60
PICTURE: Final = "picture"
# The picture of the last event, or a current one.
LAST_EVENT: Final = "last_event"
NOW: Final = "now"
NOTIFIER: Final = "notifier"
# The integration whose messages take attachments.
MAIL: Final = "smtp"

_LIFE: Final[VolDictType] = {
    probatio.Optional(MINUTES, default=DEFAULT_MINUTES): probatio.All(
        probatio.Coerce(int), probatio.Range(min=1, max=LONGEST_MINUTES)
    ),
    probatio.Optional(PICTURE, default=LAST_EVENT): probatio.In((LAST_EVENT, NOW)),
}
_TEST: Final[VolDictType] = {probatio.Required(NOTIFIER): cv.entity_id}


@callback
def async_setup_alerts(hass: HomeAssistant) -> None:
    """Register the actions; they exist whether or not an account does."""
    service.async_register_platform_entity_service(
        hass,
        DOMAIN,
        "picture_link",
        entity_domain=CAMERA_DOMAIN,
        func=_async_link,
        schema=_LIFE,
        supports_response=SupportsResponse.ONLY,
    )
    service.async_register_platform_entity_service(
        hass, DOMAIN, "send_test_alert", entity_domain=CAMERA_DOMAIN, func=_async_test, schema=_TEST
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Links:
    """What a message about a camera can link to, as paths of this Home Assistant; that of the picture is signed."""

    picture: str | None = field(repr=False)
    recordings: str
    expires: datetime
    base: str | None

    def whole(self, path: str | None) -> str | None:
        """Return an absolute URL for use outside Home Assistant's apps, None if no base URL is configured."""
        return f"{self.base}{path}" if self.base and path else None


async def _async_link(camera: StillCamera, call: ServiceCall) -> ServiceResponse:
    """Return paths and addresses for a message; raises HomeAssistantError for who may not see the camera."""
    await async_require_view(camera, "picture_link")
    links = await async_links(camera, call.data[PICTURE], timedelta(minutes=call.data[MINUTES]))
    return {
        "picture": links.picture,
        "picture_url": links.whole(links.picture),
        "recordings": links.recordings,
        "recordings_url": links.whole(links.recordings),
        "expires": links.expires.isoformat(),
    }


async def async_links(camera: StillCamera, which: str, life: timedelta) -> Links:
    """Return the links of a camera: to a picture that does not change any more, and to today's recordings."""
    hass, coordinator = camera.hass, camera.coordinator
    image = await _async_image(camera, which)
    key = camera_key(coordinator.config_entry.entry_id, camera.camera_id)
    picture = None
    if image is not None:
        name = entry_streams(hass, coordinator).pictures.keep(camera.camera_id, image, life)
        picture = sign(hass, stream_path(key, "pictures", name), life)
    day = "/".join(quote(part, safe="") for part in (coordinator.config_entry.entry_id, camera.camera_id))
    content = f"video,media-source://{DOMAIN}/{day}/{dt_util.now().date().isoformat()}"
    return Links(
        picture=picture,
        recordings=f"/media-browser/browser/{quote(content, safe='')}",
        expires=coordinator.clock.now() + life,
        base=_base(hass),
    )


async def _async_image(camera: StillCamera, which: str) -> Image | None:
    """Return the picture of the last event, else the newest picture."""
    coordinator = camera.coordinator
    if which == LAST_EVENT:
        image = await coordinator.album.read(coordinator.event_picture_key(camera.camera_id))
        if image is not None:
            return image
    # Takes a new one first, as a dashboard would.
    await camera.async_camera_image()
    return await coordinator.album.read(coordinator.picture_key(camera.camera_id))


def _base(hass: HomeAssistant) -> str | None:
    try:
        return get_url(hass, prefer_external=True)
    except NoURLAvailableError:
        return None


async def _async_test(camera: StillCamera, call: ServiceCall) -> None:
    """Send a message with a current picture; raises a translated HomeAssistantError."""
    await async_require_view(camera, "send_test_alert")
    hass, target = camera.hass, call.data[NOTIFIER]
    entity = er.async_get(hass).async_get(target)
    is_entity = entity is not None or hass.states.get(target) is not None
    domain, _, name = target.partition(".")
    if domain != NOTIFY_DOMAIN or not (is_entity or hass.services.has_service(NOTIFY_DOMAIN, name)):
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="no_notifier", translation_placeholders={NOTIFIER: target}
        )
    links = await async_links(camera, NOW, timedelta(minutes=DEFAULT_MINUTES))
    words = await _async_words(hass, camera)
    if entity is not None and entity.platform == MAIL:
        message = {**words, ATTR_ENTITY_ID: target, **_mail(camera.entity_id, words, links)}
        await hass.services.async_call(MAIL, SERVICE_SEND_MESSAGE, message, blocking=True, context=call.context)
    elif is_entity:
        text = "\n".join(part for part in (words[ATTR_MESSAGE], links.whole(links.picture)) if part)
        message = {**words, ATTR_MESSAGE: text, ATTR_ENTITY_ID: target}
        await hass.services.async_call(
            NOTIFY_DOMAIN, SERVICE_SEND_MESSAGE, message, blocking=True, context=call.context
        )
    else:
        data = {"image": links.picture, "url": links.recordings, "clickAction": links.recordings}
        message = {**words, ATTR_DATA: {key: value for key, value in data.items() if value}}
        await hass.services.async_call(NOTIFY_DOMAIN, name, message, blocking=True, context=call.context)


async def _async_words(hass: HomeAssistant, camera: StillCamera) -> dict[str, Any]:
    """Return title and text of the message in Home Assistant's language."""
    texts = await async_get_translations(hass, hass.config.language, "common", [DOMAIN])
    known = camera.camera
    words = {"camera": known.identity.name if known else camera.entity_id}
    place = f"component.{DOMAIN}.common.test_alert"
    return {ATTR_TITLE: texts[f"{place}_title"].format(**words), ATTR_MESSAGE: texts[place].format(**words)}


def _mail(entity_id: str, words: dict[str, Any], links: Links) -> dict[str, Any]:
    """Return the additional data of an e-mail: the picture as an attachment shown inline."""
    media = {"media_content_id": f"media-source://{CAMERA_DOMAIN}/{entity_id}", "media_content_type": "image/jpeg"}
    if links.picture is None:
        return {}
    link = links.whole(links.recordings)
    below = f'<p><a href="{escape(link)}">{escape(link)}</a></p>' if link else ""
    return {
        "html": f'<p>{escape(words[ATTR_MESSAGE])}</p><img src="cid:picture" alt="">{below}',
        "attachments": [{"media_source": media, "filename": "picture.jpg", "content_id": "picture"}],
    }
