"""The engines that capture pictures from live sessions: created on first use, shared by all accounts."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
import platform
from typing import Any, Final, Protocol

from homeassistant.components.web_rtc import async_get_ice_servers
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant

from .capture import chromium
from .capture.frames import LiveGrabber
from .capture.session import IceServer, Terms
from .const import LOGGER, OPTION_BROWSERS, OPTION_CAPTURE
from .credential_store import CredentialStore
from .kernel.addresses import looked_up
from .kernel.clock import Clock
from .kernel.counters import Counters
from .kernel.errors import HubError, Unsupported, WrongKey
from .kernel.provider import WebRtc
from .on_demand import async_import, async_on_demand

# Installed only for users who capture with a browser: it is not available on every system.
PLAYWRIGHT: Final = "playwright>=1.49,<2"
# What a user can fix; each has a repair issue.
PROBLEMS: Final = frozenset(
    {
        "capture_no_aiortc",
        "capture_no_playwright",
        "capture_browser_on_musl",
        "capture_no_chromium",
        "capture_chromium_fails",
        "capture_no_remote",
    }
)


class CaptureMode(StrEnum):
    """Which engine captures; AUTO is in process wherever that is possible."""

    AUTO = "auto"
    IN_PROCESS = "in_process"
    BROWSER = "browser"
    NEVER = "never"


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptureChoice:
    """An account's choice; `browsers` are paths or addresses, an empty one means a Chromium on this machine."""

    mode: CaptureMode = CaptureMode.AUTO
    browsers: tuple[str, ...] = field(default=("",), repr=False)


async def async_capture_choice(store: CredentialStore, entry: ConfigEntry[Any]) -> CaptureChoice:
    """Return an account's choice, without browsers if their addresses cannot be decrypted."""
    mode = CaptureMode(entry.options.get(OPTION_CAPTURE, CaptureMode.AUTO))
    if (sealed := entry.options.get(OPTION_BROWSERS)) is None:
        return CaptureChoice(mode=mode)
    try:
        places = tuple((await store.async_unseal(sealed)).split("\n"))
    except WrongKey:
        LOGGER.warning("The browsers of %s do not open with the key; enter them again", entry.title)
        return CaptureChoice(mode=mode)
    return CaptureChoice(mode=mode, browsers=places)


class Engine(LiveGrabber, Protocol):
    """An engine that has to be closed."""

    async def close(self) -> None:
        """Release all resources."""
        ...


class Engines:
    """Creates each engine once."""

    def __init__(self, hass: HomeAssistant, clock: Clock) -> None:
        """Import and start nothing yet."""
        self._hass = hass
        self._terms = Terms(ice_servers=partial(_ice_servers, hass), clock=clock)
        self._in_process: Engine | None = None
        self._in_browsers: dict[tuple[str, ...], Engine] = {}
        # Two locks, as installing what drives browsers may take minutes.
        self._making_here = asyncio.Lock()
        self._making_there = asyncio.Lock()

    async def async_pick(self, choice: CaptureChoice) -> LiveGrabber:
        """Return the engine for a choice; raises Unsupported with what is missing."""
        match choice.mode:
            case CaptureMode.NEVER:
                raise Unsupported("switched off", reason="capture_off")
            case CaptureMode.IN_PROCESS:
                return await self._here()
            case CaptureMode.BROWSER:
                return await self._there(choice.browsers)
            case CaptureMode.AUTO:
                return await self._either(choice.browsers)

    async def async_close(self) -> None:
        """End every browser; returns when nothing is left."""
        engines = [*self._in_browsers.values(), *([self._in_process] if self._in_process else [])]
        self._in_browsers, self._in_process = {}, None
        await asyncio.gather(*(engine.close() for engine in engines))

    async def _either(self, browsers: tuple[str, ...]) -> Engine:
        try:
            return await self._here()
        except Unsupported as missing:
            try:
                return await self._there(browsers)
            except Unsupported:
                raise missing from None

    async def _here(self) -> Engine:
        async with self._making_here:
            if self._in_process is None:
                if (module := await self._load("aiortc_engine")) is None:
                    raise Unsupported("aiortc is not there", reason="capture_no_aiortc")
                self._in_process = module.AiortcEngine(self._terms)
            return self._in_process

    async def _there(self, browsers: tuple[str, ...]) -> Engine:
        async with self._making_there:
            if browsers not in self._in_browsers:
                module = await self._load("browser_engine") or await self._install()
                for place in browsers:
                    await self._look_for(place)
                self._in_browsers[browsers] = module.BrowserEngine(browsers, self._terms)
            return self._in_browsers[browsers]

    async def _look_for(self, place: str) -> None:
        if chromium.is_remote(place):
            await looked_up(place)
            return
        if await self._hass.async_add_executor_job(chromium.find, place) is None:
            raise Unsupported("no Chromium found", reason="capture_no_chromium")

    async def _install(self) -> Any:
        """Let Home Assistant install Playwright; raises Unsupported."""
        if platform.system() == "Linux" and not platform.libc_ver()[0]:
            raise Unsupported("there is no Playwright for musl", reason="capture_browser_on_musl")
        return await async_on_demand(self._hass, "capture.browser_engine", PLAYWRIGHT, "capture_no_playwright")

    async def _load(self, name: str) -> Any | None:
        """Import an engine, None if its library is not installed."""
        try:
            return await async_import(self._hass, f"capture.{name}")
        except ImportError:
            return None


class Capture:
    """Captures the live sessions of one account with its chosen engine, and remembers what is missing."""

    def __init__(self, engines: Engines, choice: CaptureChoice, counters: Counters) -> None:
        """Make nothing yet."""
        self._engines = engines
        self._choice = choice
        self.counters = counters
        self.problem: str | None = None

    @property
    def problems(self) -> tuple[str, ...]:
        """Return the slug of what is missing, if anything is."""
        return (self.problem,) if self.problem else ()

    async def async_check(self) -> None:
        """Find out what is missing before the first picture is requested."""
        try:
            await self._engines.async_pick(self._choice)
        except HubError as error:
            self._note(error.reason)
        else:
            self.problem = None

    async def grab_live(self, live: WebRtc, timeout: float) -> bytes:
        """Return the first real picture of a live session; raises HubError."""
        try:
            with self.counters.timed("capture"):
                engine = await self._engines.async_pick(self._choice)
                content = await engine.grab_live(live, timeout)
        except HubError as error:
            self._note(error.reason)
            raise
        self.problem = None
        return content

    def _note(self, reason: str) -> None:
        if reason in PROBLEMS:
            self.problem = reason


def _ice_servers(hass: HomeAssistant) -> Sequence[IceServer]:
    """Return the servers that Home Assistant's own viewers use."""
    return [
        IceServer(
            urls=(server.urls,) if isinstance(server.urls, str) else tuple(server.urls),
            username=server.username,
            credential=server.credential,
        )
        for server in async_get_ice_servers(hass)
    ]
