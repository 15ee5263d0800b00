"""Runs a provider's sign-in as a task for a flow that returns with one answer at a time."""

import asyncio

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant

from .const import DOMAIN
from .coordinator import CamHubConfigEntry
from .credential_store import EarlierTokens
from .kernel.model import Account
from .kernel.provider import Context
from .kernel.secret import Credentials
from .kernel.signin import Answers, Question
from .kernel.spec import ProviderSpec
from .runtime import SHARED, Sessions, make_context, provider_options

type Turn = Question | Account


class Conversation:
    """One sign-in in progress."""

    def __init__(
        self,
        hass: HomeAssistant,
        spec: ProviderSpec,
        earlier: Credentials,
        entry: CamHubConfigEntry | None = None,
    ) -> None:
        """Start it; `async_turn` returns its first question. `entry` is the existing account, if any."""
        self._hass = hass
        self._entry = entry
        self._kept = EarlierTokens(hass.data[SHARED].store, entry) if entry else None
        self._sessions = Sessions(hass)
        self._question: asyncio.Future[Question] = hass.loop.create_future()
        self._answers: asyncio.Future[Answers] = hass.loop.create_future()
        context = make_context(
            hass, self._sessions, earlier, options=provider_options(spec), entry=entry, earlier=self._kept
        )
        self._task: asyncio.Task[Account] = hass.async_create_background_task(
            self._sign_in(spec, context), f"{DOMAIN} sign-in {spec.key}"
        )

    async def async_turn(self) -> Turn:
        """Wait for the next question, or the account at the end; raises HubError."""
        awaited = self._question
        either: set[asyncio.Future[Account] | asyncio.Future[Question]] = {self._task, awaited}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            return self._task.result()
        if self._question is awaited:
            self._question = self._hass.loop.create_future()
        return awaited.result()

    async def async_answer(self, answers: Answers) -> Turn:
        """Submit answers and return the next turn; raises HubError.

        Of a page that is submitted twice at once, as by a double click, the first counts.
        """
        if not self._answers.done():
            self._answers.set_result(answers)
        return await self.async_turn()

    def close(self) -> None:
        """End it, finished or not; a running account is reloaded if its credentials changed meanwhile."""
        finished = self._task.done() and not self._task.cancelled() and self._task.exception() is None
        self._task.cancel()
        self._sessions.detach()
        if self._entry and self._kept and self._kept.changed and not finished:
            self._kept.changed = False
            if self._entry.state is ConfigEntryState.LOADED:
                self._hass.config_entries.async_schedule_reload(self._entry.entry_id)

    async def _sign_in(self, spec: ProviderSpec, context: Context) -> Account:
        """Run the provider's coroutine."""
        return await spec.sign_in(context, self._ask)

    async def _ask(self, question: Question) -> Answers:
        """Pass a question to the flow and wait for the answers."""
        self._question.set_result(question)
        self._answers = self._hass.loop.create_future()
        return await self._answers
