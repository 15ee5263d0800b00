"""The line that messages are pushed through: one streaming pull of the account's subscription (gRPC)."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing, asynccontextmanager
from typing import Final

from google import pubsub_v1
from google.api_core.exceptions import (
    DeadlineExceeded,
    GoogleAPICallError,
    NotFound,
    PermissionDenied,
    Unauthenticated,
)

from ...kernel.errors import Unreachable
from ...kernel.policy import within
from .client import Client

# A connection is made within so many seconds, also where IPv6 leads nowhere (peers.md N7).
CONNECT_S: Final = 30.0
# What is not acknowledged within so many seconds is told again.
ACKNOWLEDGE_S: Final = 60
# A line is dialled anew after so many seconds: a dead one looks like a quiet one.
LINE_S: Final = 900.0
# Google refuses within moments; a line that stands for so many seconds is good.
GOOD_S: Final = 60.0

type _Acks = asyncio.Queue[str | None]
type Responses = AsyncIterable[pubsub_v1.StreamingPullResponse]


class PushLine:
    """Messages of one subscription."""

    def __init__(self, client: Client, subscription: str, *, line_s: float = LINE_S) -> None:
        """Dial nothing yet."""
        self._client = client
        self._clock = client.clock
        self._subscription = subscription
        self._line_s = line_s
        self._problem: str | None = None
        self._up_since: float | None = None
        self.dials = 0

    @property
    def problem(self) -> str | None:
        """Return the slug of what keeps messages from coming until the user mends it, None if nothing does."""
        if self._up_since is not None and self._clock.monotonic() - self._up_since >= GOOD_S:
            self._problem = None
        return self._problem

    async def messages(self) -> AsyncGenerator[bytes]:
        """Yield messages until the line drops; each is acknowledged when the next is asked for; raises HubError."""
        while True:
            token = await self._client.keeper.access()
            failure: Unreachable | None = None
            try:
                async with aclosing(self._dialled()) as dialled:
                    async for data in dialled:
                        yield data
                failure = Unreachable("the line ended", reason="event_line_closed")
            except DeadlineExceeded:
                # The time of this line is over; the next one follows at once.
                self._problem = None
            except Unauthenticated:
                # It raises where another token would be refused as well, so this ends.
                await self._client.keeper.renew(token)
            except GoogleAPICallError as error:
                failure = self._translated(error)
            finally:
                self._up_since = None
            if failure is not None:
                raise failure

    async def check(self) -> None:
        """Connect once and hang up; raises HubError."""
        failure: Unreachable
        try:
            async with self._call(asyncio.Queue()):
                return
        except GoogleAPICallError as error:
            failure = self._translated(error)
        raise failure

    async def _dialled(self) -> AsyncGenerator[bytes]:
        acks: _Acks = asyncio.Queue()
        self.dials += 1
        async with self._call(acks) as responses:
            self._up_since = self._clock.monotonic()
            async for response in responses:
                for each in response.received_messages:
                    yield each.message.data
                    acks.put_nowait(each.ack_id)

    @asynccontextmanager
    async def _call(self, acks: _Acks) -> AsyncGenerator[Responses]:
        """Open the call, and close its connection in the end."""
        service = pubsub_v1.SubscriberAsyncClient(credentials=await self._client.pubsub.async_get_creds())
        try:
            opening = service.streaming_pull(self._requests(acks), retry=None, timeout=self._line_s)
            try:
                responses = await within(self._clock, CONNECT_S, opening)
            except Unreachable:
                raise Unreachable("no connection in time", reason="push_timeout") from None
            yield responses
        finally:
            # gRPC itself goes on waiting for requests of a call that has ended.
            acks.put_nowait(None)
            await service.transport.close()

    async def _requests(self, acks: _Acks) -> AsyncGenerator[pubsub_v1.StreamingPullRequest]:
        yield pubsub_v1.StreamingPullRequest(subscription=self._subscription, stream_ack_deadline_seconds=ACKNOWLEDGE_S)
        while (ack := await acks.get()) is not None:
            yield pubsub_v1.StreamingPullRequest(ack_ids=[ack])

    def _translated(self, error: GoogleAPICallError) -> Unreachable:
        """Return our error without the text of theirs."""
        if isinstance(error, NotFound):
            self._problem = "push_subscription_missing"
            return Unreachable("no such subscription", reason="push_subscription_missing")
        if isinstance(error, PermissionDenied):
            self._problem = "push_forbidden"
            return Unreachable("no right to the subscription", reason="push_forbidden")
        return Unreachable(type(error).__name__, reason="event_line_closed")
