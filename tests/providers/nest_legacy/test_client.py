"""Requests of a signed-in account: regions, refusals, pictures that are none."""

import asyncio
import json

import pytest

from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable, Unsupported
from custom_components.camhub.kernel.provider import Stills
from custom_components.camhub.providers.nest_legacy.client import FORBIDDEN_S, Client
from custom_components.camhub.providers.nest_legacy.login import Manner
from custom_components.camhub.providers.nest_legacy.parse import State
from custom_components.camhub.providers.nest_legacy.provider import NestLegacyProvider
from simulators.nest_legacy import NestLegacySimulator
from tests.fake_clock import FakeClock

from .conftest import CABIN, EU1, HALL, LAUNCH, RPC, STEP, US1, WEB, MakeClient, MakeProvider, by_id, google, with_token

CURRENT = f"{WEB}/v1/users.get_current"
LISTING = f"{WEB}/cameras.get_owned_and_member_of_with_properties"


async def stills_of(provider: NestLegacyProvider, identifier: str) -> Stills:
    stills = by_id(await provider.cameras())[identifier].stills
    assert stills is not None
    return stills


async def failure(stills: Stills) -> HubError:
    with pytest.raises(HubError) as caught:
        await stills.take()
    return caught.value


async def test_a_refused_picture_is_asked_for_once_more_with_a_new_session(
    provider: NestLegacyProvider, services: NestLegacySimulator
) -> None:
    stills = await stills_of(provider, HALL)
    services.tokens.revoke()
    await stills.take()
    assert (services.google.tokens, services.requests[f"{US1}/get_image"]) == (2, 2)


async def test_many_refused_pictures_are_one_new_session(
    provider: NestLegacyProvider, services: NestLegacySimulator
) -> None:
    stills = [await stills_of(provider, HALL), await stills_of(provider, STEP)]
    services.tokens.revoke()
    await asyncio.gather(*(each.take() for each in stills * 5))
    assert services.google.tokens == 2


async def test_a_camera_that_is_closed_to_the_account(
    provider: NestLegacyProvider, services: NestLegacySimulator, clock: FakeClock
) -> None:
    stills = await stills_of(provider, HALL)
    services.faults.forbidden.add(HALL)
    error = await failure(stills)
    assert (type(error), error.reason) == (Unsupported, "camera_forbidden")
    assert (services.google.tokens, services.requests[CURRENT]) == (2, 1)
    asked = services.requests.total()
    await failure(stills)
    assert services.requests.total() == asked
    await (await stills_of(provider, STEP)).take()
    await clock.advance(FORBIDDEN_S)
    services.faults.forbidden.clear()
    await stills.take()


async def test_a_token_and_a_camera_that_is_closed_to_it(
    make_provider: MakeProvider, services: NestLegacySimulator
) -> None:
    provider = make_provider(with_token(services.user_token()))
    services.faults.forbidden.add(HALL)
    assert (await failure(await stills_of(provider, HALL))).reason == "camera_forbidden"
    await (await stills_of(provider, STEP)).take()


async def test_whether_the_account_is_refused_as_well_cannot_be_told(
    provider: NestLegacyProvider, services: NestLegacySimulator
) -> None:
    stills = await stills_of(provider, HALL)
    services.faults.forbidden.add(HALL)
    services.faults.answers[CURRENT] = (503, "text/plain", "")
    error = await failure(stills)
    assert (isinstance(error, Unreachable), error.reason) == (True, "service_unavailable")


async def test_who_moved_is_asked_of_the_camera_hosts(client: Client, services: NestLegacySimulator) -> None:
    services.house.units[0].moved = "MIGRATED"
    assert [each.state for each in (await client.home()).units][:2] == [State.MOVED, State.ON]
    # Who cannot say leaves what is known; nobody is signed in anew for it.
    for answer in ((403, "text/html", ""), (500, "text/html", ""), (200, "text/html", "<html>")):
        services.faults.answers[LISTING] = answer
        assert (await client.home()).units[0].state is State.MOVED
    assert services.google.tokens == 1
    services.faults.answers.clear()
    services.house.units[0].moved = "REVERSE_MIGRATION_IN_PROGRESS"
    assert (await client.home()).units[0].state is State.ON


async def test_who_moved_is_not_asked_where_the_home_host_says(client: Client, services: NestLegacySimulator) -> None:
    services.house.units[0].moved = "MIGRATED"
    assert (await client.home()).units[0].state is State.MOVED
    launch = services.house.launch()
    launch["updated_buckets"][0]["value"]["properties"] = {"cc2migration.overview_state": "NORMAL"}
    launch["updated_buckets"][1:4] = []
    services.faults.answers[LAUNCH] = (200, "application/json", json.dumps(launch))
    assert [each.state for each in (await client.home()).units] == [State.ON]
    assert services.requests[LISTING] == 1


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (400, Malformed, "malformed"),
        (302, Malformed, "malformed"),
        (408, Unreachable, "service_unavailable"),
        (429, Throttled, "throttled"),
        (500, Unreachable, "service_unavailable"),
        (504, Unreachable, "service_unavailable"),
    ],
)
async def test_camera_hosts_in_trouble(
    provider: NestLegacyProvider, services: NestLegacySimulator, status: int, kind: type[HubError], reason: str
) -> None:
    stills = await stills_of(provider, HALL)
    services.faults.camera_status = status
    error = await failure(stills)
    assert (isinstance(error, kind), error.reason) == (True, reason)
    assert services.google.tokens == 1


async def test_pictures_that_are_none(provider: NestLegacyProvider, services: NestLegacySimulator) -> None:
    stills = await stills_of(provider, HALL)
    services.faults.blank.add(HALL)
    assert (await failure(stills)).reason == "blank_picture"
    services.faults.empty.add(HALL)
    assert (await failure(stills)).reason == "blank_picture"
    services.faults.empty.clear()
    services.faults.blank.clear()
    for body in ('{"status": 400}', "<html>", "GIF89a"):
        services.faults.answers[f"{US1}/get_image"] = (200, "image/jpeg", body)
        assert (await failure(stills)).reason == "not_a_picture"


async def test_a_camera_that_is_away(
    provider: NestLegacyProvider, services: NestLegacySimulator, clock: FakeClock
) -> None:
    cabin = await stills_of(provider, CABIN)
    assert (await failure(cabin)).reason == "camera_not_connected"
    assert services.requests[LAUNCH] == 1, "it was listed just now"
    await clock.advance(61)
    assert (await failure(cabin)).reason == "camera_not_connected"
    assert services.requests[LAUNCH] == 2


async def test_a_camera_that_changes_its_region(
    provider: NestLegacyProvider, services: NestLegacySimulator, clock: FakeClock
) -> None:
    stills = await stills_of(provider, HALL)
    services.house.units[0].region = "eu1"
    assert isinstance(await failure(stills), Unreachable)
    await clock.advance(61)
    await stills.take()
    assert services.requests[f"{EU1}/get_image"] == 1


async def test_a_camera_that_left(
    provider: NestLegacyProvider, services: NestLegacySimulator, clock: FakeClock
) -> None:
    hall, step = await stills_of(provider, HALL), await stills_of(provider, STEP)
    services.house.units[1].moved, services.house.units[1].state = "MIGRATED", "offline"
    del services.house.units[0]
    await clock.advance(61)
    error = await failure(hall)
    assert (type(error), error.reason) == (Unsupported, "not_on_server")
    error = await failure(step)
    assert (type(error), error.reason) == (Unsupported, "camera_migrated")


async def test_the_width_that_is_wanted(provider: NestLegacyProvider, services: NestLegacySimulator) -> None:
    stills = await stills_of(provider, HALL)
    small, large, most = [await stills.take(width) for width in (320, None, 8000)]
    assert len(small.content) < len(large.content) == len(most.content)


@pytest.mark.parametrize("manner", list(Manner))
async def test_every_way_of_asking(make_client: MakeClient, services: NestLegacySimulator, manner: Manner) -> None:
    services.accepts = {"user_token" if manner is Manner.USER_COOKIE else manner.value}
    website = manner is Manner.WEBSITE
    by_site = with_token(services.access_token, kind="access_token", manner="website")
    client = make_client(by_site if website else {**google(services)})
    client.manner = manner
    home = await client.home()
    assert (await client.picture(home.units[0])).startswith(b"\xff\xd8")
    assert services.refused == 0


async def test_a_field_test_account(make_client: MakeClient, services: NestLegacySimulator) -> None:
    client = make_client({**google(services), "field_test": True})
    await client.home()
    await client.account()
    by_site = {**with_token(services.access_token, kind="access_token", manner="website"), "field_test": True}
    await make_client(by_site).home()
    asked = {place.partition("/")[0] for place in services.requests}
    assert {"home.ft.nest.com", "webapi.camera.home.ft.nest.com"} <= asked
    assert not {"home.nest.com", "webapi.camera.home.nest.com"} & asked


async def test_no_cookie_but_ours_is_sent(client: Client, services: NestLegacySimulator) -> None:
    """Google's answers would fill the jar of a usual session, and it would mix them into our header."""
    await client.keeper.session()
    session = client._wire._session
    assert session is not None
    assert len(session.cookie_jar) == 0
    await client.keeper.renew(await client.keeper.session())
    assert (services.google.tokens, services.google.replays) == (2, 0)


async def test_hosts_that_are_not_there(client: Client, services: NestLegacySimulator) -> None:
    services.faults.down = True
    with pytest.raises(Unreachable) as caught:
        await client.home()
    assert caught.value.reason == "service_unreachable"
    assert "google" not in str(caught.value)


async def test_somebody_in_between(
    services: NestLegacySimulator, make_client: MakeClient, names: dict[str, tuple[str, int]], tmp_path: object
) -> None:
    names["accounts.google.com"] = ("127.0.0.1", services.admin_port)
    with pytest.raises(Unreachable) as caught:
        await make_client().home()
    assert caught.value.reason == "service_untrusted"


async def test_an_answer_without_an_end(client: Client, services: NestLegacySimulator) -> None:
    services.faults.answers[LAUNCH] = (200, "application/json", "x" * (17 * 2**20))
    with pytest.raises(Malformed):
        await client.home()


async def test_a_refusal_before_anything_was_accepted(make_client: MakeClient, services: NestLegacySimulator) -> None:
    client = make_client(with_token("token-of-another"))
    for _ in range(2):
        with pytest.raises(AuthError):
            await client.home()
    assert (services.refused, services.requests[RPC]) == (1, 0)
