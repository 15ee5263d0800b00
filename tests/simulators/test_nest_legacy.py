from collections.abc import AsyncIterator
from datetime import timedelta
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from simulators.authority import Authority
from simulators.names import Address
from simulators.nest_legacy import HOSTS, GoogleAccount, NestLegacySimulator
from tests.conftest import MakeContext
from tests.fake_clock import FakeClock

HALL, STEP, ATTIC = "a1" * 16, "b2" * 16, "c3" * 16
US1, EU1 = (f"https://{host}" for host in HOSTS[-2:])
WEB = "https://webapi.camera.home.nest.com/api"
LAUNCH = "https://home.nest.com/api/0.1/user/4004001/app_launch"


@pytest.fixture
async def services(
    authority: Authority, names: dict[str, Address], clock: FakeClock
) -> AsyncIterator[NestLegacySimulator]:
    async with NestLegacySimulator(now=clock.now) as running:
        port = await running.start(authority.server(*HOSTS))
        names.update(dict.fromkeys(HOSTS, ("127.0.0.1", port)))
        yield running


@pytest.fixture
async def session(services: NestLegacySimulator, make_context: MakeContext) -> aiohttp.ClientSession:
    return make_context().session(cookies=False)


async def ask(
    session: aiohttp.ClientSession, url: str, headers: dict[str, str] | None = None, **others: Any
) -> tuple[int, bytes]:
    method = "POST" if others else "GET"
    async with session.request(method, url, headers=headers, allow_redirects=False, **others) as response:
        return response.status, await response.read()


async def google(
    session: aiohttp.ClientSession, services: NestLegacySimulator, cookies: str, **others: str
) -> tuple[int, dict[str, Any], list[str]]:
    headers = {"X-Requested-With": "XmlHttpRequest", "Cookie": cookies, **others}
    async with session.get(services.google.issue_token, headers=headers) as response:
        said = json.loads((await response.text()) or "{}")
        return response.status, said, response.headers.getall("Set-Cookie", [])


async def chain(session: aiohttp.ClientSession, services: NestLegacySimulator) -> tuple[str, dict[str, Any]]:
    """Return the JWT and what the session is."""
    _, said, _ = await google(session, services, services.google.cookies)
    token = said["access_token"]
    body = {"google_oauth_access_token": token, "policy_id": "authproxy-oauth-policy"}
    status, answer = await ask(
        session,
        "https://nestauthproxyservice-pa.googleapis.com/v1/issue_jwt",
        {"Authorization": f"Bearer {token}"},
        json=body,
    )
    assert status == 200
    jwt = json.loads(answer)["jwt"]
    status, answer = await ask(session, "https://home.nest.com/session", {"Authorization": f"Basic {jwt}"})
    assert status == 200
    return jwt, json.loads(answer)


async def test_cookies_change_with_each_token(services: NestLegacySimulator, session: aiohttp.ClientSession) -> None:
    first = services.google.cookies
    status, said, answered = await google(session, services, first)
    assert (status, said["token_type"], said["expires_in"]) == (200, "Bearer", 3599)
    assert {each.partition("=")[0] for each in answered} >= {"SIDCC", "__Secure-1PSIDTS", "NID"}
    second = services.google.cookies
    assert second != first
    assert "access_token" in (await google(session, services, second))[1]
    # Who replays an old one has lost the session, also with those that were good until then.
    third = services.google.cookies
    assert (await google(session, services, first))[1]["error"] == "USER_LOGGED_OUT"
    assert (await google(session, services, third))[1]["error"] == "USER_LOGGED_OUT"
    assert (services.google.replays, services.google.refused) == (1, 2)
    address, cookies = services.google.sign_in()
    assert address == services.google.issue_token
    assert "access_token" in (await google(session, services, cookies))[1]


async def test_old_cookies_may_be_given_a_grace(services: NestLegacySimulator, session: aiohttp.ClientSession) -> None:
    services.google.grace = 1
    first = services.google.cookies
    for _ in range(2):
        assert "access_token" in (await google(session, services, first))[1]
        assert "error" in (await google(session, services, "SID=foreign"))[1]
        first = services.google.cookies
    services.google.rotates = False
    assert (await google(session, services, first))[2] == []


async def test_a_session_that_is_kept_goes_on(clock: FakeClock, tmp_path: Path) -> None:
    kept = tmp_path / "google.json"
    first = GoogleAccount(clock.now, kept=kept)
    first.turn()
    again = GoogleAccount(clock.now, kept=kept)
    assert (again.issue_token, again.cookies) == (first.issue_token, first.cookies)
    again.sign_in()
    assert GoogleAccount(clock.now, kept=kept).cookies == again.cookies != first.cookies


def test_addresses_of_field_test_accounts(clock: FakeClock) -> None:
    assert (
        "origin=https%3A%2F%2Fhome.ft.nest.com"
        in GoogleAccount(clock.now, origin="https://home.ft.nest.com").issue_token
    )


@pytest.mark.parametrize(
    ("fault", "status", "part"),
    [
        ("503", 503, b"<html>"),
        ("page", 200, b"<html>We are sorry"),
        ("sign_in", 200, b"ServiceLogin"),
        ("redirect", 302, b""),
        ("no_session", 200, b"No active session found."),
        ("invalid_grant", 200, b'"error": "invalid_grant"'),
    ],
)
async def test_google_in_trouble(
    services: NestLegacySimulator, session: aiohttp.ClientSession, fault: str, status: int, part: bytes
) -> None:
    services.faults.google = fault
    answer = await ask(session, services.google.issue_token, {"X-Requested-With": "XmlHttpRequest"})
    assert answer[0] == status
    assert part in answer[1]


async def test_google_may_be_picky(services: NestLegacySimulator, session: aiohttp.ClientSession) -> None:
    services.faults.picky = True
    assert (await ask(session, services.google.issue_token))[0] == 403
    app = {"User-Agent": "Nest/5.87.0"}
    assert (await ask(session, services.google.issue_token, app))[0] == 400, "a header is missing"


async def test_junk_before_json(services: NestLegacySimulator, session: aiohttp.ClientSession) -> None:
    services.faults.junk = ")]}'\n"
    answer = await ask(session, services.google.issue_token, {"X-Requested-With": "XmlHttpRequest"})
    assert answer[1].startswith(b")]}'\n{")


async def test_tokens_last_an_hour(
    services: NestLegacySimulator, session: aiohttp.ClientSession, clock: FakeClock
) -> None:
    jwt, said = await chain(session, services)
    assert jwt.startswith("g.0.")
    assert (said["userid"], said["expires_in"]) == ("4004001", "Sun, 01-Feb-2026 03:04:05 GMT")
    basic = {"Authorization": f"Basic {said['access_token']}"}
    status, answer = await ask(session, LAUNCH, basic, json={})
    assert (status, len(json.loads(answer)["updated_buckets"])) == (200, 6)
    assert (await ask(session, LAUNCH, {"Authorization": f"Basic {jwt}"}, json={}))[0] == 401
    assert (await ask(session, LAUNCH.replace("4004001", "1"), basic, json={}))[0] == 404
    await clock.advance(3600)
    assert (await ask(session, LAUNCH, basic, json={}))[0] == 401
    assert (await ask(session, "https://home.nest.com/session", {"Authorization": f"Basic {jwt}"}))[0] == 401


async def test_ways_to_ask_the_camera_hosts(services: NestLegacySimulator, session: aiohttp.ClientSession) -> None:
    jwt, said = await chain(session, services)
    url = f"{WEB}/cameras.get_owned_and_member_of_with_properties"
    form = {"access_token": services.access_token}
    _, answer = await ask(session, f"{WEB}/v1/login.login_nest", data=form)
    site = json.loads(answer)["items"][0]["session_token"]
    ways = {
        "basic_session": {"Authorization": f"Basic {said['access_token']}"},
        "basic_jwt": {"Authorization": f"Basic {jwt}"},
        "user_token": {"Cookie": f"user_token={services.user_token(days=3)}"},
        "website": {"Cookie": f"website_2={site}"},
    }
    for name in ways:
        services.accepts = {name}
        told = {other: (await ask(session, url, each))[0] for other, each in ways.items()}
        assert told == {other: 200 if other == name else 403 for other in ways}
    weave = {"Authorization": f"Basic {said['weave']['access_token']}"}
    services.accepts = set(ways)
    assert (await ask(session, url, weave))[0] == 403
    _, answer = await ask(session, f"{WEB}/v1/login.login_nest", data={"access_token": "b.x"})
    assert json.loads(answer)["status"] == 400


@pytest.fixture
def cookie(services: NestLegacySimulator) -> dict[str, str]:
    return {"Cookie": f"user_token={services.user_token()}"}


async def test_a_picture_is_in_its_region(
    services: NestLegacySimulator, session: aiohttp.ClientSession, cookie: dict[str, str]
) -> None:
    path = f"/get_image?uuid={HALL}&width=320"
    status, picture = await ask(session, f"{US1}{path}", cookie)
    assert (status, picture[:2]) == (200, b"\xff\xd8")
    assert (await ask(session, f"{US1}{path}"))[0] == 403
    assert (await ask(session, f"{EU1}{path}", cookie))[0] == 404
    assert (await ask(session, f"{US1}/get_image?uuid=short", cookie))[0] == 400
    assert (await ask(session, f"{US1}/get_image?uuid={'0' * 32}", cookie))[0] == 404
    assert (await ask(session, f"{US1}/get_image?uuid={ATTIC}", cookie))[0] == 404, "switched off"
    assert (await ask(session, f"{US1}/nothing/{HALL}", cookie))[0] == 404
    services.faults.blank.add(HALL)
    assert len((await ask(session, f"{US1}{path}", cookie))[1]) < len(picture)
    services.faults.empty.add(HALL)
    assert (await ask(session, f"{US1}{path}", cookie)) == (200, b"")
    services.faults.forbidden.add(HALL)
    assert (await ask(session, f"{US1}{path}", cookie))[0] == 403
    services.faults.camera_status = 502
    assert (await ask(session, f"{US1}{path}", cookie))[0] == 502


async def test_what_a_camera_saw(
    services: NestLegacySimulator, session: aiohttp.ClientSession, cookie: dict[str, str], clock: FakeClock
) -> None:
    url = f"{EU1}/cuepoint/{STEP}/2?start_time={int(clock.now().timestamp())}"
    assert await ask(session, url, cookie) == (200, b"[]")
    seen = services.house.see(STEP, "person", zones=(1,))
    (point,) = json.loads((await ask(session, url, cookie))[1])
    assert (point["id"], point["in_progress"], point["end_time"], point["zone_ids"]) == (seen, True, 0, [1])
    await clock.advance(7)
    services.house.end(STEP, seen)
    (point,) = json.loads((await ask(session, url, cookie))[1])
    assert (point["in_progress"], point["end_time"] - point["start_time"]) == (False, 7)
    late = int((clock.now() + timedelta(seconds=1)).timestamp())
    assert await ask(session, f"{EU1}/cuepoint/{STEP}/2?start_time={late}", cookie) == (200, b"[]")
    (zone,) = json.loads((await ask(session, f"{EU1}/cuepoint_category/{STEP}", cookie))[1])
    assert zone["label"] == "Path"
    with pytest.raises(KeyError):
        services.house.see("nobody")
    assert services.house.history("nobody", 0) == []


async def test_switching_a_camera(
    services: NestLegacySimulator, session: aiohttp.ClientSession, cookie: dict[str, str]
) -> None:
    url = f"{WEB}/dropcams.set_properties"
    _, answer = await ask(session, url, cookie, data={"uuid": HALL, "streaming.enabled": "false"})
    assert json.loads(answer)["items"][0]["is_streaming_enabled"] is False
    _, answer = await ask(session, url, cookie, data={"uuid": ATTIC, "streaming.enabled": "true"})
    assert json.loads(answer)["status"] == 404
    assert services.house.units[0].state == "streaming-disabled"
    assert (await ask(session, f"{WEB}/nothing", cookie))[0] == 404


async def test_who_is_not_one_of_them(
    services: NestLegacySimulator, session: aiohttp.ClientSession, names: dict[str, Address]
) -> None:
    url = f"http://127.0.0.1:{services.admin_port}"
    assert (await ask(session, f"{url}/get_image"))[0] == 421
    assert repr(services) == f"<NestLegacySimulator {services.port}>"


async def test_orders_over_the_second_port(services: NestLegacySimulator, session: aiohttp.ClientSession) -> None:
    admin = f"http://127.0.0.1:{services.admin_port}/_simulator"
    assert (await ask(session, f"{admin}/faults", json={"google": "503", "blank": [HALL]}))[0] == 204
    assert (services.faults.google, services.faults.blank) == ("503", {HALL})
    assert (await ask(session, f"{admin}/faults", json={"nothing": 1}))[0] == 400
    _, answer = await ask(session, f"{admin}/event", json={"camera": HALL, "types": ["motion"]})
    assert (await ask(session, f"{admin}/event", json={"camera": HALL, "end": json.loads(answer)["id"]}))[0] == 204
    assert services.house.units[0].cuepoints[0]["in_progress"] is False
    assert (await ask(session, f"{admin}/log_out", json={}))[0] == 204
    assert not services.google.alive
    _, shown = await ask(session, f"{admin}/sign_in")
    _, answer = await ask(session, f"{admin}/sign_in", json={})
    assert shown != answer
    assert json.loads(answer) == {"issue_token": services.google.issue_token, "cookies": services.google.cookies}
    _, answer = await ask(session, f"{admin}/token", json={"days": 2})
    assert json.loads(answer)["user_token"] in services.secrets
    _, answer = await ask(session, f"{admin}/counts")
    assert json.loads(answer)["replays"] == 0


async def test_a_host_that_hangs_up(services: NestLegacySimulator, session: aiohttp.ClientSession) -> None:
    services.faults.down = True
    with pytest.raises(aiohttp.ClientError):
        await session.get(f"{US1}/get_image")
