"""One Ring account in a process of its own, by CamHub or by the plain library, obeying JSON lines.

`{"folder": FOLDER, "names": NAMES, "grant": GRANT}` signs it in, with an access token that has ended; `{"calls": N,
"who": WHO}` makes so many at once; `{"clip": EVENT}` downloads a recording to the disk.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
import sys
from tempfile import TemporaryFile
import time
from typing import Any, Final

import aiohttp
from ring_doorbell import Auth
from ring_doorbell.const import API_URI, DEVICES_ENDPOINT

from custom_components.camhub.kernel.clock import SystemClock
from custom_components.camhub.kernel.counters import Counters
from custom_components.camhub.kernel.model import Clip, JsonValue
from custom_components.camhub.kernel.provider import Context
from custom_components.camhub.kernel.secret import Credentials
from custom_components.camhub.providers.ring.client import Client
from custom_components.camhub.providers.ring.provider import RingProvider
from simulators.authority import Authority
from simulators.names import Names

HARDWARE: Final = "11111111-0000-4000-8000-000000000000"
CAMHUB: Final = "camhub"


class Forgetful:
    """Keeps nothing and opens nothing: the bench needs no token a second time and no stream."""

    async def save(self, credentials: Mapping[str, JsonValue]) -> None:
        """Keep nothing."""

    async def grab(self, address: str, timeout: float) -> bytes:  # noqa: ASYNC109  # as the contract says
        """Take no picture."""
        raise NotImplementedError

    async def grab_live(self, live: object, timeout: float) -> bytes:  # noqa: ASYNC109  # as the contract says
        """Take no picture."""
        raise NotImplementedError


class Account:
    """What one line signed in."""

    def __init__(self, stack: AsyncExitStack, told: Mapping[str, Any]) -> None:
        """Open nothing yet."""
        self._stack = stack
        self._grant: Mapping[str, Any] = told["grant"]
        self._trusted = Authority(Path(told["folder"])).client()
        self._names = Names({name: (host, port) for name, (host, port) in told["names"].items()})
        self._provider: RingProvider | None = None

    async def session(self) -> aiohttp.ClientSession:
        """Return a session that finds the played service."""
        connector = aiohttp.TCPConnector(ssl=self._trusted, resolver=self._names, limit=0)
        return await self._stack.enter_async_context(aiohttp.ClientSession(connector=connector))

    async def context(self) -> Context:
        """Return a context as the hub makes it, with an access token that has ended."""
        session, clock, nothing = await self.session(), SystemClock(), Forgetful()
        past = datetime.now(UTC) - timedelta(hours=1)
        grant = {"access": self._grant["access_token"], "refresh": self._grant["refresh_token"]}
        stored: dict[str, JsonValue] = {
            "username": "robin@example.com",
            "hardware_id": HARDWARE,
            "grant": {**grant, "expires_at": past.isoformat()},
        }
        return Context(
            session=lambda **_: session,
            credentials=Credentials(stored),
            tokens=nothing,
            clock=clock,
            grabber=nothing,
            counters=Counters(clock),
        )

    async def calls(self, number: int, who: str) -> int:
        """Ask for the devices so many times at once; return how many got them."""
        asking: list[Coroutine[Any, Any, object]]
        if who == CAMHUB:
            client = Client(await self.context())
            asking = [client.get(DEVICES_ENDPOINT) for _ in range(number)]
        else:
            token = {**self._grant, "expires_at": time.time() - 3600}
            auth = Auth("bench/1", token, hardware_id=HARDWARE, http_client_session=await self.session())
            asking = [auth.async_query(API_URI + DEVICES_ENDPOINT) for _ in range(number)]
        answers = await asyncio.gather(*asking, return_exceptions=True)
        return sum(not isinstance(answer, BaseException) for answer in answers)

    async def clip(self, event: int) -> int:
        """Download a recording to the disk; return its size."""
        if self._provider is None:
            self._provider = RingProvider(await self.context())
        (camera, *_) = [each for each in await self._provider.cameras() if each.clips and each.online]
        if camera.clips is None:
            raise LookupError("no recordings")
        size = 0
        with TemporaryFile() as file:
            async for chunk in camera.clips.read(Clip(id=str(event), camera=camera.id, start=datetime.now(UTC))):
                size += file.write(chunk)
        return size


async def obey() -> None:
    """Do what each line says."""
    async with AsyncExitStack() as stack:
        account: Account | None = None
        while line := await asyncio.to_thread(sys.stdin.readline):
            command = json.loads(line)
            answer: dict[str, Any] = {}
            if "folder" in command:
                account = Account(stack, command)
            elif account is None:
                raise LookupError("nobody has signed in")
            elif "clip" in command:
                answer["size"] = await account.clip(command["clip"])
            else:
                answer["answered"] = await account.calls(command["calls"], command["who"])
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(obey())
