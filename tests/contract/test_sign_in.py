import asyncio
from collections.abc import Mapping
from dataclasses import replace
import json

import pytest

from custom_components.camhub.kernel.model import Account, JsonValue
from custom_components.camhub.kernel.provider import Context
from custom_components.camhub.kernel.signin import FieldKind, Form, Question
from custom_components.camhub.kernel.spec import ProviderSpec
from custom_components.camhub.providers import PROVIDERS
from tests.conftest import MakeContext
from tests.fake_clock import settle

from .conftest import Applicant, shows_no
from .worlds import WORLDS, World, nothing_left, tasks


def hides_passwords(forms: list[Form], world: World) -> None:
    for form in forms:
        shows_no(repr(form), world.secrets)
        assert [each.default for each in form.fields if each.kind is FieldKind.PASSWORD and each.default] == []


def test_there_is_a_world_for_each_provider_and_none_besides() -> None:
    assert sorted(WORLDS) == sorted(PROVIDERS)


def test_introduces_itself(key: str, spec: ProviderSpec) -> None:
    assert spec.key == key
    assert spec.name.strip() == spec.name != ""
    # They are stored as they are, and shown in a bug report.
    assert [each.key for each in spec.options if each.kind is FieldKind.PASSWORD] == []


async def test_the_right_answers_give_an_account(
    key: str, world: World, applicant: Applicant, account: Account
) -> None:
    assert {form.page for form in applicant.forms} <= set(PROVIDERS[key])
    assert [form.errors for form in applicant.forms if form.errors] == []
    assert world.refused == 0
    assert json.loads(json.dumps(account.credentials)) == account.credentials
    assert world.password in account.credentials.values(), "what is needed to connect again is kept"
    assert account.title.strip() == account.title != ""
    assert account.match
    assert account.unique_id is None or account.unique_id
    shows_no(f"{account!r} {account} {account.title} {account.match} {account.unique_id}", world.secrets)
    # `match` is there to hold the address; nothing else of an account is.
    shows_no(repr(account), world.addresses)
    hides_passwords(applicant.forms, world)


async def test_a_wrong_password_is_said_and_the_right_one_accepted_then(
    spec: ProviderSpec, world: World, applicant: Applicant, make_context: MakeContext
) -> None:
    applicant.wrong_first = True
    account = await spec.sign_in(make_context(), applicant)
    wrong = [form for form in applicant.forms if form.errors]
    assert len(wrong) == 1
    assert all(reason for reason in wrong[0].errors.values())
    assert wrong[0].page in world.wrong
    assert world.refused == 1, "one attempt a round"
    assert world.password in account.credentials.values()
    hides_passwords(applicant.forms, world)


@pytest.fixture
def again(key: str, world: World) -> Applicant:
    return Applicant(key=key, world=world, kept=True)


def lasting(account: Account, world: World) -> Account:
    """Return an account without what is new at each sign-in."""
    kept = {name: value for name, value in account.credentials.items() if name not in world.passing}
    return replace(account, credentials=kept)


async def test_signing_in_again_keeps_the_password(
    spec: ProviderSpec, world: World, account: Account, context: Context, again: Applicant
) -> None:
    assert lasting(await spec.sign_in(context, again), world) == lasting(account, world)
    assert [form.errors for form in again.forms if form.errors] == []
    hides_passwords(again.forms, world)
    asked = again.forms[0]
    kept = {each.key: each for each in asked.fields if each.kind is FieldKind.PASSWORD}
    assert [each.key for each in kept.values() if each.required] == [], "a password that is there need not be typed"
    known = {each.key: each.default for each in asked.fields if each.key in account.credentials} | dict.fromkeys(kept)
    assert known == {name: None if name in kept else account.credentials[name] for name in known}


async def test_signing_in_again_after_the_password_changed(
    spec: ProviderSpec, world: World, account: Account, context: Context, key: str
) -> None:
    world.change_password()
    shown: list[Form] = []
    again = Applicant(key=key, world=world, kept=True)

    async def ask(question: Question) -> Mapping[str, JsonValue]:
        assert isinstance(question, Form)
        shown.append(question)
        if question.errors:
            raise Enough
        return await again(question)

    with pytest.raises(Enough):
        await spec.sign_in(context, ask)
    assert world.refused == 1
    hides_passwords(shown, world)


class Enough(Exception):
    pass


async def test_nothing_is_left_of_a_sign_in_given_up_at_a_page(spec: ProviderSpec, make_context: MakeContext) -> None:
    before = tasks()
    shown = asyncio.Event()

    async def ask(question: Question) -> Mapping[str, JsonValue]:
        shown.set()
        await asyncio.Event().wait()
        raise AssertionError

    signing = asyncio.ensure_future(spec.sign_in(make_context(), ask))
    await shown.wait()
    await cancelled(signing)
    await nothing_left(before)


async def test_nothing_is_left_of_a_sign_in_given_up_while_the_device_is_asked(
    spec: ProviderSpec, world: World, applicant: Applicant, make_context: MakeContext
) -> None:
    before = tasks()
    world.fall_silent()
    signing = asyncio.ensure_future(spec.sign_in(make_context(), applicant))
    await world.asked()
    await settle()
    assert not signing.done()
    await cancelled(signing)
    await nothing_left(before)


async def cancelled(signing: asyncio.Future[Account]) -> None:
    signing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await signing
    await settle()


async def test_a_device_that_is_away_is_said(
    spec: ProviderSpec, world: World, applicant: Applicant, make_context: MakeContext
) -> None:
    await world.unplug()

    async def ask(question: Question) -> Mapping[str, JsonValue]:
        answers = await applicant(question)
        if applicant.forms[-1].errors:
            raise Enough
        return answers

    with pytest.raises(Enough):
        await spec.sign_in(make_context(), ask)
    assert all(applicant.forms[-1].errors.values())
    hides_passwords(applicant.forms, world)
