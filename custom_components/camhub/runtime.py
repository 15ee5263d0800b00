"""From what Home Assistant stores to an open provider: the key, the context, the sessions."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
import json
import os
from pathlib import Path
from typing import Final

import aiohttp
from homeassistant.const import EVENT_HOMEASSISTANT_CLOSE, EVENT_HOMEASSISTANT_STOP
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers.aiohttp_client import async_create_clientsession
from homeassistant.helpers.singleton import singleton
from homeassistant.util.hass_dict import HassKey

from .capture.frames import Frames
from .capture.rtsp_engine import RtspGrabber
from .const import CONF_CREDENTIALS, CONF_MATCH, CONF_PROVIDER, DOMAIN, OPTION_PROVIDER
from .coordinator import CamHubConfigEntry
from .kernel.clock import Clock, SystemClock
from .kernel.counters import Counters
from .kernel.errors import WrongKey
from .kernel.model import Account, JsonValue
from .kernel.provider import Context, FrameGrabber, TokenStore
from .kernel.secret import Credentials
from .kernel.spec import ProviderSpec
from .kernel.stills import Album
from .kernel.vault import Vault, load_key
from .preview import FlowPreviewView
from .providers import load

KEY_FILE: Final = ("camhub", "key")


@dataclass(kw_only=True, slots=True)
class Shared:
    """What all entries of one Home Assistant share."""

    album: Album
    clock: Clock
    grabber: FrameGrabber
    vault: Vault | None = None
    # JPEGs shown by open dialogs, by flow id.
    previews: dict[str, bytes] = field(default_factory=dict)
    unlocking: asyncio.Lock = field(default_factory=asyncio.Lock)


SHARED: Final[HassKey[Shared]] = HassKey(DOMAIN)


@singleton(SHARED, async_=True)
async def async_shared(hass: HomeAssistant) -> Shared:
    """Return what all entries share, made on first use: the first dialog comes before the first setup."""
    clock = SystemClock()
    album = Album(Path(hass.config.path(".storage", "camhub", "pictures")), clock=clock)
    await album.load()
    shared = Shared(album=album, clock=clock, grabber=Frames(RtspGrabber()))

    async def close(_event: Event) -> None:
        await album.close()

    hass.bus.async_listen_once(EVENT_HOMEASSISTANT_CLOSE, close)
    hass.http.register_view(FlowPreviewView(shared.previews))
    return shared


async def async_vault(hass: HomeAssistant) -> Vault:
    """Return the vault, reading the key on first use; raises WrongKey.

    A new key is made only while there is nothing sealed with an older one.
    """
    shared = await async_shared(hass)
    async with shared.unlocking:
        if shared.vault is None:
            sealed = any(CONF_CREDENTIALS in entry.data for entry in hass.config_entries.async_entries(DOMAIN))
            path = Path(hass.config.path(".storage", *KEY_FILE))
            key = await hass.async_add_executor_job(_load_key, path, not sealed)
            shared.vault = Vault(key)
    return shared.vault


def _load_key(path: Path, create: bool) -> bytes:  # noqa: FBT001  # async_add_executor_job passes by position
    """Read or make the key; blocking."""
    return load_key(os.environ, path, create=create)


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
            cookie_jar=aiohttp.CookieJar() if cookies else aiohttp.DummyCookieJar(),
        )
        self._open.append(session)
        return session

    def detach(self) -> None:
        """Let go of them all; the connections are Home Assistant's."""
        while self._open:
            self._open.pop().detach()


class EntryTokens:
    """Stores changed credentials in the entry they belong to."""

    def __init__(self, hass: HomeAssistant, entry: CamHubConfigEntry) -> None:
        """Remember the entry."""
        self._hass = hass
        self._entry = entry

    async def save(self, credentials: Mapping[str, JsonValue]) -> None:
        """Seal and store; nothing reloads, since no update listener exists."""
        sealed = await async_seal(self._hass, credentials)
        self._hass.config_entries.async_update_entry(self._entry, data={**self._entry.data, CONF_CREDENTIALS: sealed})


class NoTokens:
    """Where a sign-in that has no entry yet would save: nowhere, the account it returns holds everything."""

    async def save(self, credentials: Mapping[str, JsonValue]) -> None:
        """Keep nothing."""


async def async_seal(hass: HomeAssistant, credentials: Mapping[str, JsonValue]) -> str:
    """Return credentials as one sealed value; raises WrongKey."""
    vault = await async_vault(hass)
    return vault.seal(json.dumps(dict(credentials)))


async def async_unseal(hass: HomeAssistant, entry: CamHubConfigEntry) -> Credentials:
    """Return an entry's credentials; raises WrongKey."""
    vault = await async_vault(hass)
    opened = json.loads(vault.open(entry.data[CONF_CREDENTIALS]))
    if not isinstance(opened, dict):
        raise WrongKey("the sealed value holds no credentials")
    return Credentials(opened)


async def async_entry_data(hass: HomeAssistant, key: str, account: Account) -> dict[str, str]:
    """Return what an entry stores of an account."""
    return {
        CONF_PROVIDER: key,
        CONF_MATCH: sha256(account.match.encode()).hexdigest(),
        CONF_CREDENTIALS: await async_seal(hass, account.credentials),
    }


async def async_load_spec(hass: HomeAssistant, key: str) -> ProviderSpec:
    """Import a provider outside the event loop."""
    return await hass.async_add_import_executor_job(load, key)


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
) -> Context:
    """Return what a provider or its sign-in may reach."""
    shared = hass.data[SHARED]
    return Context(
        session=sessions,
        credentials=credentials,
        tokens=tokens or NoTokens(),
        clock=shared.clock,
        grabber=shared.grabber,
        counters=Counters(shared.clock),
        options=options,
    )
