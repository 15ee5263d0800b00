from collections.abc import Sequence

import pytest

from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Unreachable
from custom_components.camhub.kernel.jpeg import is_whole_jpeg
from custom_components.camhub.kernel.model import CredentialState, EventKind
from custom_components.camhub.kernel.provider import Camera, Switch
from custom_components.camhub.providers.nest_legacy import SPEC
from custom_components.camhub.providers.nest_legacy.provider import NestLegacyProvider
from simulators.nest_legacy import NestLegacySimulator
from tests.conftest import MakeContext
from tests.fake_clock import FakeClock

from .conftest import HALL, LAUNCH, RPC, STEP, MakeProvider, by_id, google, with_token


async def test_cameras_as_the_account_lists_them(provider: NestLegacyProvider) -> None:
    await provider.connect()
    cameras = by_id(await provider.cameras())
    told = {each.identity.name: (each.online, each.offline_reason) for each in cameras.values()}
    assert told == {
        "Hall": (True, None),
        "Front step": (True, None),
        "Attic": (False, "camera_turned_off"),
        "Cabin": (False, "camera_not_connected"),
    }
    assert cameras[STEP].event_kinds >= {EventKind.DOORBELL, EventKind.PACKAGE}
    assert EventKind.DOORBELL not in cameras[HALL].event_kinds
    identity = cameras[HALL].identity
    assert (identity.manufacturer, identity.model, identity.firmware) == ("Google Nest", "Nest Cam Indoor", "4110016")
    assert (identity.serial, identity.mac) == ("EXAMPLEA1A1A1A1", "02a1a1a1a1a1")
    assert identity.area == "Hall"
    assert [[each.key for each in camera.controls] for camera in cameras.values()] == [
        ["streaming"],
        ["streaming"],
        [],
        [],
    ]
    assert provider.device() is None
    assert provider.problems() == ()


async def test_pictures_of_both_regions(provider: NestLegacyProvider, clock: FakeClock) -> None:
    cameras = by_id(await provider.cameras())
    for identifier in (HALL, STEP):
        stills = cameras[identifier].stills
        assert stills is not None
        image = await stills.take(320)
        assert is_whole_jpeg(image.content)
        assert image.taken_at == clock.now()
        assert len((await stills.take()).content) > len(image.content)


async def test_one_session_however_many_need_it(provider: NestLegacyProvider, services: NestLegacySimulator) -> None:
    for _ in range(3):
        await provider.cameras()
    assert services.google.tokens == 1
    assert provider.diagnostics()["sessions_made"] == 1


@pytest.fixture
async def cameras(provider: NestLegacyProvider) -> dict[str, Camera]:
    return by_id(await provider.cameras())


async def test_by_the_cookie_of_the_older_site(
    make_provider: MakeProvider, services: NestLegacySimulator, clock: FakeClock
) -> None:
    ends = clock.now().replace(microsecond=0)
    provider = make_provider(with_token(services.user_token(days=12), expires_at=ends.isoformat()))
    listed = await provider.cameras()
    assert [(each.identity.name, each.online) for each in listed] == [
        ("Hall", True),
        ("Front step", True),
        ("Attic", False),
        ("Cabin", False),
    ]
    assert services.google.tokens == 0
    assert provider.token_status().expires_at == ends


async def test_a_refused_token_asks_for_another_at_once(
    make_provider: MakeProvider, services: NestLegacySimulator
) -> None:
    provider = make_provider(with_token(services.user_token()))
    (hall, *_) = await provider.cameras()
    services.revoke()
    assert hall.stills is not None
    with pytest.raises(AuthError) as caught:
        await hall.stills.take()
    assert caught.value.reason == "token_refused"
    # The picture, and whether the account is refused as well.
    assert services.refused == 2
    with pytest.raises(AuthError):
        await provider.cameras()
    assert services.refused == 2
    assert provider.token_status().state is CredentialState.REFUSED
    assert provider.diagnostics()["session_failure"] == "token_refused"


async def test_the_end_of_a_token_is_told(
    make_provider: MakeProvider, services: NestLegacySimulator, clock: FakeClock
) -> None:
    ends = clock.now()
    provider = make_provider(with_token(services.user_token(), expires_at=ends.isoformat()))
    assert provider.token_status().state is CredentialState.EXPIRED
    assert make_provider(google(services)).token_status().state is CredentialState.OK


async def test_a_camera_is_switched_off_and_on(
    provider: NestLegacyProvider, cameras: dict[str, Camera], services: NestLegacySimulator
) -> None:
    (switch,) = cameras[HALL].controls
    assert isinstance(switch, Switch)
    assert switch.is_on
    await switch.turn(False)
    camera = by_id(await provider.cameras())[HALL]
    (switch,) = camera.controls
    assert isinstance(switch, Switch)
    assert (camera.offline_reason, switch.is_on) == ("camera_turned_off", False)
    assert camera.stills is not None
    with pytest.raises(Unreachable) as caught:
        await camera.stills.take()
    assert caught.value.reason == "camera_turned_off"
    await switch.turn(True)
    assert by_id(await provider.cameras())[HALL].online
    assert [each["streaming.enabled"] for each in services.changes] == ["false", "true"]


async def test_a_change_that_is_not_taken(cameras: dict[str, Camera], services: NestLegacySimulator) -> None:
    (switch,) = cameras[HALL].controls
    assert isinstance(switch, Switch)
    services.house.units[0].capabilities = ()
    with pytest.raises(HubError) as caught:
        await switch.turn(False)
    assert caught.value.reason == "control_not_confirmed"


async def test_a_camera_that_moves_to_the_other_app(
    provider: NestLegacyProvider, cameras: dict[str, Camera], services: NestLegacySimulator
) -> None:
    services.house.units[0].moved = "MIGRATED"
    services.house.units[1].moved = "REVERSE_MIGRATION_IN_PROGRESS"
    moved, back, *_ = await provider.cameras()
    assert (moved.online, moved.offline_reason, moved.problems) == (False, "camera_migrated", ("camera_migrated",))
    assert (back.online, back.problems) == (True, ())
    assert moved.stills is cameras[HALL].stills


async def test_an_account_without_cameras(provider: NestLegacyProvider, services: NestLegacySimulator) -> None:
    await provider.connect()
    services.house.units.clear()
    assert await provider.cameras() == []
    assert provider.problems() == ("account_without_cameras",)


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [(429, Unreachable, "throttled"), (503, Unreachable, "service_unavailable"), (418, Malformed, "malformed")],
)
async def test_a_home_host_in_trouble(
    provider: NestLegacyProvider, services: NestLegacySimulator, status: int, kind: type[HubError], reason: str
) -> None:
    services.faults.home_status = status
    with pytest.raises(kind) as caught:
        await provider.connect()
    assert caught.value.reason == reason
    services.faults.home_status = 0
    assert len(await provider.cameras()) == 4
    assert services.google.tokens == 1


async def test_junk_before_every_answer(provider: NestLegacyProvider, services: NestLegacySimulator) -> None:
    services.faults.junk = ")]}'\n\n"
    assert len(await provider.cameras()) == 4


async def test_a_refused_session_is_replaced_once(provider: NestLegacyProvider, services: NestLegacySimulator) -> None:
    await provider.connect()
    services.tokens.revoke()
    await provider.connect()
    assert (services.google.tokens, services.requests[LAUNCH]) == (2, 3)


async def test_facts_for_a_bug_report(provider: NestLegacyProvider, cameras: Sequence[Camera]) -> None:
    told = provider.diagnostics()
    listed = told["cameras"]
    assert isinstance(listed, dict)
    assert listed[STEP] == {"state": "on", "model": "Nest Hello", "region": "nexusapi-eu1"}
    assert {key: value for key, value in told.items() if key != "cameras"} == {
        "credential": "google",
        "kind": "unknown",
        "manner": "basic_session",
        "agent": 0,
        "field_test": False,
        "sessions_made": 1,
        "session_failure": None,
        "history_every_s": 30,
    }


async def test_nothing_is_asked_before_it_is_wanted(services: NestLegacySimulator, make_context: MakeContext) -> None:
    provider = SPEC.open(make_context(google(services)))
    assert provider.diagnostics()["cameras"] == {}
    assert provider.problems() == ()
    await provider.close()
    assert services.requests[RPC] == 0
