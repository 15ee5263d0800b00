from collections.abc import Mapping
from datetime import timedelta
import re
from typing import override

import pytest

from custom_components.camhub.kernel.model import Account, JsonValue
from custom_components.camhub.kernel.secret import Credentials
from custom_components.camhub.kernel.signin import Answers, Question
from custom_components.camhub.providers.nest_legacy import SPEC
from custom_components.camhub.providers.nest_legacy.login import Login, Manner
from simulators.nest_legacy import NestLegacySimulator
from tests.conftest import MakeContext
from tests.contexts import SavedTokens
from tests.fake_clock import FakeClock
from tests.script import Enough, Script

from .conftest import ATTIC, CABIN, HALL, LAUNCH, RPC, STEP, US1, WEB, google

CURRENT = f"{WEB}/v1/users.get_current"
LISTING = f"{WEB}/cameras.get_owned_and_member_of_with_properties"

type Page = tuple[str, Answers]


BY_GOOGLE: Page = ("way", {"credential": "google"})
BY_TOKEN: Page = ("way", {"credential": "token"})


def pasted(services: NestLegacySimulator, **others: str) -> Page:
    values = {"issue_token": services.google.issue_token, "cookies": services.google.cookies, **others}
    return "google", values


def token(value: str, *, field_test: bool = False) -> Page:
    return "token", {"user_token": value, "field_test": field_test}


def login_of(account: Account) -> Login:
    return Login.load(Credentials(account.credentials))


async def given_up(context: MakeContext, script: Script, earlier: Mapping[str, JsonValue] | None = None) -> None:
    with pytest.raises(Enough):
        await SPEC.sign_in(context(earlier), script)


async def test_with_google(services: NestLegacySimulator, make_context: MakeContext) -> None:
    address, cookies = services.google.issue_token, services.google.cookies
    script = Script(BY_GOOGLE, ("google", {"issue_token": f" {address}\n", "cookies": f"Cookie: '{cookies}'"}))
    account = await SPEC.sign_in(make_context(), script)
    assert (account.title, account.unique_id, account.match) == ("Nest Cottage", "4004001", "4004001")
    login = login_of(account)
    assert (login.credential, login.manner, login.field_test) == ("google", Manner.BASIC_SESSION, False)
    assert login.cookies.reveal() == services.google.cookies != cookies, "those that will do next time"
    assert login.session is not None
    assert (services.google.tokens, services.requests[f"{US1}/get_image"], services.refused) == (1, 1, 0)
    assert [form.page for form in script.forms] == ["way", "google"]


@pytest.mark.parametrize(
    ("accepts", "manner"),
    [("basic_session", Manner.BASIC_SESSION), ("basic_jwt", Manner.BASIC_JWT), ("user_token", Manner.USER_COOKIE)],
)
async def test_one_probe_finds_how_to_ask(
    services: NestLegacySimulator, make_context: MakeContext, accepts: str, manner: Manner
) -> None:
    services.accepts = {accepts}
    account = await SPEC.sign_in(make_context(), Script(BY_GOOGLE, pasted(services)))
    assert login_of(account).manner is manner
    assert (services.google.tokens, services.requests[LAUNCH]) == (1, 1)
    provider = SPEC.open(make_context(account.credentials))
    (hall, *_) = await provider.cameras()
    refused = services.refused
    assert hall.stills is not None
    await hall.stills.take()
    assert services.refused == refused
    await provider.close()


async def test_the_way_that_worked_is_tried_first(services: NestLegacySimulator, make_context: MakeContext) -> None:
    first = await SPEC.sign_in(make_context(), Script(BY_GOOGLE, pasted(services)))
    again = Script(BY_GOOGLE, ("google", {}))
    services.accepts = {"user_token"}
    account = await SPEC.sign_in(make_context(first.credentials), again)
    assert login_of(account).manner is Manner.USER_COOKIE
    assert services.google.tokens == 1
    asked = services.requests[f"{US1}/get_image"]
    again = Script(BY_GOOGLE, ("google", {}))
    assert await SPEC.sign_in(make_context(account.credentials), again) == account
    assert services.requests[f"{US1}/get_image"] == asked + 1


async def test_what_is_wrong_with_what_was_pasted(services: NestLegacySimulator, make_context: MakeContext) -> None:
    right = services.google.issue_token
    script = Script(
        BY_GOOGLE,
        ("google", {"issue_token": "", "cookies": ""}),
        ("google", {"issue_token": f"{right}&fedcm_enabled=true"}),
        ("google", {"issue_token": re.sub("&login_hint=[^&]*", "", right)}),
        ("google", {"issue_token": right}),
        ("google", {"cookies": "SID=a; HSID=b"}),
        ("google", {"cookies": services.google.cookies}),
    )
    account = await SPEC.sign_in(make_context(), script)
    assert account.unique_id == "4004001"
    assert script.errors == [
        {"issue_token": "issue_token_missing"},
        {"base": "chromium_capture"},
        {"issue_token": "issue_token_incomplete"},
        {"cookies": "cookies_missing"},
        {"cookies": "cookie_missing"},
    ]
    assert script.forms[4].placeholders == {"key": "login_hint"}
    assert script.forms[6].placeholders == {"key": "SIDCC"}
    # What was good stays.
    assert [[each.required for each in form.fields] for form in script.forms[1:]] == [
        [True, True],
        [True, True],
        [True, True],
        [True, True],
        [False, True],
        [False, True],
    ]
    assert services.google.tokens == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("{cookies}", "{address}"),
        ("Request URL: {address}\nCookie: {cookies}", "?"),
        ("curl '{address}' -b '{cookies}'", "curl '{address}' -b '{cookies}'"),
    ],
)
async def test_values_in_the_other_field(
    services: NestLegacySimulator, make_context: MakeContext, first: str, second: str
) -> None:
    address, cookies = services.google.issue_token, services.google.cookies
    values = [each.format(address=address, cookies=cookies) for each in (first, second)]
    script = Script(BY_GOOGLE, pasted(services, issue_token=values[0], cookies=values[1]))
    account = await SPEC.sign_in(make_context(), script)
    assert login_of(account).issue_token.reveal() == address
    assert services.google.tokens == 1


async def test_one_field_with_both_stands_before_what_is_stored(
    services: NestLegacySimulator, make_context: MakeContext
) -> None:
    account = await SPEC.sign_in(make_context(), Script(BY_GOOGLE, pasted(services)))
    services.google.sign_in()
    both = f"curl '{services.google.issue_token}' -H 'Cookie: {services.google.cookies}'"
    again = Script(BY_GOOGLE, ("google", {"issue_token": both}))
    assert login_of(await SPEC.sign_in(make_context(account.credentials), again)).manner is Manner.BASIC_SESSION
    assert again.errors == []


async def test_cookies_that_google_does_not_know(services: NestLegacySimulator, make_context: MakeContext) -> None:
    foreign = "; ".join(f"{name}=x" for name in ("SID", "SIDCC", "__Secure-3PSID"))
    script = Script(BY_GOOGLE, pasted(services, cookies=foreign), pasted(services))
    await SPEC.sign_in(make_context(), script)
    assert script.errors == [{"base": "google_logged_out"}]
    assert services.google.refused == 1


async def test_cookies_that_change_during_a_dialog_of_the_account_are_its_own(
    services: NestLegacySimulator, make_context: MakeContext
) -> None:
    account = await SPEC.sign_in(make_context(), Script(BY_GOOGLE, pasted(services)))
    stored = {**account.credentials, "session": None}
    services.faults.jwt_status = 503
    tokens, earlier = SavedTokens(), SavedTokens()
    script = Script(BY_GOOGLE, ("google", {}), ("google", {}))
    with pytest.raises(Enough):
        await SPEC.sign_in(make_context(stored, tokens=tokens, earlier=earlier), script)
    assert len(script.errors) == 2
    assert earlier.saved[-1]["cookies"] == services.google.cookies != stored["cookies"]
    assert tokens.saved == []


async def test_what_is_pasted_is_not_taken_for_the_accounts_before_it_works(
    services: NestLegacySimulator, make_context: MakeContext
) -> None:
    account = await SPEC.sign_in(make_context(), Script(BY_GOOGLE, pasted(services)))
    stored = {**account.credentials, "session": None}
    services.google.sign_in()
    services.faults.jwt_status = 503
    earlier = SavedTokens()
    with pytest.raises(Enough):
        await SPEC.sign_in(make_context(stored, earlier=earlier), Script(BY_GOOGLE, pasted(services)))
    assert earlier.saved == []


async def test_a_round_that_fails_behind_google_does_not_spend_the_cookies(
    services: NestLegacySimulator, make_context: MakeContext
) -> None:
    services.faults.jwt_status = 503
    page = pasted(services)

    class Mending(Script):
        @override
        async def __call__(self, question: Question) -> Answers:
            if len(self.forms) > 1:
                services.faults.jwt_status = 0
            return await super().__call__(question)

    script = Mending(BY_GOOGLE, page, page)
    await SPEC.sign_in(make_context(), script)
    assert script.errors == [{"base": "service_unavailable"}]
    assert (services.google.tokens, services.google.replays) == (2, 0)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("no_session", "google_no_session"), ("503", "service_unavailable"), ("page", "google_unavailable")],
)
async def test_google_does_not_help(
    services: NestLegacySimulator, make_context: MakeContext, fault: str, reason: str
) -> None:
    services.faults.google = fault
    script = Script(BY_GOOGLE, pasted(services))
    await given_up(make_context, script)
    assert script.errors == [{"base": reason}]


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        ("jwt_status", 401, "nest_refused"),
        ("session_status", 403, "nest_refused"),
        ("home_status", 403, "nest_refused"),
        ("home_status", 500, "service_unavailable"),
        ("camera_status", 403, "nest_refused"),
        ("camera_status", 503, "service_unavailable"),
    ],
)
async def test_nest_does_not_help(
    services: NestLegacySimulator, make_context: MakeContext, fault: str, status: int, reason: str
) -> None:
    setattr(services.faults, fault, status)
    script = Script(BY_GOOGLE, pasted(services))
    await given_up(make_context, script)
    assert script.errors == [{"base": reason}]
    assert services.google.tokens <= 2


async def test_signing_in_again_asks_google_nothing(services: NestLegacySimulator, make_context: MakeContext) -> None:
    first = await SPEC.sign_in(make_context(), Script(BY_GOOGLE, pasted(services)))
    script = Script(BY_GOOGLE, ("google", {}))
    assert await SPEC.sign_in(make_context(first.credentials), script) == first
    assert services.google.tokens == 1
    assert script.forms[0].fields[0].default == "google"


async def test_signing_in_again_after_the_session_was_revoked(
    services: NestLegacySimulator, make_context: MakeContext
) -> None:
    first = await SPEC.sign_in(make_context(), Script(BY_GOOGLE, pasted(services)))
    services.tokens.revoke()
    again = await SPEC.sign_in(make_context(first.credentials), Script(BY_GOOGLE, ("google", {})))
    assert (again.unique_id, services.google.tokens) == (first.unique_id, 2)


async def test_signing_in_again_with_new_cookies(
    services: NestLegacySimulator, make_context: MakeContext, clock: FakeClock
) -> None:
    first = await SPEC.sign_in(make_context(), Script(BY_GOOGLE, pasted(services)))
    services.revoke()
    services.google.sign_in()
    again = await SPEC.sign_in(make_context(first.credentials), Script(BY_GOOGLE, pasted(services)))
    assert again.unique_id == first.unique_id
    assert again.credentials["cookies"] == services.google.cookies


async def test_values_that_are_handed_in_are_tested_and_not_taken_for_the_old_ones(
    services: NestLegacySimulator, make_context: MakeContext
) -> None:
    """The action `update_credentials` merges them into what is stored, the old session among it."""
    first = await SPEC.sign_in(make_context(), Script(BY_GOOGLE, pasted(services)))
    services.google.sign_in()
    services.account = "4004002"
    merged = {**first.credentials, **google(services)}
    script = Script(BY_GOOGLE, pasted(services))
    again = await SPEC.sign_in(make_context(merged), script)
    assert again.unique_id == "4004002", "another account is told as another"
    assert services.google.tokens == 2


async def test_values_of_the_other_way_are_taken_for_what_they_are(
    services: NestLegacySimulator, make_context: MakeContext
) -> None:
    """The action answers the first page with what is stored, as it knows no better."""
    by_google = await SPEC.sign_in(make_context(), Script(BY_GOOGLE, pasted(services)))
    mixed = {**by_google.credentials, "user_token": services.user_token()}
    by_token = await SPEC.sign_in(make_context(mixed), Script(BY_GOOGLE, token(str(mixed["user_token"]))))
    assert (by_token.unique_id, login_of(by_token).credential) == (by_google.unique_id, "token")
    services.google.sign_in()
    mixed = {**by_token.credentials, **google(services), "credential": "token"}
    again = await SPEC.sign_in(make_context(mixed), Script(BY_TOKEN, pasted(services)))
    assert (again.unique_id, login_of(again).credential) == (by_google.unique_id, "google")


async def test_credentials_from_elsewhere(services: NestLegacySimulator, make_context: MakeContext) -> None:
    """As the seeds' project kept them: raw, and nothing said about what they are."""
    folded = services.google.cookies.replace("; ", ";\n ")
    raw = {"issue_token": f"{services.google.issue_token}\n", "cookies": f"Cookie: {folded}"}
    script = Script(BY_GOOGLE, ("google", {}))
    account = await SPEC.sign_in(make_context(raw), script)
    assert script.forms[0].fields[0].default == "google"
    assert login_of(account).cookies.reveal() == services.google.cookies
    script = Script(BY_TOKEN, ("token", {}))
    account = await SPEC.sign_in(make_context({"user_token": f"{services.user_token()}\n"}), script)
    assert script.forms[0].fields[0].default == "token"
    assert login_of(account).credential == "token"


async def test_a_field_test_account_is_known_by_its_address(
    services: NestLegacySimulator, make_context: MakeContext
) -> None:
    services.google.origin = "https://home.ft.nest.com"
    account = await SPEC.sign_in(make_context(), Script(BY_GOOGLE, pasted(services)))
    assert account.credentials["field_test"] is True
    assert "home.ft.nest.com/session" in services.requests


async def test_without_cameras(services: NestLegacySimulator, make_context: MakeContext) -> None:
    units = services.house.units
    services.house.units = []
    script = Script(BY_GOOGLE, pasted(services))
    await given_up(make_context, script)
    assert script.errors == [{"base": "no_cameras"}]
    services.house.units = units
    for unit in units:
        unit.moved = "MIGRATED"
    script = Script(BY_GOOGLE, pasted(services))
    await given_up(make_context, script)
    assert script.errors == [{"base": "cameras_migrated"}]


async def test_all_cameras_are_off(services: NestLegacySimulator, make_context: MakeContext) -> None:
    for unit in services.house.units:
        unit.state = "offline"
    account = await SPEC.sign_in(make_context(), Script(BY_GOOGLE, pasted(services)))
    assert account.unique_id == "4004001"
    assert (services.requests[f"{US1}/get_image"], services.requests[CURRENT]) == (0, 1)


async def test_cameras_without_a_picture_are_passed_over(
    services: NestLegacySimulator, make_context: MakeContext
) -> None:
    services.faults.blank.add(HALL)
    account = await SPEC.sign_in(make_context(), Script(BY_GOOGLE, pasted(services)))
    assert account.unique_id == "4004001"
    services.faults.blank.clear()
    services.google.sign_in()
    services.faults.forbidden.add(HALL)
    assert await SPEC.sign_in(make_context(), Script(BY_GOOGLE, pasted(services)))
    services.google.sign_in()
    services.faults.empty |= {HALL, STEP, ATTIC, CABIN}
    services.faults.forbidden.clear()
    assert await SPEC.sign_in(make_context(), Script(BY_GOOGLE, pasted(services)))


@pytest.mark.parametrize("days", [0.02, 12.0])
async def test_with_a_token_that_says_its_end(
    services: NestLegacySimulator, make_context: MakeContext, clock: FakeClock, days: float
) -> None:
    script = Script(BY_TOKEN, token(f"cztoken={services.user_token(days)};"))
    account = await SPEC.sign_in(make_context(), script)
    login = login_of(account)
    assert (account.title, account.unique_id) == ("Nest", "4004001")
    assert login.expires_at is not None
    assert abs(login.expires_at - clock.now() - timedelta(days=days)) < timedelta(seconds=1)
    assert (login.manner, login.session) == (Manner.USER_COOKIE, None)
    assert (services.requests[RPC], services.requests[f"{US1}/get_image"]) == (0, 1)


async def test_with_a_token_that_does_not(
    services: NestLegacySimulator, make_context: MakeContext, clock: FakeClock
) -> None:
    site = services.tokens.opaque("site", timedelta(days=40))
    account = await SPEC.sign_in(make_context(), Script(BY_TOKEN, token(f"website_2={site}")))
    login = login_of(account)
    assert login.expires_at == clock.now() + timedelta(days=30)
    assert (login.manner, account.unique_id) == (Manner.WEBSITE, "4004001")


async def test_with_a_token_of_an_unknown_kind(services: NestLegacySimulator, make_context: MakeContext) -> None:
    site = services.tokens.opaque("site", timedelta(days=40)).removeprefix("b.")
    services.tokens._until["site", site] = services._now() + timedelta(days=40)
    account = await SPEC.sign_in(make_context(), Script(BY_TOKEN, token(site)))
    assert login_of(account).manner is Manner.WEBSITE
    assert services.requests[LISTING] == 2


async def test_with_the_answer_of_a_session(
    services: NestLegacySimulator, make_context: MakeContext, clock: FakeClock
) -> None:
    said = f'{{"access_token": "{services.access_token}", "userid": "4004001"}}'
    account = await SPEC.sign_in(make_context(), Script(BY_TOKEN, token(said)))
    login = login_of(account)
    assert (login.manner, login.expires_at) == (Manner.WEBSITE, clock.now() + timedelta(days=30))
    assert login.session is not None
    again = await SPEC.sign_in(make_context(account.credentials), Script(BY_TOKEN, ("token", {})))
    assert again == account
    assert services.requests[f"{WEB}/v1/login.login_nest"] == 1


async def test_tokens_that_do_not_do(services: NestLegacySimulator, make_context: MakeContext) -> None:
    refused = "b.foreign-token"
    script = Script(
        BY_TOKEN,
        ("token", {}),
        token("two words"),
        token(services.user_token(days=-1)),
        token("foreign-token", field_test=True),
        token(refused),
        token(services.user_token()),
    )
    await SPEC.sign_in(make_context(), script)
    assert script.errors == [
        {"user_token": "token_missing"},
        {"base": "token_refused"},
        {"base": "token_expired"},
        {"base": "token_refused"},
        {"base": "token_refused"},
    ]
    assert script.forms[5].fields[1].default is True


async def test_a_token_again(services: NestLegacySimulator, make_context: MakeContext, clock: FakeClock) -> None:
    first = await SPEC.sign_in(make_context(), Script(BY_TOKEN, token(services.user_token(days=12))))
    script = Script(BY_TOKEN, ("token", {"user_token": "", "field_test": False}))
    assert await SPEC.sign_in(make_context(first.credentials), script) == first
    assert not script.forms[1].fields[0].required
    await clock.advance(13 * 86400)
    script = Script(BY_TOKEN, ("token", {}))
    await given_up(make_context, script, first.credentials)
    assert script.errors == [{"base": "token_expired"}]


async def test_from_a_token_to_google(services: NestLegacySimulator, make_context: MakeContext) -> None:
    first = await SPEC.sign_in(make_context(), Script(BY_TOKEN, token(services.user_token())))
    script = Script(BY_GOOGLE, pasted(services))
    again = await SPEC.sign_in(make_context(first.credentials), script)
    assert again.unique_id == first.unique_id
    assert (again.credentials["user_token"], script.forms[1].fields[0].required) == ("", True)
    back = Script(("way", {}), token(services.user_token()))
    back.answers[0] = BY_TOKEN
    assert (await SPEC.sign_in(make_context(again.credentials), back)).unique_id == first.unique_id


async def test_an_account_that_is_called_nothing(services: NestLegacySimulator, make_context: MakeContext) -> None:
    services.faults.answers[CURRENT] = (404, "text/plain", "")
    site = services.tokens.opaque("site", timedelta(days=40))
    account = await SPEC.sign_in(make_context(), Script(BY_TOKEN, token(f"website_2={site}")))
    assert (account.unique_id, account.match) == (None, HALL)
