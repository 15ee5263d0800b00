"""Runs the checks of a camera that shows no picture, and puts their results into words."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
import ssl
from typing import Any, Final

from homeassistant.auth.models import User
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import Store
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util
from homeassistant.util.ssl import get_default_context, get_default_no_verify_context

from .capture.frames import Frames
from .const import CONF_PROVIDER, DOMAIN
from .coordinator import CamHubConfigEntry, CamHubCoordinator
from .kernel.checkup import Checkup, Report, Result, Subject
from .kernel.derive import FirstFrame, Grabbed, GrabbedLive
from .kernel.endpoints import Endpoint
from .kernel.errors import HubError, Unreachable
from .kernel.model import CredentialState
from .kernel.provider import Camera, Stills
from .kernel.stills import PictureState
from .runtime import SHARED, Sessions, async_known, async_load_spec, make_context, provider_options
from .upgrade import is_newer

CATEGORIES: Final = ("common", "exceptions", "issues")
# A relay frame that is at most this old (seconds) proves that the stream works.
FLOWING: Final = 5.0


async def async_examine(hass: HomeAssistant, entry: CamHubConfigEntry, camera_id: str, *, ask: bool = True) -> Report:
    """Check a camera; concurrent calls share one run. With `ask` false only known facts are used."""
    if entry.state is not ConfigEntryState.LOADED:
        return await Checkup(await _from_outside(hass, entry), ask=ask).run()
    coordinator = entry.runtime_data
    if not ask:
        return await Checkup(_subject(hass, coordinator, camera_id), ask=False).run()

    async def examine() -> Report:
        report = await Checkup(_subject(hass, coordinator, camera_id)).run()
        coordinator.reports[camera_id] = report
        return report

    task = coordinator.checks.join(camera_id, examine)
    await asyncio.wait({task})
    if task.cancelled():
        return await Checkup(_subject(hass, coordinator, camera_id), ask=False).run()
    return task.result()


def _contexts(endpoint: Endpoint) -> ssl.SSLContext:
    return get_default_context() if endpoint.verify else get_default_no_verify_context()


def _subject(hass: HomeAssistant, coordinator: CamHubCoordinator, camera_id: str) -> Subject:
    """Return the check-up's view of a camera of a loaded account."""

    async def listing() -> Camera | None:
        await coordinator.async_look()
        return coordinator.data.get(camera_id)

    async def still(camera: Camera) -> None:
        if camera.stills is not None:
            # For a camera with a floor (battery, rate limit) a picture from within it is new enough.
            key, floor = coordinator.picture_key(camera.id), camera.still_floor
            await coordinator.album.refresh(key, camera.stills, floor=floor, force=not floor)

    def stream(camera: Camera) -> Stills | None:
        return _stream(hass, coordinator, camera)

    return Subject(
        clock=coordinator.clock,
        contexts=_contexts,
        endpoints=coordinator.provider.endpoints(),
        login=coordinator.login.state,
        refusal=coordinator.login.reason,
        busy_until=coordinator.provider.next_call_at,
        camera=coordinator.data.get(camera_id),
        list_error=coordinator.list_error,
        listing=listing,
        problems=lambda camera: (*camera.problems, *coordinator.capture.problems),
        still=still,
        still_state=coordinator.album.state(coordinator.picture_key(camera_id)),
        stream=stream,
        line=coordinator.pump.state,
    )


def _stream(hass: HomeAssistant, coordinator: CamHubCoordinator, camera: Camera) -> Stills | None:
    """Return what takes a picture from the live view in the way it is watched, None if there is no live view."""
    clock = coordinator.clock
    grabber = Frames(hass.data[SHARED].grabber, coordinator.capture)
    if camera.rtsp is not None:
        return Grabbed(camera.rtsp, grabber, clock)
    if camera.webrtc is not None:
        return GrabbedLive(camera.webrtc, grabber, clock)
    if camera.mjpeg is not None:
        relay = coordinator.relays.get(camera.id)
        return FirstFrame(camera.mjpeg, clock, recent=lambda: relay.still(FLOWING) if relay else None)
    return None


async def _from_outside(hass: HomeAssistant, entry: CamHubConfigEntry) -> Subject:
    """Return the check-up's view of an account that is not loaded: its address, and why it is not loaded."""
    reason = entry.error_reason_translation_key
    refused = any(entry.async_get_active_flows(hass, {SOURCE_REAUTH}))

    async def listing() -> Camera | None:
        raise _said(entry)

    async def still(_camera: Camera) -> None:
        raise _said(entry)

    return Subject(
        clock=hass.data[SHARED].clock,
        contexts=_contexts,
        endpoints=await _endpoints_of(hass, entry),
        login=CredentialState.REFUSED if refused else CredentialState.OK,
        refusal=reason if refused else None,
        busy_until=lambda: None,
        camera=None,
        list_error=_said(entry),
        listing=listing,
        problems=lambda _: (),
        still=still,
        still_state=PictureState(),
        stream=lambda _: None,
        line=None,
    )


def _said(entry: CamHubConfigEntry) -> HubError:
    """Return why an account is not loaded."""
    words = {name: str(value) for name, value in (entry.error_reason_translation_placeholders or {}).items()}
    return Unreachable(reason=entry.error_reason_translation_key or "account_not_loaded", placeholders=words)


async def _endpoints_of(hass: HomeAssistant, entry: CamHubConfigEntry) -> Sequence[Endpoint]:
    """Return the endpoints of an account that is not loaded; none if its login cannot be decrypted."""
    if is_newer(entry):
        return ()
    sessions = Sessions(hass)
    try:
        spec = await async_load_spec(hass, entry.data[CONF_PROVIDER])
        known = await async_known(hass, entry)
        provider = spec.open(make_context(hass, sessions, known, options=provider_options(spec, entry)))
        endpoints = provider.endpoints()
        await provider.close()
    except HubError:
        return ()
    finally:
        sessions.detach()
    return endpoints


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """The sentences of one language, and the names that go into them."""

    texts: Mapping[str, str]
    camera: str
    account: str

    def say(self, path: str, words: Mapping[str, str | datetime] | None = None) -> str:
        """Return the sentence at a path of the translations with its placeholders filled in."""
        shown = {name: _shown(value) for name, value in (words or {}).items()}
        text = self.texts.get(f"component.{DOMAIN}.{path}", path)
        with suppress(KeyError):
            text = text.format(**{"camera": self.camera, "account": self.account, **shown})
        return text

    def verdict(self, report: Report) -> str:
        """Return in one sentence why there is no picture, or that nothing was found."""
        worst = report.verdict
        return self.say(worst.sentence, worst.words) if worst else self.say(report.summary)

    def step(self, report: Report) -> str:
        """Return what to do next."""
        worst = report.verdict
        return self.say(worst.step or "common.step_report") if worst else self.say("common.step_nothing")

    def name(self, result: Result) -> str:
        """Return what a check is called."""
        return self.say(f"common.check_{result.check}")

    def lines(self, report: Report) -> str:
        """Return the checks as a list in Markdown."""
        return "\n".join(
            f"- {self.say(f'common.mark_{result.outcome}')} **{self.name(result)}**: "
            f"{self.say(result.sentence, result.words)}"
            for result in report.results
        )


def _shown(value: str | datetime) -> str:
    """Return a time in local time."""
    return dt_util.as_local(value).strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, datetime) else value


async def async_language(hass: HomeAssistant, user: User | None) -> str:
    """Return the language of a user's profile, else that of Home Assistant."""
    if user is not None and not user.system_generated:
        # The frontend's own store of user data; the frontend itself is slow to import.
        kept: Store[dict[str, Any]] = Store(hass, 1, f"frontend.user_data_{user.id}")
        match await kept.async_load():
            case {"language": {"language": str(chosen)}} if chosen:
                return chosen
    return hass.config.language


async def async_words(hass: HomeAssistant, entry: CamHubConfigEntry, camera: str, user: User | None = None) -> Words:
    """Return the sentences about a camera, in the user's language where it is known."""
    language = await async_language(hass, user)
    texts: dict[str, str] = {}
    for category in CATEGORIES:
        texts |= await async_get_translations(hass, language, category, [DOMAIN])
    return Words(texts=texts, camera=camera, account=entry.title)
