"""One viewer's WebRTC session with a camera, kept alive until it is closed."""

import asyncio
from collections.abc import Callable

from . import sdp
from .clock import Clock
from .errors import HubError, Unreachable
from .lease import PATIENT_MARGIN, Lease, LeaseKeeper
from .provider import EndingSession, WebRtc, WebRtcSession

type Candidate = tuple[str, str | None, int | None]


class LiveView:
    """Opens a session once, renews it while it runs and releases it.

    A session that has ended is not reopened: the viewer's offer belongs to the old one. Candidates of both sides wait
    for the answer, as a viewer can use them only then. SDP is repaired in both directions (`sdp`).
    """

    def __init__(
        self,
        webrtc: WebRtc,
        offer: str,
        tell: Callable[[str], None],
        *,
        clock: Clock,
        ended: Callable[[HubError], None] | None = None,
    ) -> None:
        """Open nothing yet; `tell` takes the camera's candidates, `ended` the reason of an end other than `close`."""
        self._webrtc = webrtc
        self._offer = offer
        self._tell = tell
        self._session: WebRtcSession | None = None
        self._waiting: list[Candidate] = []
        self._untold: list[str] | None = []
        self._keeper = LeaseKeeper(self._open, clock=clock, margin=PATIENT_MARGIN, anew=False)
        self._ended = ended
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> str:
        """Return the answer to the offer; raises HubError."""
        session = await self._keeper.start()
        while self._waiting:
            await session.add_candidate(*self._waiting.pop(0))
        self._session = session
        if self._ended is not None:
            self._watching = asyncio.create_task(self._watch(session, self._ended))
        # By then the caller has passed the answer on.
        asyncio.get_running_loop().call_soon(self._tell_all)
        return sdp.mend_answer(self._offer, session.answer)

    async def add_candidate(self, candidate: str, mid: str | None, line: int | None) -> None:
        """Pass on one of the viewer's candidates; raises HubError."""
        if line is not None:
            line = sdp.mended_line(self._offer, line)
        if self._session is None:
            self._waiting.append((candidate, mid, line))
        else:
            await self._session.add_candidate(candidate, mid, line)

    async def close(self) -> None:
        """Release the session; may be called twice."""
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.cancel()
            await asyncio.wait({watching})
        await self._keeper.close()

    async def _open(self) -> Lease[WebRtcSession]:
        return await self._webrtc.open(sdp.mend_offer(self._offer), self._hand_on)

    async def _watch(self, session: WebRtcSession, ended: Callable[[HubError], None]) -> None:
        """Report the end of the session: by the vendor, or because it could not be renewed."""
        if isinstance(session, EndingSession):
            ended(await session.until_over())
        else:
            await self._keeper.until_over()
            ended(Unreachable("nothing can follow", reason="session_over"))

    def _hand_on(self, candidate: str) -> None:
        mended = sdp.mend_candidate(candidate)
        if self._untold is None:
            self._tell(mended)
        else:
            self._untold.append(mended)

    def _tell_all(self) -> None:
        untold, self._untold = self._untold or [], None
        for candidate in untold:
            self._tell(candidate)
