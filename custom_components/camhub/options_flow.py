"""The options of an account: everything that needs no sign-in, such as polling, viewers and limits."""

from dataclasses import replace
from typing import Any, Final

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.const import UnitOfDataRate, UnitOfInformation, UnitOfTime
from homeassistant.helpers.selector import BooleanSelector
import probatio

from .archive_pages import ArchivePages
from .const import (
    CAMERA_FLOOR,
    CAMERA_TELL,
    CONF_PROVIDER,
    DEFAULT_DARK,
    DEFAULT_FIRST_BYTE,
    DEFAULT_INTERVAL,
    DEFAULT_PICTURE_AGE,
    DEFAULT_SILENCE,
    DEFAULT_WARN_DAYS,
    MOTION_ZONES,
    OPTION_CAMERAS,
    OPTION_DARK,
    OPTION_FIRST_BYTE,
    OPTION_INTERVAL,
    OPTION_MAX_DAY,
    OPTION_MAX_RATE,
    OPTION_MAX_STREAMS,
    OPTION_MOTION,
    OPTION_NOTIFY,
    OPTION_PICTURE_AGE,
    OPTION_PROVIDER,
    OPTION_SILENCE,
    OPTION_VIEWERS,
    OPTION_WARN_DAYS,
    VIEWER_GROUPS,
    VIEWER_USERS,
)
from .credential_alerts import notify_targets
from .forms import choice, form_schema, number_selector
from .kernel.errors import HubError
from .kernel.provider import Camera
from .kernel.spec import ProviderSpec
from .motion_page import MOTION, ZONE_EXAMPLE, motion_shown, motion_stored
from .recording_page import RecordingPages
from .recording_source import can_be_recorded
from .runtime import async_load_spec, provider_options
from .visitor_page import VisitorPages
from .watching import can_be_watched

EVERYONE: Final = "everyone"
_MOST: Final = 1_000_000


GENERAL: Final = probatio.Schema(
    {
        probatio.Required(OPTION_INTERVAL, default=DEFAULT_INTERVAL): number_selector(1, 60, UnitOfTime.MINUTES),
        probatio.Required(OPTION_PICTURE_AGE, default=DEFAULT_PICTURE_AGE): number_selector(
            1, 3600, UnitOfTime.SECONDS
        ),
        probatio.Required(OPTION_FIRST_BYTE, default=DEFAULT_FIRST_BYTE): number_selector(1, 300, UnitOfTime.SECONDS),
        probatio.Required(OPTION_DARK, default=DEFAULT_DARK): number_selector(0, 720, UnitOfTime.HOURS),
    }
)
PICTURE: Final = probatio.Schema(
    {
        probatio.Required(CAMERA_FLOOR, default=0): number_selector(0, 86400, UnitOfTime.SECONDS),
        probatio.Required(CAMERA_TELL, default=True): BooleanSelector(),
    }
)
LIMITS: Final = probatio.Schema(
    {
        probatio.Required(OPTION_MAX_STREAMS, default=0): number_selector(0, 1000),
        probatio.Required(OPTION_MAX_RATE, default=0): number_selector(0, _MOST, UnitOfDataRate.KILOBYTES_PER_SECOND),
        probatio.Required(OPTION_MAX_DAY, default=0): number_selector(0, _MOST, UnitOfInformation.MEGABYTES),
    }
)
CREDENTIALS: Final = probatio.Schema(
    {
        probatio.Required(OPTION_WARN_DAYS, default=DEFAULT_WARN_DAYS): number_selector(1, 30, UnitOfTime.DAYS),
        probatio.Required(OPTION_SILENCE, default=DEFAULT_SILENCE): number_selector(0, 1440, UnitOfTime.MINUTES),
    }
)


class CamHubOptionsFlow(ArchivePages, RecordingPages, VisitorPages):
    """The options flow, with a page per kind of setting."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the menu of pages."""
        offered = {
            "general": True,
            "provider": bool((await self._spec()).options),
            "capture": self.offers_capture,
            "picture": True,
            "motion": self._has(self._watchable),
            "recording": self._has(can_be_recorded),
            "recordings_kept": self._has(can_be_recorded),
            "archive": True,
            "recognition": True,
            "viewers": True,
            "limits": True,
            "credentials": True,
        }
        return self.async_show_menu(step_id="init", menu_options=[page for page, offer in offered.items() if offer])

    async def _spec(self) -> ProviderSpec:
        return await async_load_spec(self.hass, self.config_entry.data[CONF_PROVIDER])

    async def async_step_provider(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the provider's own settings."""
        if user_input is not None:
            return self._store({OPTION_PROVIDER: user_input})
        spec = await self._spec()
        known = provider_options(spec, self.config_entry)
        fields = [replace(field, default=known[field.key]) for field in spec.options]
        return self.async_show_form(
            step_id="provider", data_schema=form_schema(fields), description_placeholders={"provider": spec.name}
        )

    async def async_step_general(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the polling interval and time limits."""
        return self._numbers("general", GENERAL, user_input)

    async def async_step_limits(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the limits per user."""
        return self._numbers("limits", LIMITS, user_input)

    async def async_step_credentials(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask how early to warn of an expiring login, and whom to notify of a refused one."""
        if user_input is not None:
            numbers = {key: int(user_input[key]) for key in (OPTION_WARN_DAYS, OPTION_SILENCE)}
            return self._store({**numbers, OPTION_NOTIFY: user_input.get(OPTION_NOTIFY, "")})
        # The chosen one may be missing at the moment.
        known = {*notify_targets(self.hass), self.config_entry.options.get(OPTION_NOTIFY, "")} - {""}
        targets = choice({name: name for name in sorted(known)})
        schema = CREDENTIALS.extend({probatio.Optional(OPTION_NOTIFY): targets}) if known else CREDENTIALS
        return self.async_show_form(
            step_id="credentials", data_schema=self.add_suggested_values_to_schema(schema, self.config_entry.options)
        )

    def _numbers(self, step: str, schema: probatio.Schema, user_input: dict[str, Any] | None) -> ConfigFlowResult:
        """Show a page of numbers, or store what was entered on it."""
        if user_input is not None:
            return self._store({key: int(value) for key, value in user_input.items()})
        return self.async_show_form(
            step_id=step, data_schema=self.add_suggested_values_to_schema(schema, self.config_entry.options)
        )

    async def async_step_motion(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the camera to watch for motion."""
        return await self._of_one(
            "motion", user_input, self.async_step_motion_of, self._watchable, "no_camera_to_watch"
        )

    def _watchable(self, camera: Camera) -> bool:
        """Return whether a camera can be watched or is configured to be."""
        return camera.id in self.config_entry.options.get(OPTION_MOTION, {}) or can_be_watched(camera)

    async def async_step_motion_of(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the motion settings of that camera, beside its picture."""
        motion: dict[str, dict[str, Any]] = dict(self.config_entry.options.get(OPTION_MOTION, {}))
        errors, words, shown = {}, {}, user_input
        if user_input is not None:
            try:
                stored = motion_stored(user_input, motion.pop(self._camera, {}))
            except HubError as error:
                errors, words = {MOTION_ZONES: error.reason}, error.placeholders
            else:
                return self._store({OPTION_MOTION: {**motion, self._camera: stored} if stored else motion})
        return self.async_show_form(
            step_id="motion_of",
            data_schema=self.add_suggested_values_to_schema(
                MOTION, shown if shown is not None else motion_shown(motion.get(self._camera))
            ),
            errors=errors,
            description_placeholders={
                "zone": "",
                **words,
                "example": ZONE_EXAMPLE,
                **await self._shown(),
            },
        )

    async def async_step_picture(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the camera whose picture settings to change."""
        return await self._of_one("picture", user_input, self.async_step_picture_of)

    async def async_step_picture_of(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the pause between pictures of that camera, and whether to report it when it is offline."""
        cameras: dict[str, dict[str, Any]] = dict(self.config_entry.options.get(OPTION_CAMERAS, {}))
        if user_input is not None:
            chosen = {CAMERA_TELL: user_input[CAMERA_TELL], CAMERA_FLOOR: int(user_input[CAMERA_FLOOR])}
            return self._store({OPTION_CAMERAS: {**cameras, self._camera: chosen}})
        schema = self.add_suggested_values_to_schema(PICTURE, cameras.get(self._camera, {}))
        return self.async_show_form(
            step_id="picture_of", data_schema=schema, description_placeholders=await self._shown()
        )

    async def async_step_viewers(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the camera whose viewers to choose."""
        return await self._of_one("viewers", user_input, self.async_step_viewers_of)

    async def async_step_viewers_of(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask who may see that camera."""
        viewers: dict[str, dict[str, list[str]]] = dict(self.config_entry.options.get(OPTION_VIEWERS, {}))
        if user_input is not None:
            viewers.pop(self._camera, None)
            if not user_input[EVERYONE]:
                viewers[self._camera] = {key: user_input.get(key, []) for key in (VIEWER_USERS, VIEWER_GROUPS)}
            return self._store({OPTION_VIEWERS: viewers})
        users = [user for user in await self.hass.auth.async_get_users() if not user.system_generated]
        listed = viewers.get(self._camera)
        groups = {group.id: group.name or group.id for user in users for group in user.groups}
        people = {user.id: user.name or user.id for user in users}
        schema = probatio.Schema(
            {
                probatio.Required(EVERYONE, default=listed is None): BooleanSelector(),
                probatio.Optional(VIEWER_USERS, default=_among(listed, VIEWER_USERS, people)): choice(
                    people, multiple=True
                ),
                probatio.Optional(VIEWER_GROUPS, default=_among(listed, VIEWER_GROUPS, groups)): choice(
                    groups, multiple=True
                ),
            }
        )
        return self.async_show_form(
            step_id="viewers_of", data_schema=schema, description_placeholders=await self._shown()
        )


def _among(listed: dict[str, list[str]] | None, key: str, known: dict[str, str]) -> list[str]:
    """Return the entries of a viewer list that still exist."""
    return [one for one in (listed or {}).get(key, []) if one in known]
