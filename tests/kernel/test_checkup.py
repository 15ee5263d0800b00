import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
import json
from pathlib import Path
import re
import ssl
from typing import Any, override

import pytest

import custom_components.camhub
from custom_components.camhub.kernel.checkup import Check, Checkup, Outcome, Report, Subject
from custom_components.camhub.kernel.endpoints import Endpoint
from custom_components.camhub.kernel.errors import (
    AuthError,
    HubError,
    Malformed,
    Throttled,
    Unreachable,
    Unsupported,
)
from custom_components.camhub.kernel.events import LineState, LineStatus
from custom_components.camhub.kernel.model import CredentialState, DeviceIdentity, EventKind, Image
from custom_components.camhub.kernel.provider import Camera, Stills
from custom_components.camhub.kernel.stills import PictureState
from tests.fake_clock import FakeClock

from .test_endpoints import listening


class Taker(Stills):
    """Gives a picture, or fails as it was told."""

    def __init__(self, clock: FakeClock, error: HubError | None = None) -> None:
        self.clock = clock
        self.error = error
        self.taken = 0

    @override
    async def take(self, width: int | None = None) -> Image:
        self.taken += 1
        if self.error is not None:
            raise self.error
        return Image(content=b"", taken_at=self.clock.now())


class Scene:
    """A camera where all is well, until a test changes something."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.stills, self.live = Taker(clock), Taker(clock)
        self.camera: Camera | None = Camera(
            id="yard",
            identity=DeviceIdentity(name="Yard", manufacturer="Example"),
            online=True,
            event_kinds=frozenset({EventKind.MOTION}),
            stills=self.stills,
        )
        self.listings = 0
        self.list_fault: HubError | None = None
        self.subject = Subject(
            clock=clock,
            contexts=lambda _: ssl.create_default_context(),
            endpoints=(),
            login=CredentialState.OK,
            refusal=None,
            busy_until=lambda: None,
            camera=self.camera,
            list_error=None,
            listing=self.listing,
            problems=lambda camera: camera.problems,
            still=self.still,
            still_state=PictureState(taken_at=clock.now()),
            stream=lambda _: self.live,
            line=LineState(status=LineStatus.CONNECTED, since=clock.now()),
        )

    async def listing(self) -> Camera | None:
        self.listings += 1
        if self.list_fault is not None:
            raise self.list_fault
        return self.camera

    async def still(self, camera: Camera) -> Image:
        assert camera.stills is not None
        return await camera.stills.take()

    def change(self, **changes: Any) -> None:
        assert self.camera is not None
        self.camera = replace(self.camera, **changes)
        self.subject = replace(self.subject, camera=self.camera)

    async def look(self, *, ask: bool = True, **changes: Any) -> Report:
        return await Checkup(replace(self.subject, **changes), ask=ask).run()


@pytest.fixture
def scene(clock: FakeClock) -> Scene:
    return Scene(clock)


def outcomes(report: Report, *wanted: Check) -> Sequence[Outcome]:
    return [result.outcome for result in report.results if result.check in wanted]


def sentence(report: Report, check: Check) -> str:
    return next(result.sentence for result in report.results if result.check is check)


async def test_all_is_well(scene: Scene) -> None:
    report = await scene.look()
    assert [result.check for result in report.results] == list(Check)
    assert report.verdict is None
    assert report.summary == "common.why_fresh"
    assert outcomes(report, Check.STILL, Check.STREAM, Check.EVENTS, Check.ANSWERS) == [Outcome.OK] * 4
    assert outcomes(report, Check.NAME, Check.ADDRESS, Check.TLS) == [Outcome.NOT_RUN] * 3
    assert (scene.listings, scene.stills.taken, scene.live.taken) == (1, 1, 1)


async def test_by_what_is_known_nobody_is_asked(scene: Scene) -> None:
    report = await scene.look(ask=False, endpoints=(Endpoint(host="camera.invalid", port=80),))
    assert report.verdict is None
    assert report.summary == "common.why_nothing"
    assert (scene.listings, scene.stills.taken, scene.live.taken) == (0, 0, 0)
    assert sentence(report, Check.NAME) == "common.not_run_known"
    failed = await scene.look(ask=False, list_error=Unreachable())
    assert failed.verdict is not None
    assert (failed.verdict.check, failed.verdict.reason) == (Check.LISTING, "cannot_connect")


@pytest.mark.parametrize(("cloud", "step"), [(False, "common.step_name"), (True, "common.step_internet")])
async def test_a_name_that_leads_nowhere_stops_what_follows(scene: Scene, cloud: bool, step: str) -> None:
    report = await scene.look(endpoints=(Endpoint(host="camera.invalid", port=80, tls=True, cloud=cloud),))
    assert report.verdict is not None
    assert (report.verdict.check, report.verdict.reason, report.verdict.step) == (Check.NAME, "name_unknown", step)
    later = (Check.ADDRESS, Check.TLS, Check.LISTING, Check.ONLINE, Check.RIGHT, Check.STILL, Check.STREAM)
    assert outcomes(report, *later) == [Outcome.NOT_RUN] * 7
    assert sentence(report, Check.STILL) == "common.not_run_blocked"
    assert sentence(report, Check.ANSWERS) == "common.ok_answers"
    assert scene.listings == 0


async def test_a_port_that_is_open(scene: Scene) -> None:
    async with listening() as port:
        report = await scene.look(endpoints=(Endpoint(host="127.0.0.1", port=port),))
    assert outcomes(report, Check.NAME, Check.ADDRESS, Check.TLS) == [Outcome.OK, Outcome.OK, Outcome.NOT_RUN]
    assert report.verdict is None


@pytest.mark.parametrize("state", [CredentialState.REFUSED, CredentialState.EXPIRED])
async def test_a_login_that_is_over_is_not_tried(scene: Scene, state: CredentialState) -> None:
    report = await scene.look(login=state, refusal="account_locked")
    assert report.verdict is not None
    assert (report.verdict.check, report.verdict.sentence) == (Check.LOGIN, "exceptions.account_locked.message")
    assert report.verdict.step == "common.step_sign_in"
    assert (scene.listings, scene.stills.taken) == (0, 0)
    assert sentence(report, Check.EVENTS) == "common.not_run_blocked"


async def test_a_login_that_ends_soon_is_told(scene: Scene) -> None:
    report = await scene.look(login=CredentialState.EXPIRING)
    assert sentence(report, Check.LOGIN) == "common.ok_login_ending"
    assert report.verdict is None


async def test_a_quota_that_is_used_up_is_kept(scene: Scene, clock: FakeClock) -> None:
    until = clock.now() + timedelta(seconds=30)
    report = await scene.look(busy_until=lambda: until)
    assert report.verdict is not None
    assert (report.verdict.check, report.verdict.words) == (Check.QUOTA, {"until": until})
    assert sentence(report, Check.LISTING) == "common.not_run_quota"
    assert (scene.listings, scene.stills.taken, scene.live.taken) == (0, 0, 0)
    scene.change(online=False, offline_reason="camera_offline")
    offline = await scene.look(busy_until=lambda: until)
    assert offline.verdict is not None
    assert offline.verdict.check is Check.ONLINE
    past = await scene.look(busy_until=lambda: clock.now() - timedelta(seconds=1))
    assert outcomes(past, Check.QUOTA) == [Outcome.OK]


async def test_a_quota_that_runs_out_meanwhile(scene: Scene, clock: FakeClock) -> None:
    until = clock.now() + timedelta(seconds=30)
    report = await scene.look(busy_until=lambda: until if scene.listings else None)
    assert outcomes(report, Check.QUOTA, Check.LISTING, Check.STILL, Check.STREAM) == [
        *(Outcome.OK, Outcome.OK),
        *(Outcome.NOT_RUN, Outcome.NOT_RUN),
    ]
    assert scene.stills.taken == 0


@pytest.mark.parametrize(
    ("error", "step"),
    [
        (Unreachable(), "common.step_device"),
        (AuthError(), "common.step_sign_in"),
        (Throttled(), "common.step_wait"),
        (Malformed(), "common.step_report"),
        (Unsupported(), "common.step_right"),
    ],
)
async def test_a_list_that_does_not_come(scene: Scene, error: HubError, step: str) -> None:
    scene.list_fault = error
    report = await scene.look()
    assert report.verdict is not None
    assert (report.verdict.check, report.verdict.step) == (Check.LISTING, step)
    assert outcomes(report, Check.ONLINE, Check.STILL) == [Outcome.NOT_RUN] * 2


async def test_a_camera_that_is_gone(scene: Scene) -> None:
    scene.camera = None
    report = await scene.look()
    assert report.verdict is not None
    assert report.verdict.sentence == "common.failed_listing"


async def test_an_offline_camera_with_and_without_a_reason(scene: Scene) -> None:
    scene.change(online=False)
    assert sentence(await scene.look(), Check.ONLINE) == "common.failed_online"
    scene.change(online=False, offline_reason="camera_offline")
    report = await scene.look()
    assert sentence(report, Check.ONLINE) == "exceptions.camera_offline.message"
    assert (scene.stills.taken, scene.live.taken) == (0, 0)


async def test_nobody_knows_whether_it_is_online(scene: Scene) -> None:
    scene.change(online=None)
    report = await scene.look()
    assert sentence(report, Check.ONLINE) == "common.none_online"
    assert scene.stills.taken == 1


async def test_what_a_camera_lost_is_told_last(scene: Scene) -> None:
    scene.change(problems=("video_encrypted",))
    report = await scene.look()
    assert report.verdict is not None
    assert (report.verdict.check, report.verdict.sentence) == (Check.RIGHT, "issues.video_encrypted.title")
    scene.live.error = Unreachable(reason="no_frame")
    report = await scene.look()
    assert report.verdict is not None
    assert report.verdict.check is Check.STREAM


@pytest.mark.parametrize("error", [AuthError(reason="camera_forbidden"), Unsupported(reason="camera_not_in_role")])
async def test_what_was_refused_is_not_asked_again(scene: Scene, error: HubError) -> None:
    report = await scene.look(still_state=PictureState(error=error, failures=1))
    assert sentence(report, Check.STILL) == f"exceptions.{error.reason}.message"
    assert scene.stills.taken == 0
    assert outcomes(report, Check.RIGHT) == [Outcome.FAILED if isinstance(error, Unsupported) else Outcome.OK]


async def test_a_picture_that_fails(scene: Scene) -> None:
    scene.stills.error = Unreachable(reason="no_picture_yet")
    report = await scene.look()
    assert report.verdict is not None
    assert (report.verdict.check, report.verdict.step) == (Check.STILL, "common.step_camera")


async def test_a_sleeping_camera_is_not_woken(scene: Scene) -> None:
    scene.change(still_floor=600.0)
    report = await scene.look(still_state=PictureState(error=Unreachable(), failures=2))
    assert sentence(report, Check.STILL) == "common.not_woken"
    assert sentence(report, Check.STREAM) == "common.not_streamed"
    assert (scene.stills.taken, scene.live.taken) == (0, 0)
    assert report.verdict is not None
    assert (report.verdict.check, report.verdict.reason) == (Check.ANSWERS, "cannot_connect")


async def test_a_camera_with_nothing_to_try(scene: Scene) -> None:
    scene.change(stills=None, event_kinds=frozenset())
    report = await scene.look(stream=lambda _: None, still_state=PictureState())
    nothing = {Check.STILL: "none_still", Check.STREAM: "none_stream", Check.EVENTS: "none_events"}
    nothing[Check.ANSWERS] = "none_answers"
    assert {check: sentence(report, check) for check in nothing} == {
        check: f"common.{key}" for check, key in nothing.items()
    }


async def test_a_camera_that_was_never_listed(scene: Scene) -> None:
    report = await scene.look(ask=False, camera=None, line=None)
    assert sentence(report, Check.ONLINE) == "common.none_online"
    assert sentence(report, Check.STILL) == "common.none_still"


@pytest.mark.parametrize(
    ("status", "step"),
    [(LineStatus.DISCONNECTED, "common.step_events"), (LineStatus.REFUSED, "common.step_sign_in")],
)
async def test_an_event_line_that_is_down(scene: Scene, clock: FakeClock, status: LineStatus, step: str) -> None:
    report = await scene.look(line=LineState(status=status, since=clock.now(), reason="push_timeout"))
    assert report.verdict is not None
    assert (report.verdict.check, report.verdict.reason, report.verdict.step) == (Check.EVENTS, "push_timeout", step)


async def test_what_takes_too_long_is_given_up(scene: Scene, clock: FakeClock) -> None:
    async def never() -> Camera | None:
        await clock.sleep(3600)
        return None

    look = asyncio.ensure_future(scene.look(listing=never))
    await clock.advance(31)
    report = await look
    assert report.verdict is not None
    assert (report.verdict.check, report.verdict.reason) == (Check.LISTING, "timeout")


def test_every_sentence_has_its_words() -> None:
    package = Path(custom_components.camhub.__file__).parent
    said = {
        *(f"check_{check}" for check in Check),
        *(f"ok_{check}" for check in Check),
        *(f"mark_{outcome}" for outcome in Outcome),
        *(f"none_{check}" for check in (Check.NAME, Check.ADDRESS, Check.TLS)),
    }
    for module in ("kernel/checkup.py", "checking.py", "why_dark.py", "why_dark_flow.py"):
        said |= set(re.findall(r'"common\.([a-z_]+)"', (package / module).read_text()))
    words = json.loads((package / "translations" / "en.json").read_text())["common"]
    # The others belong to other parts of the hub.
    ours = ("check_", "failed_", "mark_", "none_", "not_", "ok_", "step_", "why_")
    assert {key for key in words if key.startswith(ours)} == said
