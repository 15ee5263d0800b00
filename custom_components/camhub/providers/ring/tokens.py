"""Keeps the account signed in: one refresh at a time, stored before it is used."""

import asyncio
from copy import copy
from datetime import timedelta
import random
from typing import Final

from ...kernel.errors import AuthError, Throttled, Unreachable
from ...kernel.policy import Backoff, Chance, retry
from ...kernel.provider import Context
from ...kernel.single_flight import SingleFlight
from .credentials import StoredCredentials
from .token_endpoint import Grant, TokenEndpoint, loaded

# A token this near its end is renewed before it is used.
MARGIN: Final = timedelta(seconds=60)
ATTEMPTS: Final = 3
WITHIN: Final = Backoff(first=1, factor=3, maximum=20, jitter=0.5)
BETWEEN: Final = Backoff(first=15, factor=2, maximum=600, jitter=5)


class TokenKeeper:
    """Hands out the access token, renewed where its time has come.

    The service honours a refresh token once and ends the whole login where it comes again, so whoever wants a new one
    shares one request that none of them can break off. Outages are waited out, first in the call and then between the
    calls; only a refused token ends the login, and then nothing is asked any more.
    """

    def __init__(
        self, context: Context, stored: StoredCredentials, endpoint: TokenEndpoint, *, random: Chance = random.random
    ) -> None:
        """Take up the grant that is stored."""
        self._clock = context.clock
        self._counters = context.counters
        self._stored = stored
        self._endpoint = endpoint
        self._random = random
        self._grant = loaded(stored.part("grant"))
        self._flight: SingleFlight[Grant] = SingleFlight()
        self._posting = asyncio.Lock()
        self._outage: Unreachable | None = None
        self._silent_until = 0.0
        self._pauses = BETWEEN.delays(random)
        self.dead: AuthError | None = None

    async def access(self, refused: str | None = None) -> str:
        """Return an access token other than one that was refused; raises AuthError, Unreachable."""
        grant = self._grant
        if grant is not None and grant.access != refused and grant.expires_at - self._clock.now() > MARGIN:
            return grant.access
        self._gate()
        task = self._flight.join("grant", self._renew)
        await asyncio.wait({task})
        if task.cancelled():
            raise Unreachable("closed meanwhile", reason="shutting_down")
        if (error := task.exception()) is not None:
            raise copy(error)
        return task.result().access

    async def close(self) -> None:
        """Stop asking; a refresh that has been sent is waited for, since its answer cannot be had twice."""
        async with self._posting:
            await self._flight.cancel()

    def _gate(self) -> None:
        if self.dead is not None:
            raise copy(self.dead)
        if self._outage is not None and self._clock.monotonic() < self._silent_until:
            raise copy(self._outage)

    async def _renew(self) -> Grant:
        try:
            grant = await retry(self._once, clock=self._clock, attempts=ATTEMPTS, backoff=WITHIN, random=self._random)
        except AuthError as error:
            self.dead = error
            raise
        except Unreachable as error:
            pause = next(self._pauses)
            if isinstance(error, Throttled):
                pause = max(pause, error.retry_after or 0)
            self._outage, self._silent_until = error, self._clock.monotonic() + pause
            raise
        self._outage, self._pauses = None, BETWEEN.delays(self._random)
        return grant

    async def _once(self) -> Grant:
        async with self._posting:
            with self._counters.timed("refresh"):
                grant = await self._traded()
            try:
                await self._stored.put("grant", grant.stored())
            finally:
                # The old one is spent, also where the new one could not be stored.
                self._grant = grant
            return grant

    async def _traded(self) -> Grant:
        """Return a new grant for the refresh token, or for the password if the user let us keep it."""
        credentials = self._stored.current
        password = credentials.secret("password")
        refused = AuthError("no token is stored", reason="login_ended")
        if self._grant is not None:
            try:
                return await self._endpoint.refresh(self._grant)
            except AuthError as error:
                refused = error
        if not password:
            raise refused
        self._counters.count("refresh.by_password")
        return await self._endpoint.sign_in(credentials.text("username"), password)
