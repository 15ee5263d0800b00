"""What all entries share, and how a stored account becomes an open provider: context, sessions, credentials."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import aiohttp
from homeassistant.const import EVENT_HOMEASSISTANT_CLOSE, EVENT_HOMEASSISTANT_STOP
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers.aiohttp_client import async_create_clientsession
from homeassistant.helpers.singleton import singleton
from homeassistant.util.hass_dict import HassKey

from .capture.frames import AddressGrabber, Frames
from .capture.rtsp_engine import RtspGrabber
from .const import DOMAIN, OPTION_PROVIDER
from .coordinator import CamHubConfigEntry
from .credential_alerts import async_forget_alert
from .credential_store import CredentialStore, matched
from .engines import Capture, Engines
from .kernel.clock import Clock, SystemClock
from .kernel.counters import Counters
from .kernel.errors import WrongKey
from .kernel.model import Account, JsonValue
from .kernel.provider import Context, TokenStore
from .kernel.redirects import guard
from .kernel.secret import Credentials
from .kernel.spec import ProviderSpec
from .kernel.stills import Album
from .preview import FlowPreviews
from .providers import load
from .recording.film_cache import FilmCache


@dataclass(kw_only=True, slots=True)
class Shared:
    """What all entries of one Home Assistant share."""

    album: Album
    clock: Clock
    grabber: AddressGrabber
    engines: Engines
    store: CredentialStore
    previews: FlowPreviews
    films: FilmCache
    specs: dict[str, ProviderSpec] = field(default_factory=dict)
    # State that the provider of an account keeps across reloads, by entry.
    kept: defaultdict[str, dict[str, object]] = field(default_factory=lambda: defaultdict(dict))


SHARED: Final[HassKey[Shared]] = HassKey(DOMAIN)


@singleton(SHARED, async_=True)
async def async_shared(hass: HomeAssistant) -> Shared:
    """Return what all entries share, created on first use: the first config flow runs before the first setup."""
    clock = SystemClock()
    album = Album(Path(hass.config.path(".storage", "camhub", "pictures")), clock=clock)
    await album.load()
    engines = Engines(hass, clock)
    shared = Shared(
        album=album,
        clock=clock,
        grabber=RtspGrabber(),
        engines=engines,
        store=CredentialStore(hass),
        previews=FlowPreviews(hass),
        films=FilmCache(sha256(hass.config.config_dir.encode()).hexdigest()[:8]),
    )
    await shared.films.sweep()

    async def stop(_event: Event) -> None:
        await engines.async_close()

    async def close(_event: Event) -> None:
        await album.close()
        await shared.films.close()

    hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, stop)
    hass.bus.async_listen_once(EVENT_HOMEASSISTANT_CLOSE, close)
    hass.http.register_view(shared.previews)
    return shared


class Sessions:
    """HTTP sessions of one owner, detached together."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Start with none."""
        self._hass = hass
        self._open: list[aiohttp.ClientSession] = []

    def __call__(
        self,
        *,
        verify_tls: bool = True,
        middlewares: Sequence[aiohttp.ClientMiddlewareType] = (),
        cookies: bool = True,
    ) -> aiohttp.ClientSession:
        """Return a session on Home Assistant's connections with a cookie jar of its own, or none."""
        session = async_create_clientsession(
            self._hass,
            verify_tls,
            auto_cleanup=False,
            middlewares=tuple(middlewares),
            trace_configs=[guard()],
            cookie_jar=aiohttp.CookieJar() if cookies else aiohttp.DummyCookieJar(),
        )
        self._open.append(session)
        return session

    def detach(self) -> None:
        """Detach them all; the connector is Home Assistant's."""
        while self._open:
            self._open.pop().detach()


class NoTokens:
    """The token store of a sign-in without an entry: it saves nothing, as the returned account holds everything."""

    async def save(self, credentials: Mapping[str, JsonValue]) -> None:
        """Keep nothing."""


def identify(key: str, account: Account) -> tuple[str | None, str]:
    """Return the unique id of an account among all entries, if it has one, and its match."""
    return (f"{key}_{account.unique_id}" if account.unique_id else None), matched(account)


async def async_known(hass: HomeAssistant, entry: CamHubConfigEntry) -> Credentials:
    """Return an entry's credentials; empty if they cannot be decrypted, so that new ones can replace them.

    Raises WrongKey if the key itself is at fault, Unreachable if they cannot be read.
    """
    shared = await async_shared(hass)
    await shared.store.async_unlock()
    try:
        return await shared.store.async_read(entry)
    except WrongKey:
        return Credentials()


async def async_replace_login(hass: HomeAssistant, entry: CamHubConfigEntry, account: Account) -> dict[str, Any]:
    """Store a new login and return the data for the entry; raises WrongKey, Unreachable."""
    data = await hass.data[SHARED].store.async_replace(entry, account)
    async_forget_alert(hass, entry.entry_id)
    return data


async def async_load_spec(hass: HomeAssistant, key: str) -> ProviderSpec:
    """Return a provider's spec, importing it outside the event loop on first use."""
    specs = (await async_shared(hass)).specs
    if key not in specs:
        specs[key] = await hass.async_add_import_executor_job(load, key)
    return specs[key]


def close_at_stop(hass: HomeAssistant, close: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Call `close` when Home Assistant stops, as entries are not unloaded then; return the undo."""
    stopped = False

    async def stop(_event: Event) -> None:
        nonlocal stopped
        stopped = True
        await close()

    forget = hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, stop)
    return lambda: None if stopped else forget()


def provider_options(spec: ProviderSpec, entry: CamHubConfigEntry | None = None) -> Mapping[str, JsonValue]:
    """Return a value for each of a provider's own settings: what the user chose, else its default."""
    chosen = entry.options.get(OPTION_PROVIDER, {}) if entry else {}
    return {field.key: chosen.get(field.key, field.default) for field in spec.options}


def make_context(
    hass: HomeAssistant,
    sessions: Sessions,
    credentials: Credentials,
    *,
    tokens: TokenStore | None = None,
    options: Mapping[str, JsonValue],
    capture: Capture | None = None,
    entry: CamHubConfigEntry | None = None,
    earlier: TokenStore | None = None,
) -> Context:
    """Return what a provider or its sign-in may reach; `capture` takes pictures out of an account's live sessions."""
    shared = hass.data[SHARED]
    return Context(
        session=sessions,
        credentials=credentials,
        tokens=tokens or NoTokens(),
        clock=shared.clock,
        grabber=Frames(shared.grabber, capture),
        counters=capture.counters if capture else Counters(shared.clock),
        options=options,
        kept=shared.kept[entry.entry_id] if entry else {},
        earlier=earlier,
    )
