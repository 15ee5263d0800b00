"""One account: its devices, and their commands within the quota."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Final

from ...kernel.errors import Malformed, Throttled
from ...kernel.model import JsonValue
from ...kernel.provider import Context
from ...kernel.reading import child
from .answers import pubsub_refusal
from .auth import HostAuth
from .listed import Listed, listed
from .quota import Quota, Rank
from .reading import text
from .settings import API, PUBSUB, USERINFO, Settings
from .tokens import TokenKeeper
from .wire import Wire

# What the library raises for an answer that is not what the protocol promises.
UNREADABLE: Final = (LookupError, ValueError, TypeError, AttributeError)


class Client:
    """Asks Google on behalf of one account."""

    def __init__(self, context: Context, settings: Settings) -> None:
        """Open nothing yet."""
        self.context = context
        self.clock = context.clock
        self.settings = settings
        self.wire = Wire(context)
        self.keeper = TokenKeeper(self.wire, settings)
        self.quota = _quota(context)

    @cached_property
    def api(self) -> HostAuth:
        """Return the door to the devices."""
        return HostAuth(self.wire, self.keeper, API)

    @cached_property
    def pubsub(self) -> HostAuth:
        """Return the door to topics and subscriptions."""
        return HostAuth(self.wire, self.keeper, PUBSUB, pubsub_refusal)

    async def devices(self) -> Sequence[Listed]:
        """List the devices; one that cannot be read is left out; raises HubError."""
        # A login that has ended is said before a quota that is used up.
        await self.keeper.access()
        self.quota.listing()
        with self._counting(listings=True):
            said = await self.api.get_json(f"{self.settings.enterprise}/devices")
        devices = said.get("devices", [])
        if not isinstance(devices, list):
            raise Malformed("no list of devices")
        return [found for each in devices if (found := self._read(each)) is not None]

    async def homes(self) -> Sequence[str]:
        """Return the names that the user gave the homes; raises HubError."""
        said = await self.api.get_json(f"{self.settings.enterprise}/structures")
        structures = said.get("structures", [])
        named = [
            text(child(each, "traits", "sdm.structures.traits.Info").get("customName"))
            for each in (structures if isinstance(structures, list) else ())
        ]
        return [name for name in named if name]

    async def email(self) -> str:
        """Return the address of whoever signed in; raises HubError."""
        return text((await self.api.get_json(USERINFO)).get("email"))

    async def command[T](
        self, device: str, name: str, rank: Rank, call: Callable[[], Awaitable[T]], *, ahead: int = 0
    ) -> T:
        """Return what a command of the library returns, if there is a place for it; raises HubError."""
        await self.keeper.access()
        self.quota.command(device, name, rank, ahead=ahead)
        with self.context.counters.timed(name), self._counting():
            try:
                return await call()
            except UNREADABLE as error:
                failure = Malformed(f"{name}: {type(error).__name__}")
        raise failure

    def _read(self, raw: JsonValue) -> Listed | None:
        if (found := listed(raw, self.api)) is None:
            self.context.counters.count("unreadable_devices")
        return found

    @contextmanager
    def _counting(self, *, listings: bool = False) -> Iterator[None]:
        try:
            yield
        except Throttled as error:
            self.quota.silence(error.retry_after or 0.0, listings=listings)
            raise


def _quota(context: Context) -> Quota:
    """Return the count of the account's calls, which goes on while the account is opened anew."""
    kept = context.kept.get("quota")
    if not isinstance(kept, Quota):
        kept = context.kept["quota"] = Quota(context.clock)
        # Signing in, or the run of Home Assistant before this one, has listed the devices a moment ago.
        kept.listing()
    return kept
