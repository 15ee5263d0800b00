"""The options pages for the clip archive; what is entered is tested before it is stored."""

from collections.abc import Mapping
import json
from typing import Any, Final

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.const import UnitOfTime
from homeassistant.helpers.selector import (
    BooleanSelector,
    SelectSelector,
    SelectSelectorConfig,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
import probatio
from yarl import URL

from .archive_choice import ArchiveKind, async_archive_choice, async_make, kind_of
from .capture_pages import CapturePages
from .const import OPTION_ARCHIVE
from .failures import sentence
from .forms import choice as among, number_selector
from .kernel.addresses import parsed
from .kernel.errors import HubError
from .kernel.model import EventKind
from .kernel.secret import Credentials
from .recording.naming import DEFAULT_PATTERN, check_pattern
from .runtime import SHARED, Sessions

_TEXT: Final = TextSelector()
_SECRET: Final = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="new-password"))
SECRETS: Final = ("secret_key", "token")
PLACES: Final = ("endpoint", "address")
STORAGE_CLASSES: Final = ("STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR")
ENCRYPTIONS: Final = ("AES256", "aws:kms")
OWN: Final[Mapping[ArchiveKind, Mapping[probatio.Marker, Any]]] = {
    ArchiveKind.FOLDER: {probatio.Required("folder"): _TEXT},
    ArchiveKind.S3: {
        probatio.Required("bucket"): _TEXT,
        probatio.Optional("endpoint"): _TEXT,
        probatio.Optional("region"): _TEXT,
        probatio.Required("access_key"): _TEXT,
        probatio.Optional("secret_key"): _SECRET,
        probatio.Optional("prefix"): _TEXT,
        probatio.Optional("encryption"): SelectSelector(SelectSelectorConfig(options=list(ENCRYPTIONS))),
        probatio.Optional("kms_key"): _TEXT,
        probatio.Optional("storage_class"): SelectSelector(
            SelectSelectorConfig(options=list(STORAGE_CLASSES), custom_value=True)
        ),
        probatio.Required("link_sensor", default=False): BooleanSelector(),
    },
    ArchiveKind.PI: {
        probatio.Required("address"): _TEXT,
        probatio.Optional("token"): _SECRET,
        probatio.Required("verify_tls", default=True): BooleanSelector(),
    },
}
# The field that an error belongs to.
FIELDS: Final[Mapping[str, Mapping[ArchiveKind, str]]] = {
    "archive_refused": {ArchiveKind.FOLDER: "folder", ArchiveKind.S3: "secret_key", ArchiveKind.PI: "token"},
    "archive_unreachable": {ArchiveKind.FOLDER: "folder", ArchiveKind.S3: "endpoint", ArchiveKind.PI: "address"},
    "archive_no_folder": {ArchiveKind.FOLDER: "folder"},
    "archive_not_allowed": {ArchiveKind.FOLDER: "folder"},
    "archive_no_bucket": {ArchiveKind.S3: "bucket"},
    "archive_not_pi": {ArchiveKind.PI: "address"},
    "address_forbidden": {ArchiveKind.S3: "endpoint", ArchiveKind.PI: "address"},
    "archive_pattern": dict.fromkeys(ArchiveKind, "pattern"),
}


def _host(address: str) -> str | None:
    return (parsed(address) or URL()).host


class ArchivePages(CapturePages):
    """Asks for the kind, then for what that kind needs."""

    async def async_step_archive(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask where clips are to go."""
        known = await async_archive_choice(self._store_of_secrets, self.config_entry)
        if user_input is not None:
            match ArchiveKind(user_input["archive"]):
                case ArchiveKind.FOLDER:
                    return await self.async_step_archive_folder()
                case ArchiveKind.S3:
                    return await self.async_step_archive_s3()
                case ArchiveKind.PI:
                    return await self.async_step_archive_pi()
                case ArchiveKind.NONE:
                    options = {key: each for key, each in self.config_entry.options.items() if key != OPTION_ARCHIVE}
                    return self.async_create_entry(data=options)
        kinds = SelectSelectorConfig(options=[kind.value for kind in ArchiveKind], translation_key="archive")
        schema = probatio.Schema({probatio.Required("archive", default=kind_of(known).value): SelectSelector(kinds)})
        return self.async_show_form(step_id="archive", data_schema=schema)

    async def async_step_archive_folder(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for a folder."""
        typed, error = await self._tried(ArchiveKind.FOLDER, user_input)
        if error is None and user_input is not None:
            return await self._kept(typed)
        return self.async_show_form(step_id="archive_folder", **self._form(ArchiveKind.FOLDER, typed, error))

    async def async_step_archive_s3(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for a bucket."""
        typed, error = await self._tried(ArchiveKind.S3, user_input)
        if error is None and user_input is not None:
            return await self._kept(typed)
        return self.async_show_form(step_id="archive_s3", **self._form(ArchiveKind.S3, typed, error))

    async def async_step_archive_pi(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the service on a Pi."""
        typed, error = await self._tried(ArchiveKind.PI, user_input)
        if error is None and user_input is not None:
            return await self._kept(typed)
        return self.async_show_form(step_id="archive_pi", **self._form(ArchiveKind.PI, typed, error))

    async def _tried(
        self, kind: ArchiveKind, user_input: Mapping[str, Any] | None
    ) -> tuple[Mapping[str, Any], HubError | None]:
        """Return the input completed with stored secrets, or else what is stored; and the error of testing it."""
        known = await async_archive_choice(self._store_of_secrets, self.config_entry)
        if kind_of(known) is not kind:
            known = Credentials()
        if user_input is None:
            return dict(known), None
        # A secret left empty keeps its stored value, but only for the host it was stored for.
        same = all(_host(known.text(key)) == _host(str(user_input.get(key) or "")) for key in PLACES)
        kept = {key: known.text(key) for key in SECRETS if same and known.text(key) and not user_input.get(key)}
        typed = {"kind": kind.value, **user_input, **kept}
        sessions = Sessions(self.hass)
        try:
            check_pattern(str(typed.get("pattern") or DEFAULT_PATTERN))
            archive = await async_make(self.hass, Credentials(typed), sessions, self.hass.data[SHARED].clock)
            try:
                await archive.check()
            finally:
                await archive.close()
        except HubError as error:
            return typed, error
        finally:
            sessions.detach()
        return typed, None

    async def _kept(self, typed: Mapping[str, Any]) -> ConfigFlowResult:
        sealed = await self._store_of_secrets.async_seal(json.dumps(dict(typed)))
        return self.async_create_entry(data={**self.config_entry.options, OPTION_ARCHIVE: sealed})

    def _form(self, kind: ArchiveKind, typed: Mapping[str, Any], error: HubError | None) -> dict[str, Any]:
        schema = probatio.Schema({**OWN[kind], **self._shared(kind)})
        shown = {key: value for key, value in typed.items() if key not in SECRETS}
        errors = {}
        if error is not None:
            errors = {FIELDS.get(error.reason, {}).get(kind, "base"): "archive_failed"}
        said = sentence(error) if error else ""
        return {
            "data_schema": self.add_suggested_values_to_schema(schema, {"pattern": DEFAULT_PATTERN, **shown}),
            "errors": errors,
            # As code, since Markdown would take its underscores for emphasis.
            "description_placeholders": {"reason": said, "pattern": f"`{DEFAULT_PATTERN}`", "folder": "/media/camhub"},
        }

    def _shared(self, kind: ArchiveKind) -> dict[probatio.Marker, Any]:
        cameras = getattr(self.config_entry, "runtime_data", None)
        names = {camera.id: camera.identity.name for camera in cameras.data.values()} if cameras else {}
        kinds = SelectSelectorConfig(
            options=[each.value for each in EventKind], multiple=True, translation_key="event_kind"
        )
        fields: dict[probatio.Marker, Any] = {
            probatio.Optional("pattern"): _TEXT,
            probatio.Optional("cameras"): among(names, multiple=True),
            probatio.Optional("kinds"): SelectSelector(kinds),
            probatio.Required("convert", default=True): BooleanSelector(),
            probatio.Required("keep_days", default=0): number_selector(0, 3650, UnitOfTime.DAYS),
        }
        return fields
