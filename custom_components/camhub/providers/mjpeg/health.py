"""Whether a camera is there, asked so that it costs the camera next to nothing."""

from typing import Final

from yarl import URL

from ...kernel.clock import Clock
from ...kernel.errors import AuthError, Malformed, Unreachable
from ...kernel.policy import within
from .address import HTTP
from .client import Client
from .media import HttpMjpeg, Remembered
from .parse import State, pi_health, streamer_state

# The status pages there are, in the order they are looked for; none of them opens the camera's stream.
PAGES: Final = {"/health": pi_health, "/state": streamer_state}
NO_PAGE: Final = ""
PATIENCE: Final = 2.0
# A camera that failed to give a picture is asked for one again; that takes longer than a look at a page.
PICTURE_PATIENCE: Final = 5.0
# Pictures that came within so many seconds prove that the camera is there.
FLOWING: Final = 15.0


async def find_page(client: Client, url: URL, clock: Clock) -> str:
    """Return the path of the status page beside a stream, NO_PAGE if there is none; raises Unreachable."""
    for path in PAGES:
        try:
            await read_page(client, url, path, clock)
        except AuthError, Malformed:
            continue
        return path
    return NO_PAGE


async def read_page(client: Client, url: URL, path: str, clock: Clock) -> State:
    """Ask the status page at `path` on the stream's own origin; raises HubError."""
    status, said = await within(clock, PATIENCE, client.json(url.origin().join(URL(path))))
    return PAGES[path](status, said)


class Watch:
    """Looks after one camera: by its server's status page, else by pictures that flow, else by its port."""

    def __init__(
        self,
        client: Client,
        url: URL,
        *,
        clock: Clock,
        page: str | None,
        stills: Remembered,
        mjpeg: HttpMjpeg | None,
    ) -> None:
        """Take the path of the status page, NO_PAGE if there is none, None if nobody has looked yet."""
        self._client = client
        self._url = url
        self._clock = clock
        self._page = page if url.scheme in HTTP else NO_PAGE
        self._stills = stills
        self._mjpeg = mjpeg

    async def look(self) -> State:
        """Return how the camera is now, within seconds; raises AuthError where its login no longer holds."""
        try:
            return await self._look()
        except (Unreachable, Malformed) as error:
            return State(online=False, offline_reason=error.reason)

    async def _look(self) -> State:
        flowing = self._mjpeg is not None and self._mjpeg.fresh(FLOWING)
        if self._page is None and flowing:
            # Small cameras drop the line that is open for another one: what flows is not disturbed to look for a page.
            return State(online=True)
        if self._page is None:
            self._page = await find_page(self._client, self._url, self._clock)
        if self._page != NO_PAGE:
            try:
                state = await read_page(self._client, self._url, self._page, self._clock)
            except Malformed:
                # Another server answers at this address now: look for its page the next time.
                self._page = None
            else:
                if state.online:
                    # Servers say that all is well because their camera object exists; pictures know better.
                    await self._prove()
                return state
        if not flowing:
            await within(self._clock, PATIENCE, self._client.reach(self._url))
            await self._prove()
        return State(online=True)

    async def _prove(self) -> None:
        """Take a picture if the last one failed; a refused login is not tried again."""
        failure = self._stills.failure
        if isinstance(failure, AuthError):
            raise failure
        if failure is not None:
            await within(self._clock, PICTURE_PATIENCE, self._stills.take())
