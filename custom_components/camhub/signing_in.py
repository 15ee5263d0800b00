"""Runs a provider's sign-in as a task, question by question, for a dialog that comes back with each answer."""

import asyncio
from collections.abc import Awaitable, Callable

from homeassistant.core import HomeAssistant

from .const import DOMAIN
from .kernel.model import Account
from .kernel.secret import Credentials
from .kernel.signin import Answers, Question
from .kernel.spec import ProviderSpec
from .runtime import Sessions, make_context

type Turn = Question | Account


class Conversation:
    """One sign-in under way."""

    def __init__(self, hass: HomeAssistant, spec: ProviderSpec, earlier: Credentials) -> None:
        """Prepare; the first question comes with `async_begin`."""
        self._hass = hass
        self._spec = spec
        self._sessions = Sessions(hass)
        self._context = make_context(hass, self._sessions, earlier)
        self._task: asyncio.Task[Account] | None = None
        self._question: asyncio.Future[Question] = hass.loop.create_future()
        self._answers: asyncio.Future[Answers] = hass.loop.create_future()

    async def async_begin(self) -> Turn:
        """Start and return the first question, or the account if there is none; raises HubError."""
        self._task = self._hass.async_create_background_task(
            self._sign_in(self._spec.sign_in, self._ask), f"{DOMAIN} sign-in {self._spec.key}"
        )
        return await self._next(self._task)

    async def async_answer(self, answers: Answers) -> Turn:
        """Hand in answers and return the next question, or the account at the end; raises HubError."""
        if self._task is None:
            return await self.async_begin()
        self._answers.set_result(answers)
        return await self._next(self._task)

    def close(self) -> None:
        """End it, finished or not."""
        if self._task is not None:
            self._task.cancel()
        self._sessions.detach()

    async def _sign_in(
        self, sign_in: Callable[..., Awaitable[Account]], ask: Callable[..., Awaitable[Answers]]
    ) -> Account:
        """Run the provider's coroutine."""
        return await sign_in(self._context, ask)

    async def _ask(self, question: Question) -> Answers:
        """Pass a question to the dialog and wait for its answers."""
        self._question.set_result(question)
        self._answers = self._hass.loop.create_future()
        return await self._answers

    async def _next(self, task: asyncio.Task[Account]) -> Turn:
        """Wait for whichever comes first: another question or the end."""
        either: set[asyncio.Future[Account] | asyncio.Future[Question]] = {task, self._question}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        question = self._question.result()
        self._question = self._hass.loop.create_future()
        return question
