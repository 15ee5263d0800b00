"""An account of as many cameras as asked for, for measuring CamHub's coordinator with entities of its own.

Its credentials: `{"address": "http://127.0.0.1:PORT/many/still?...", "count": 1000, "floor": 0}`.
"""

from collections.abc import Sequence
import sys
from types import ModuleType
from typing import override

import aiohttp

from custom_components.camhub.kernel.errors import Unreachable, Unsupported
from custom_components.camhub.kernel.model import Account, DeviceIdentity, Image
from custom_components.camhub.kernel.provider import Camera, Context, Provider
from custom_components.camhub.kernel.signin import Ask
from custom_components.camhub.kernel.spec import ProviderSpec

NAME = "custom_components.camhub.providers.bench_many"


class HttpStills:
    """One picture over HTTP, fetched anew each time."""

    def __init__(self, session: aiohttp.ClientSession, context: Context, address: str) -> None:
        """Keep where to ask."""
        self._session = session
        self._context = context
        self._address = address

    async def take(self, width: int | None = None) -> Image:
        """Fetch it; raises Unreachable."""
        try:
            async with self._session.get(self._address) as response:
                content = await response.read()
        except aiohttp.ClientError as error:
            raise Unreachable(type(error).__name__) from error
        return Image(content=content, taken_at=self._context.clock.now())


class Many(Provider):
    """Cameras that differ in nothing but their number."""

    def __init__(self, context: Context) -> None:
        """Make them all."""
        stored = context.credentials
        session = context.session()
        self._cameras = tuple(
            Camera(
                id=f"camera{number}",
                identity=DeviceIdentity(name=f"Many {number}", manufacturer="Bench"),
                online=True,
                still_floor=float(stored.text("floor")),
                stills=HttpStills(session, context, stored.text("address")),
            )
            for number in range(int(stored.text("count")))
        )

    @override
    async def connect(self) -> None:
        """Nothing to reach."""

    @override
    async def cameras(self) -> Sequence[Camera]:
        return self._cameras

    @override
    async def close(self) -> None:
        """Nothing is open."""


async def sign_in(context: Context, ask: Ask) -> Account:
    """Not by a dialog."""
    raise Unsupported


def register() -> None:
    """Let CamHub find the provider under its name."""
    module = ModuleType(NAME)
    spec = ProviderSpec(key="bench_many", name="Many", sign_in=sign_in, open=Many)
    module.__dict__["SPEC"] = spec
    sys.modules[NAME] = module
