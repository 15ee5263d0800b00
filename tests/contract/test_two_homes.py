"""Two Home Assistants on one account or device: each signs in for itself; what cannot be shared is told in words."""

from collections.abc import Mapping
import json
from typing import override

import pytest

from custom_components.camhub.kernel.model import JsonValue
from custom_components.camhub.kernel.signin import Answers, Form
from custom_components.camhub.kernel.spec import ProviderSpec
from tests.conftest import MakeContext
from tests.contexts import SavedTokens
from tests.fake_clock import FakeClock

from .conftest import Applicant
from .worlds import World

# Longer than any token of an hour lives.
LATER_S = 2 * 3600.0


@pytest.mark.parametrize("key", ["frigate", "hikvision", "mjpeg", "nest", "ring"])
async def test_each_goes_on_after_the_other_has_renewed_its_tokens(
    key: str, spec: ProviderSpec, world: World, make_context: MakeContext, clock: FakeClock
) -> None:
    homes: list[tuple[Mapping[str, JsonValue], SavedTokens]] = []
    for _ in range(2):
        account = await spec.sign_in(make_context(), Applicant(key=key, world=world))
        homes.append((json.loads(json.dumps(account.credentials)), SavedTokens()))
    for _ in range(2):
        for stored, tokens in homes:
            # Opened with what this home has saved last, as after a restart.
            provider = spec.open(make_context(tokens.saved[-1] if tokens.saved else stored, tokens=tokens))
            await provider.connect()
            assert await provider.cameras()
            await provider.close()
        await clock.advance(LATER_S)
    assert world.refused == 0


class Told(Exception):
    """What a page says went wrong."""


@pytest.mark.parametrize("key", ["nest_legacy"])
async def test_cookies_that_another_home_has_rotated_are_refused_in_words(
    key: str, spec: ProviderSpec, world: World, make_context: MakeContext
) -> None:
    class Impatient(Applicant):
        @override
        async def __call__(self, question: object) -> Answers:
            assert isinstance(question, Form)
            if question.errors:
                raise Told(question.errors["base"])
            return await super().__call__(question)

    await spec.sign_in(make_context(), Applicant(key=key, world=world))
    with pytest.raises(Told) as caught:
        await spec.sign_in(make_context(), Impatient(key=key, world=world))
    assert str(caught.value) == "google_logged_out"
