"""The library's door to Google: our tokens, our limits, our errors."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, override

from google_nest_sdm.auth import AbstractAuth
from yarl import URL

from ...kernel.errors import HubError, Malformed
from .answers import refusal
from .reading import read
from .tokens import TokenKeeper
from .wire import Answer, Wire

_AUTHORIZATION: Final = "Authorization"
# Where a token of ours may go; a message names the address of a clip.
_OURS: Final = (".googleapis.com", ".google.com", ".nest.com", ".googleusercontent.com")

type Refusal = Callable[[int, bytes, float | None], HubError]


class HostAuth(AbstractAuth):
    """Asks one host; a 401 leads to one refresh and one more try. Raises HubErrors, which the library lets pass.

    The library's own `get_json` and `post_json` log what they send and receive, stream tokens included.
    """

    def __init__(self, wire: Wire, keeper: TokenKeeper, host: str, refused: Refusal = refusal) -> None:
        """Open nothing yet; `refused` makes errors of answers that are none."""
        super().__init__(wire.session, host)
        self._wire = wire
        self._keeper = keeper
        self._base = host
        self._refused = refused

    @override
    async def async_get_access_token(self) -> str:
        return await self._keeper.access()

    @override
    async def request(self, method: str, url: str, **kwargs: Any) -> Any:
        """Return a success, read whole, with all of a response that the library wants; raises HubError."""
        whole = url if url.startswith(("http://", "https://")) else f"{self._base}/{url}"
        headers = dict(kwargs.pop("headers", None) or {})
        if _AUTHORIZATION in headers:
            answer = await self._wire.ask(method, whole, headers, **kwargs)
        else:
            answer = await self._with_token(method, whole, headers, **kwargs)
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise self._refused(answer.status, answer.body, answer.retry_after)
        return answer

    @override
    async def get_json(self, url: str, **kwargs: Any) -> dict[str, Any]:
        return dict(read(await (await self.request("get", url, **kwargs)).read()))

    @override
    async def post_json(self, url: str, **kwargs: Any) -> dict[str, Any]:
        return dict(read(await (await self.request("post", url, **kwargs)).read()))

    async def _with_token(self, method: str, url: str, headers: dict[str, str], **kwargs: Any) -> Answer:
        target = URL(url)
        if target.scheme != "https" or not f".{target.host}".endswith(_OURS):
            raise Malformed("an address of somebody else")
        while True:
            token = await self._keeper.access()
            answer = await self._wire.ask(method, url, {**headers, _AUTHORIZATION: f"Bearer {token}"}, **kwargs)
            if answer.status != HTTPStatus.UNAUTHORIZED:
                return answer
            # It raises where another token would be refused as well, so this ends.
            await self._keeper.renew(token)
