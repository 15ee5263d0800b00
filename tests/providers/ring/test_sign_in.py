from collections.abc import Callable, Mapping

import pytest

from custom_components.camhub.kernel.model import Account, JsonValue
from custom_components.camhub.kernel.signin import Form, Question
from custom_components.camhub.providers.ring.sign_in import sign_in
from simulators.ring import OUTAGE, Canned, RingSimulator
from simulators.ring.hosts import TOKENS
from tests.conftest import MakeContext

from .conftest import CODE, PASSWORD, USER

LOGIN: Mapping[str, JsonValue] = {"username": USER, "password": PASSWORD}


class Enough(Exception):
    pass


class Applicant:
    """Gives one answer after the other, and gives up when there are none left; `forms` are the pages shown."""

    def __init__(self, *answers: Mapping[str, JsonValue] | Callable[[], Mapping[str, JsonValue]]) -> None:
        self.answers = list(answers)
        self.forms: list[Form] = []

    async def __call__(self, question: Question) -> Mapping[str, JsonValue]:
        assert isinstance(question, Form)
        self.forms.append(question)
        if not self.answers:
            raise Enough
        answer = self.answers.pop(0)
        return answer() if callable(answer) else answer

    @property
    def pages(self) -> list[tuple[str, str | None]]:
        return [(form.page, form.errors.get("base")) for form in self.forms]


async def shown(make_context: MakeContext, *answers: Mapping[str, JsonValue]) -> Applicant:
    applicant = Applicant(*answers)
    with pytest.raises(Enough):
        await sign_in(make_context(), applicant)
    return applicant


async def test_a_login_and_a_code_give_an_account(service: RingSimulator, make_context: MakeContext) -> None:
    applicant = Applicant(LOGIN, {"code": f" {CODE[:3]} {CODE[3:]} "})
    account = await sign_in(make_context(), applicant)
    assert applicant.pages == [("account", None), ("code_sms", None)]
    assert applicant.forms[1].placeholders == {"to": "+1xxxxxxxx12", "seconds": "60"}
    assert (account.title, account.unique_id, account.match) == (USER, "5550001", USER)
    assert set(account.credentials) == {"username", "keep_password", "hardware_id", "grant", "push"}
    assert PASSWORD not in str(account.credentials), "the password is not stored unless that is wanted"
    assert service.tokens.agents == {"CamHub/0.1.0"}
    assert service.tokens.hardware == {account.credentials["hardware_id"]}
    assert service.sessions == 1


async def test_a_password_is_stored_only_where_that_is_wanted(
    service: RingSimulator, make_context: MakeContext
) -> None:
    service.tokens.factor = None
    account = await sign_in(make_context(), Applicant({**LOGIN, "keep_password": True}))
    assert account.credentials["password"] == PASSWORD
    assert PASSWORD not in repr(account)


@pytest.mark.parametrize(
    ("way", "page", "to"),
    [("email", "code_email", USER), ("totp", "code_app", ""), ("sms", "code_sms", "+1xxxxxxxx12")],
)
async def test_where_the_code_went_is_said(
    way: str, page: str, to: str, service: RingSimulator, make_context: MakeContext
) -> None:
    service.tokens.factor = way
    applicant = await shown(make_context, LOGIN)
    assert applicant.pages[-1] == (page, None)
    assert applicant.forms[-1].placeholders["to"] == to


async def test_a_wrong_code_keeps_the_page_open(service: RingSimulator, make_context: MakeContext) -> None:
    applicant = Applicant(LOGIN, {"code": "000000"}, {"code": ""}, {"code": CODE})
    await sign_in(make_context(), applicant)
    assert applicant.pages == [
        ("account", None),
        ("code_sms", None),
        ("code_sms", "code_wrong"),
        ("code_sms", "code_needed"),
    ]
    assert service.tokens.codes_sent == 2, "an empty code asks for another"


async def test_too_many_codes_are_said(service: RingSimulator, make_context: MakeContext) -> None:
    applicant = await shown(make_context, LOGIN, *({"code": "000000"} for _ in range(11)))
    assert applicant.pages[-1] == ("code_sms", "too_many_codes")


ANSWERS = {
    "account_blocked": Canned(status=406),
    "throttled": Canned(status=429),
    "service_unavailable": OUTAGE,
    "malformed": Canned(status=400, body="{}"),
    "login_ended": Canned(status=401, body="[]"),
}


@pytest.mark.parametrize("reason", list(ANSWERS))
async def test_what_is_wrong_is_told_apart(reason: str, service: RingSimulator, make_context: MakeContext) -> None:
    service.faults.answers[TOKENS] = ANSWERS[reason]
    applicant = await shown(make_context, LOGIN)
    assert applicant.pages[-1] == ("account", reason)


async def test_a_wrong_password_is_said_at_its_page(service: RingSimulator, make_context: MakeContext) -> None:
    applicant = await shown(make_context, {**LOGIN, "password": "wrong"})
    assert applicant.pages[-1] == ("account", "invalid_auth")
    assert service.tokens.refused == 1


async def test_what_is_missing_is_said_and_nobody_asked(service: RingSimulator, make_context: MakeContext) -> None:
    applicant = await shown(make_context, {"username": " "}, {"username": USER})
    assert [reason for _, reason in applicant.pages] == [None, "username_missing", "password_missing"]
    assert service.requests.total() == 0


async def test_a_service_that_is_away_is_said(service: RingSimulator, make_context: MakeContext) -> None:
    await service.stop()
    applicant = await shown(make_context, LOGIN)
    assert applicant.pages[-1] == ("account", "service_unreachable")


async def test_a_code_that_was_right_is_not_asked_for_again(service: RingSimulator, make_context: MakeContext) -> None:
    service.faults.answers["api.ring.com"] = OUTAGE

    def mended() -> Mapping[str, JsonValue]:
        service.faults.answers = {}
        return {"code": ""}

    applicant = Applicant(LOGIN, {"code": CODE}, mended)
    await sign_in(make_context(), applicant)
    assert applicant.pages[-1] == ("code_sms", "service_unavailable")
    assert service.tokens.logins == 2


async def test_an_account_without_a_number_is_none(service: RingSimulator, make_context: MakeContext) -> None:
    service.tokens.factor = None
    service.faults.answers["api.ring.com/clients_api/session"] = Canned(status=200, body='{"profile": {}}')
    assert (await shown(make_context, LOGIN)).pages[-1] == ("account", "malformed")


async def test_signing_in_again_keeps_what_the_service_knows_us_by(
    service: RingSimulator, make_context: MakeContext
) -> None:
    service.tokens.factor = None
    first = await sign_in(make_context(), Applicant({**LOGIN, "keep_password": True}))
    again = Applicant({"username": USER, "password": "", "keep_password": True})
    second = await sign_in(make_context({**first.credentials, "push": {"fcm": "x"}}), again)
    assert same(first) == same(second)
    assert second.credentials["push"] == {"fcm": "x"}
    password = next(each for each in again.forms[0].fields if each.key == "password")
    assert (password.required, password.default) == (False, None)


def same(account: Account) -> object:
    kept = {name: account.credentials[name] for name in ("username", "password", "hardware_id")}
    return account.title, account.unique_id, account.match, kept
