"""The session: made of cookies that change, kept, made anew once, and never lost on the way to the disk."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import override

import pytest

from custom_components.camhub.kernel.errors import (
    AuthError,
    HubError,
    Malformed,
    Throttled,
    Unreachable,
    Unsupported,
    WrongKey,
)
from custom_components.camhub.kernel.model import CredentialState, JsonValue
from custom_components.camhub.kernel.secret import Credentials
from custom_components.camhub.providers.nest_legacy.client import Client
from custom_components.camhub.providers.nest_legacy.keeper import FRESH_S, Keeper
from custom_components.camhub.providers.nest_legacy.login import Login, uninterrupted
from simulators.nest_legacy import NestLegacySimulator
from tests.conftest import MakeContext
from tests.contexts import SavedTokens
from tests.fake_clock import FakeClock, settle

from .conftest import PROXY, RPC, FileTokens, MakeClient, with_token

JWT = f"{PROXY}/v1/issue_jwt"
SESSION = "home.nest.com/session"


def saved(client: Client) -> Login:
    store = client.book._tokens
    assert isinstance(store, SavedTokens)
    return Login.load(Credentials(store.saved[-1]))


async def failure(keeper: Keeper) -> HubError:
    with pytest.raises(HubError) as caught:
        await keeper.session()
    return caught.value


async def no_home(client: Client) -> HubError | None:
    try:
        await client.home()
    except HubError as error:
        return error
    return None


async def test_the_chain(client: Client, services: NestLegacySimulator, clock: FakeClock) -> None:
    session = await client.keeper.session()
    assert session.user_id == services.account
    assert services.tokens.good("session", session.token.reveal())
    assert services.tokens.good("jwt", session.jwt.reveal())
    assert session.until == clock.now().replace(microsecond=0) + timedelta(hours=1)
    assert await client.keeper.session() is session
    assert [services.requests[place] for place in (RPC, JWT, SESSION)] == [1, 1, 1]
    assert saved(client) == client.book.login
    assert "ya29" not in str(client.book.login.stored()), "Google's token is not kept"


async def test_cookies_are_stored_before_the_next_request(
    services: NestLegacySimulator, make_client: MakeClient
) -> None:
    seen: list[tuple[int, str]] = []

    class Watched(SavedTokens):
        @override
        async def save(self, credentials: Mapping[str, JsonValue]) -> None:
            await super().save(credentials)
            seen.append((services.requests[JWT], str(credentials["cookies"])))

    client = make_client(tokens=Watched())
    await client.keeper.session()
    assert seen[0] == (0, services.google.cookies)
    assert len(seen) == 2


async def test_cookies_of_a_failure_count_as_well(client: Client, services: NestLegacySimulator) -> None:
    services.faults.jwt_status = 503
    assert (await failure(client.keeper)).reason == "service_unavailable"
    assert saved(client).cookies.reveal() == services.google.cookies
    assert saved(client).session is None


async def test_a_cookie_that_is_deleted_or_anothers_stays_as_it_was(
    client: Client, services: NestLegacySimulator
) -> None:
    await client.keeper.session()
    now = client.book.login.cookies.reveal()
    assert now == services.google.cookies
    assert "NID=" in now


async def test_where_nothing_changes_nothing_is_stored_for_it(client: Client, services: NestLegacySimulator) -> None:
    services.google.rotates = False
    await client.keeper.session()
    store = client.book._tokens
    assert isinstance(store, SavedTokens)
    assert len(store.saved) == 1


async def test_a_restart_asks_nobody(
    services: NestLegacySimulator, make_client: MakeClient, tmp_path: Path, clock: FakeClock
) -> None:
    store = FileTokens(tmp_path / "login")
    session = await make_client(tokens=store).keeper.session()
    await clock.advance(54 * 60)
    again = make_client(store.read(), tokens=store)
    assert await again.keeper.session() == session
    assert services.google.tokens == 1
    await clock.advance(2 * 60)
    assert await again.keeper.session() != session
    assert (services.google.tokens, services.google.replays) == (2, 0)


async def test_a_session_of_other_cookies_is_not_taken_up(
    services: NestLegacySimulator, make_client: MakeClient, tmp_path: Path
) -> None:
    store = FileTokens(tmp_path / "login")
    await make_client(tokens=store).keeper.session()
    _, fresh = services.google.sign_in()
    changed = {**store.read(), "cookies": fresh, "issue_token": services.google.issue_token}
    login = Login.load(Credentials(changed))
    assert (login.session, login.manner) == (None, None)
    await make_client(changed).keeper.session()
    assert services.google.tokens == 2


@pytest.mark.parametrize(
    "session", [{}, {"until": "2026-01-02T04:04:05+00:00"}, {"token": "x"}, {"until": "never", "token": "x"}, 7]
)
def test_a_session_that_is_damaged_is_none(session: JsonValue) -> None:
    stored = Login(credential="google").stored()
    damaged = {**stored, "session": session, "manner": "by pigeon", "kind": "odd", "agent": 5}
    login = Login.load(Credentials(damaged))
    assert (login.session, login.manner, login.kind.value, login.agent) == (None, None, "unknown", 1)


async def test_many_who_need_one_share_it(client: Client, services: NestLegacySimulator) -> None:
    sessions = await asyncio.gather(*(client.keeper.session() for _ in range(20)))
    assert len(set(map(id, sessions))) == 1
    renewed = await asyncio.gather(*(client.keeper.renew(sessions[0]) for _ in range(20)))
    assert len(set(map(id, renewed))) == 1
    assert services.google.tokens == 2


async def test_one_that_was_replaced_already_is_not_replaced_again(
    client: Client, services: NestLegacySimulator
) -> None:
    old = await client.keeper.session()
    new = await client.keeper.renew(old)
    assert await client.keeper.renew(old) is new
    assert services.google.tokens == 2


async def test_whoever_gives_up_leaves_the_others_their_session(client: Client, services: NestLegacySimulator) -> None:
    services.faults.slow_s = 0.05
    first = asyncio.ensure_future(client.keeper.session())
    await services.wait_until(lambda: services.requests[RPC] == 1)
    second = asyncio.ensure_future(client.keeper.session())
    await settle()
    first.cancel()
    assert (await second).user_id == services.account
    assert first.cancelled()
    assert services.google.tokens == 1


async def test_nobody_waits_and_the_cookies_are_stored_all_the_same(
    services: NestLegacySimulator, make_client: MakeClient
) -> None:
    client = make_client()
    services.faults.slow_s = 0.05
    alone = asyncio.ensure_future(client.keeper.session())
    await services.wait_until(lambda: services.requests[RPC] == 1)
    alone.cancel()
    await settle()
    await client.keeper.close()
    assert saved(client).cookies.reveal() == services.google.cookies
    assert saved(client).session is not None


async def test_closing_does_not_wait_for_ever(client: Client, services: NestLegacySimulator, clock: FakeClock) -> None:
    services.faults.slow_s = 86400
    waiting = asyncio.ensure_future(client.keeper.session())
    await services.wait_until(lambda: services.requests[RPC] == 1)
    closing = asyncio.ensure_future(client.keeper.close())
    await clock.advance(9)
    assert not closing.done()
    await clock.advance(2)
    await closing
    with pytest.raises(Unreachable) as caught:
        await waiting
    assert caught.value.reason == "shutting_down"


async def test_google_is_given_half_a_minute(client: Client, services: NestLegacySimulator, clock: FakeClock) -> None:
    services.faults.slow_s = 86400
    waiting = asyncio.ensure_future(failure(client.keeper))
    await services.wait_until(lambda: services.requests[RPC] == 1)
    await clock.advance(29)
    assert not waiting.done()
    await clock.advance(2)
    assert (await waiting).reason == "timeout"


async def test_a_save_is_not_broken_off(services: NestLegacySimulator, make_client: MakeClient) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    class Slow(SavedTokens):
        @override
        async def save(self, credentials: Mapping[str, JsonValue]) -> None:
            begun.set()
            await go.wait()
            await super().save(credentials)

    store = Slow()
    client = make_client(tokens=store)
    waiting = asyncio.ensure_future(client.keeper.session())
    await begun.wait()
    leaving = asyncio.ensure_future(client.keeper.abandon())
    await settle()
    assert not leaving.done()
    go.set()
    await leaving
    assert store.saved[0]["cookies"] == services.google.cookies
    with pytest.raises(Unreachable):
        await waiting


async def test_work_that_is_not_to_be_broken_off() -> None:
    go = asyncio.Event()

    async def work() -> None:
        await go.wait()

    waiting = asyncio.ensure_future(uninterrupted(work()))
    for _ in range(3):
        await settle()
        waiting.cancel()
    await settle()
    assert not waiting.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_store_that_fails_is_said(services: NestLegacySimulator, make_client: MakeClient) -> None:
    class Locked(SavedTokens):
        @override
        async def save(self, credentials: Mapping[str, JsonValue]) -> None:
            raise WrongKey

    client = make_client(tokens=Locked())
    assert isinstance(await failure(client.keeper), WrongKey)
    assert client.book.login.cookies.reveal() == services.google.cookies, "what Google said is not forgotten"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("USER_LOGGED_OUT", "google_logged_out"),
        ("invalid_grant", "google_logged_out"),
        ("interaction_required", "google_logged_out"),
        ("login_required", "google_logged_out"),
        ("immediate_failed", "google_logged_out"),
        ("no_session", "google_no_session"),
        ("sign_in", "google_no_session"),
        ("redirect", "google_no_session"),
    ],
)
async def test_what_ends_a_login(
    client: Client, services: NestLegacySimulator, clock: FakeClock, fault: str, reason: str
) -> None:
    assert client.keeper.status().state is CredentialState.OK
    services.faults.google = fault
    error = await failure(client.keeper)
    assert (type(error), error.reason) == (AuthError, reason)
    asked = services.requests[RPC]
    services.faults.google = ""
    await clock.advance(3600)
    assert (await failure(client.keeper)).reason == reason
    assert services.requests[RPC] == asked, "nothing more is asked"
    assert client.keeper.status().state is CredentialState.REFUSED
    with pytest.raises(AuthError):
        await client.home()


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_its_own_word_counts_whatever_its_status(
    client: Client, services: NestLegacySimulator, status: int
) -> None:
    services.faults.answers[RPC] = (status, "application/json", ')]}\'\n{"error": "USER_LOGGED_OUT"}')
    error = await failure(client.keeper)
    assert (type(error), error.reason) == (AuthError, "google_logged_out")


async def test_any_other_word_with_a_failure_is_none(client: Client, services: NestLegacySimulator) -> None:
    services.faults.answers[RPC] = (400, "application/json", '{"error": "invalid_request"}')
    assert (await failure(client.keeper)).reason == "google_unavailable"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("500", "service_unavailable"),
        ("503", "service_unavailable"),
        ("400", "google_unavailable"),
        ("401", "google_unavailable"),
        ("403", "google_unavailable"),
        ("304", "google_unavailable"),
        ("429", "throttled"),
        ("page", "google_unavailable"),
        ("temporarily_unavailable", "google_unavailable"),
    ],
)
async def test_what_does_not(
    client: Client, services: NestLegacySimulator, clock: FakeClock, fault: str, reason: str
) -> None:
    services.faults.google = fault
    error = await failure(client.keeper)
    assert isinstance(error, Unreachable)
    assert error.reason == reason
    assert client.keeper.status().state is CredentialState.OK
    assert client.keeper.failure is not None
    services.faults.google = ""
    await clock.advance(310)
    assert (await client.keeper.session()).user_id == services.account
    assert client.keeper.failure is None


async def test_an_answer_without_a_token(client: Client, services: NestLegacySimulator) -> None:
    services.faults.answers[RPC] = (200, "application/json", '{"token_type": "Bearer"}')
    assert (await failure(client.keeper)).reason == "google_unavailable"


@pytest.mark.parametrize(
    ("fault", "grows", "most"), [("503", [10, 20, 40, 80], 120), ("page", [30, 60, 120, 240, 480], 600)]
)
async def test_failures_are_asked_again_more_and_more_seldom(
    client: Client, services: NestLegacySimulator, clock: FakeClock, fault: str, grows: list[int], most: int
) -> None:
    services.faults.google = fault
    asked: list[float] = []
    for _ in range(3600):
        before = services.requests[RPC]
        await failure(client.keeper)
        if services.requests[RPC] > before:
            asked.append(clock.monotonic())
        await clock.advance(1)
    pauses = [later - earlier for earlier, later in pairwise(asked)]
    pauses = [pause for pause in pauses if pause]
    assert all(least <= pause <= least + 6 for least, pause in zip(grows, pauses, strict=False))
    assert len(pauses) > len(grows)
    assert all(most <= pause <= most + 6 for pause in pauses[len(grows) :])
    services.faults.google = ""
    await clock.advance(most + 10)
    await client.keeper.session()


async def test_google_is_left_alone_as_long_as_it_says(
    client: Client, services: NestLegacySimulator, clock: FakeClock
) -> None:
    services.faults.google = "429"
    error = await failure(client.keeper)
    assert isinstance(error, Throttled)
    assert error.retry_after == 300
    await clock.advance(299)
    held = await failure(client.keeper)
    assert isinstance(held, Throttled)
    assert held.retry_after == 1, "what is left of it"
    assert services.requests[RPC] == 1


async def test_an_old_session_serves_while_no_new_one_can_be_had(
    client: Client, services: NestLegacySimulator, clock: FakeClock
) -> None:
    session = await client.keeper.session()
    services.faults.google = "503"
    await clock.advance(56 * 60)
    assert await client.keeper.session() is session
    assert services.requests[RPC] == 2
    await clock.advance(4 * 60)
    assert (await failure(client.keeper)).reason == "service_unavailable"


async def test_a_login_that_ended_ends_the_old_session_too(
    client: Client, services: NestLegacySimulator, clock: FakeClock
) -> None:
    await client.keeper.session()
    services.google.log_out()
    await clock.advance(56 * 60)
    assert isinstance(await failure(client.keeper), AuthError)


async def test_the_headers_of_the_app_where_those_of_a_browser_do_not_do(
    client: Client, services: NestLegacySimulator, clock: FakeClock
) -> None:
    services.faults.picky = True
    await client.keeper.session()
    assert (services.requests[RPC], saved(client).agent) == (2, 1)
    await clock.advance(3600)
    await client.keeper.session()
    assert services.requests[RPC] == 3, "what worked comes first from then on"
    services.faults.picky = False
    services.faults.google = "page"
    await clock.advance(3600)
    await failure(client.keeper)
    assert services.requests[RPC] == 5, "both, and no more"


async def test_nest_may_refuse_twice_but_not_three_times(
    client: Client, services: NestLegacySimulator, clock: FakeClock
) -> None:
    services.faults.jwt_status = 401
    errors = []
    for _ in range(3):
        errors.append(await failure(client.keeper))
        await clock.advance(700)
    assert [(isinstance(each, AuthError), each.reason) for each in errors] == [
        (False, "nest_refused"),
        (False, "nest_refused"),
        (True, "nest_refused"),
    ]
    services.faults.jwt_status = 0
    assert isinstance(await failure(client.keeper), AuthError)
    assert services.google.tokens == 3


async def test_an_acceptance_in_between_begins_the_count_anew(
    client: Client, services: NestLegacySimulator, clock: FakeClock
) -> None:
    for _ in range(4):
        services.faults.session_status = 403
        await failure(client.keeper)
        await clock.advance(700)
        services.faults.session_status = 0
        await client.home()
        await clock.advance(3600)
    assert client.keeper.status().state is CredentialState.OK


@pytest.mark.parametrize(
    ("place", "status", "body", "reason"),
    [
        (JWT, 200, "{}", "malformed"),
        (JWT, 200, '{"error": "PERMISSION_DENIED"}', "nest_refused"),
        (JWT, 400, "{}", "malformed"),
        (JWT, 500, "", "service_unavailable"),
        (SESSION, 200, "<html>", "malformed"),
        (SESSION, 200, '{"access_token": "b.x"}', "malformed"),
        (SESSION, 200, '{"error": "unauthorized"}', "nest_refused"),
        (SESSION, 502, "", "service_unavailable"),
    ],
)
async def test_a_chain_that_breaks(
    client: Client, services: NestLegacySimulator, place: str, status: int, body: str, reason: str
) -> None:
    services.faults.answers[place] = (status, "application/json", body)
    error = await failure(client.keeper)
    assert error.reason == reason
    assert isinstance(error, Malformed if reason == "malformed" else Unreachable)
    assert client.keeper.failure is not None


@pytest.mark.parametrize(
    ("expires_in", "minutes"),
    [("Fri, 02-Jan-2026 03:34:05 GMT", 30), ("Fri, 02-Jan-2026 03:05:05 GMT", 60), ("some day", 60)],
)
async def test_a_clock_that_is_off_does_not_make_sessions_without_end(
    client: Client, services: NestLegacySimulator, clock: FakeClock, expires_in: str, minutes: int
) -> None:
    body = f'{{"access_token": "b.x", "userid": "1", "expires_in": "{expires_in}"}}'
    services.faults.answers[SESSION] = (200, "application/json", body)
    services.jwt_life = timedelta(days=2)
    assert (await client.keeper.session()).until == clock.now() + timedelta(minutes=minutes)


async def test_a_session_that_is_refused_at_once_is_not_replaced_at_once(
    client: Client, services: NestLegacySimulator, clock: FakeClock
) -> None:
    services.accepts.clear()
    services.faults.home_status = 403
    asked: list[tuple[float, str]] = []
    while len(asked) < 2000:
        with pytest.raises(HubError) as caught:
            await client.home()
        asked.append((clock.monotonic(), caught.value.reason))
        if isinstance(caught.value, AuthError):
            break
        await clock.advance(10)
    assert services.google.tokens == 4, "the first, and three that were refused"
    assert asked[-1][0] >= 2 * FRESH_S
    assert {reason for _, reason in asked} == {"nest_refused"}
    assert client.keeper.status().state is CredentialState.REFUSED


async def test_google_is_not_asked_again_for_what_nest_had_no_answer_for(
    client: Client, services: NestLegacySimulator, clock: FakeClock
) -> None:
    services.faults.session_status = 503
    for _ in range(3):
        await failure(client.keeper)
        await clock.advance(130)
    assert (services.requests[JWT], services.google.tokens) == (3, 1)
    services.faults.session_status = 401
    await failure(client.keeper)
    await clock.advance(40)
    services.faults.session_status = 503
    await failure(client.keeper)
    assert services.google.tokens == 2, "nor is what Nest refused tried again"
    await clock.advance(700)
    services.faults.session_status = 0
    await client.keeper.session()
    assert services.google.tokens == 3, "nor what may be over"


async def test_a_session_that_let_in_is_replaced_when_it_has_ended(
    client: Client, services: NestLegacySimulator, clock: FakeClock
) -> None:
    """Tokens may end more often than they should; each new one is held on to for a little longer."""
    await client.home()
    lives: list[float] = []
    for _ in range(6):
        services.tokens.revoke()
        begun = clock.monotonic()
        while isinstance(error := await no_home(client), Unreachable):
            assert error.reason == "nest_refused"
            await clock.advance(1)
        assert error is None
        lives.append(clock.monotonic() - begun)
    assert all(least <= life <= least + 6 for least, life in zip([0, 15, 30, 60, 120, 120], lives, strict=True))
    await clock.advance(FRESH_S)
    services.tokens.revoke()
    await client.home()
    await clock.advance(21)
    services.tokens.revoke()
    await client.home()
    assert client.keeper.status().state is CredentialState.OK


async def test_what_the_home_host_refuses_may_have_ended_though_only_cameras_were_asked(
    client: Client, services: NestLegacySimulator, clock: FakeClock
) -> None:
    unit = (await client.home()).units[0]
    services.tokens.revoke()
    await client.picture(unit, 160)
    await clock.advance(60)
    services.tokens.revoke()
    await client.home()
    assert services.google.tokens == 3


async def test_cameras_that_refuse_what_the_home_host_lets_in_cost_few_sessions(
    client: Client, services: NestLegacySimulator, clock: FakeClock
) -> None:
    unit = (await client.home()).units[0]
    services.accepts.clear()
    for _ in range(10):
        with pytest.raises(Unreachable):
            await client.picture(unit, 160)
        await client.home()
        await clock.advance(25)
    assert services.google.tokens == 2


async def test_a_camera_that_is_closed_costs_no_session_where_one_is_fresh(
    client: Client, services: NestLegacySimulator, clock: FakeClock
) -> None:
    first, second = (await client.home()).units[:2]
    services.tokens.revoke()
    await client.picture(first, 160)
    await clock.advance(60)
    services.faults.forbidden.add(second.id)
    with pytest.raises(Unsupported):
        await client.picture(second, 160)
    assert services.google.tokens == 2


async def test_an_account_of_the_older_kind(
    services: NestLegacySimulator, make_client: MakeClient, clock: FakeClock
) -> None:
    stored = with_token(services.access_token, kind="access_token", manner="website")
    client = make_client(stored)
    services.session_life = timedelta(days=3)
    assert len((await client.home()).units) == 4
    login = "webapi.camera.home.nest.com/api/v1/login.login_nest"
    await client.home()
    assert services.requests[login] == 1
    assert saved(client).session == await client.keeper.session()
    await clock.advance(86400)
    await client.home()
    assert services.requests[login] == 2


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (200, '{"status": 400, "items": []}', AuthError, "token_refused"),
        (200, '{"status": 500, "items": []}', Unreachable, "service_unavailable"),
        (200, '{"status": 0, "items": []}', Unreachable, "service_unavailable"),
        (200, '{"status": 0, "items": [{"session_token": ""}, {}]}', Unreachable, "service_unavailable"),
        (200, "{}", Unreachable, "service_unavailable"),
        (401, "", Unreachable, "nest_refused"),
        (503, "", Unreachable, "service_unavailable"),
    ],
)
async def test_an_account_of_the_older_kind_that_is_refused(
    services: NestLegacySimulator, make_client: MakeClient, status: int, body: str, kind: type[HubError], reason: str
) -> None:
    services.faults.answers["webapi.camera.home.nest.com/api/v1/login.login_nest"] = (status, "text/plain", body)
    client = make_client(with_token("b.foreign-token", kind="access_token", manner="website"))
    error = await failure(client.keeper)
    assert isinstance(error, kind)
    assert error.reason == reason


async def test_a_token_is_its_own_session(services: NestLegacySimulator, make_context: MakeContext) -> None:
    context = make_context(with_token(services.user_token()))
    client = Client(context, Login.load(context.credentials))
    session = await client.keeper.session()
    assert session.token == client.book.login.user_token
    assert not client.keeper.may_renew(session)
    assert "Secret" not in repr(session)
    assert services.user_token()[:20] not in repr(session)
