import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from custom_components.camhub.kernel.errors import AuthError, HubError, Throttled, Unreachable, Unsupported
from custom_components.camhub.kernel.model import CameraEvent, EventKind, EventPhase
from custom_components.camhub.kernel.samples import Track
from custom_components.camhub.recording.encoding import Container, Encoding, Quality
from custom_components.camhub.recording.finish import part_of, picture_of
from custom_components.camhub.recording.recorder import Recorder, RecordingSettings
from custom_components.camhub.recording.retention import RetentionLimits
from tests.fake_clock import FakeClock, settle

from .film import TRACK, Desk, Yard, played
from .test_ffmpeg import DEAF, gone, script, so


def as_ffmpeg(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str) -> None:
    """Have a script found where ffmpeg is looked for."""
    script(folder, text)
    monkeypatch.setenv("PATH", str(folder))


AUTOMATIC = RecordingSettings(automatic=True, duration=4, pre_roll=2, maximum=20)
LARGER = Track(codec="mjpeg", width=96, height=64)


def event(phase: EventPhase = EventPhase.PULSE, number: int = 1) -> CameraEvent:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    return CameraEvent(id=f"e{number}", camera="yard", kind=EventKind.MOTION, at=at, phase=phase)


@pytest.fixture(autouse=True)
def _no_look_at_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not look at the disk meanwhile: a thread takes time that the clock of these tests does not know of."""
    monkeypatch.setattr("custom_components.camhub.recording.session._DISK_S", 1e9)


@pytest.fixture
def desk(tmp_path: Path, clock: FakeClock) -> Desk:
    return Desk(tmp_path / "camhub", clock)


@pytest.fixture
def yard(clock: FakeClock) -> Yard:
    return Yard(clock)


class Made:
    """A recorder and what it works with."""

    def __init__(self, yard: Yard, desk: Desk, settings: RecordingSettings, *, pre_roll: bool = True) -> None:
        self.yard, self.desk = yard, desk
        self.recorder = Recorder("yard", yard.source, settings, desk.tools, pre_roll=pre_roll)

    async def begun(self) -> None:
        """Wait until ffmpeg takes pictures."""
        current = self.recorder._current or self.recorder._film
        assert current is not None
        await current[0].begun.wait()

    async def ready(self) -> None:
        """Wait until pictures get into the recording, or it is over: ffmpeg and the disk have their own time."""
        current = self.recorder._current or self.recorder._film
        if current is not None:
            await so(lambda: current[0].writer is not None or current[1].done())

    async def show(self, seconds: float, fps: float = 5, track: Track = TRACK) -> None:
        """Let so much time pass, with pictures."""
        for _ in range(round(seconds * fps)):
            await self.ready()
            await self.yard.show(1 / fps, fps, track)

    async def over(self) -> None:
        """Wait until a recording is over, one way or the other; time passes only while it takes pictures."""
        while not self.desk.told.is_set():
            await asyncio.sleep(0.01)
            current = self.recorder._current or self.recorder._film
            if current is not None and current[0].writer is not None:
                await self.desk.clock.advance(0.2)
        self.desk.told.clear()
        await settle()

    async def started(self, seconds: float | None = None) -> Path:
        """Start by hand; the first picture is shown as soon as it is wanted."""
        starting = asyncio.create_task(self.recorder.start(seconds))
        await settle()
        await self.ready()
        await self.show(0.2)
        return await starting


@pytest.fixture
async def made(yard: Yard, desk: Desk) -> AsyncIterator[Made]:
    made = Made(yard, desk, AUTOMATIC)
    yield made
    await made.recorder.close()
    assert yard.open == 0


async def test_by_hand(made: Made) -> None:
    recorder, desk = made.recorder, made.desk
    assert not recorder.recording
    file = await made.started(10)
    assert recorder.recording
    assert part_of(file).exists()
    assert not file.exists()
    await made.show(2)
    assert await recorder.stop() == file
    assert file.name == "manual_2026-01-02T03-04-05-000Z_recording.webm"
    assert file.parent.name == "2026-01-02"
    film = played(file)
    assert (film.codec, film.size) == ("vp8", (64, 48))
    assert len(film.times) == 11
    assert film.length == pytest.approx(2.0, abs=0.05)
    assert desk.files() == [picture_of(file).name, file.name]
    ((clip, cause),) = desk.finished
    assert cause is None
    assert (clip.id, clip.camera, clip.label, clip.kind) == (file.name, "yard", "manual", None)
    assert clip.end is not None
    assert (clip.end - clip.start).total_seconds() == pytest.approx(2.0, abs=0.05)
    assert desk.problems == [None]
    assert desk.changed == ["yard", "yard"]
    assert not recorder.recording
    assert await recorder.stop() is None
    await settle()
    assert made.yard.open == 0


async def test_by_hand_it_ends_by_itself(made: Made) -> None:
    file = await made.started(3)
    await made.show(5)
    await made.over()
    assert played(file).length == pytest.approx(3, abs=0.3)


async def test_asked_again_it_goes_on(made: Made) -> None:
    file = await made.started(2)
    await made.show(1)
    assert await made.recorder.start(4) == file
    await made.show(6)
    await made.over()
    assert played(file).length == pytest.approx(5, abs=0.4)


@pytest.mark.parametrize("container", Container)
@pytest.mark.parametrize("quality", Quality)
async def test_all_kinds(yard: Yard, desk: Desk, container: Container, quality: Quality) -> None:
    encoding = Encoding(quality=quality, container=container)
    made = Made(yard, desk, RecordingSettings(encoding=encoding))
    file = await made.started()
    await made.show(1)
    await made.recorder.stop()
    film = played(file)
    assert film.codec == {"webm": "vp8", "mp4": "h264"}[container]
    assert film.duration == pytest.approx(film.length, abs=0.4)
    assert desk.finished[0][0].content_type == f"video/{container}"
    await made.recorder.close()


async def test_motion_is_recorded_from_before_it_began(made: Made) -> None:
    made.recorder.arm(on=True)
    await made.show(10)
    cause = event()
    made.recorder.hear(cause)
    await made.ready()
    await made.show(6)
    await made.over()
    ((clip, told),) = made.desk.finished
    assert told is cause
    assert clip.kind is EventKind.MOTION
    assert clip.id == "motion_2026-01-02T03-04-13-000Z_recording.webm"
    film = played(made.desk.library.of("yard").path(clip))
    # Two seconds before, four after, and played as fast as it happened.
    assert film.length == pytest.approx(6, abs=0.4)
    steps = [later - sooner for sooner, later in zip(film.times, film.times[1:], strict=False)]
    assert max(steps) < 0.25
    assert made.yard.opened == 1


async def test_it_lasts_as_long_as_the_motion(made: Made) -> None:
    made.recorder.arm(on=True)
    await made.show(3)
    made.recorder.hear(event(EventPhase.START))
    await made.ready()
    await made.show(8)
    made.recorder.hear(event(EventPhase.UPDATE))
    assert made.desk.finished == []
    made.recorder.hear(event(EventPhase.END))
    made.recorder.hear(event(EventPhase.UPDATE))
    await made.show(6)
    await made.over()
    film = played(made.desk.library.of("yard").path(made.desk.finished[0][0]))
    # Two before, eight of motion, four after its last sign.
    assert film.length == pytest.approx(14, abs=0.6)


async def test_it_is_never_longer_than_its_maximum(made: Made) -> None:
    made.recorder.arm(on=True)
    made.recorder.hear(event(EventPhase.START))
    await made.ready()
    for number in range(4):
        await made.show(4.9)
        made.recorder.hear(event(EventPhase.PULSE, number + 10))
    await made.show(5)
    await made.over()
    film = played(made.desk.library.of("yard").path(made.desk.finished[0][0]))
    assert film.length == pytest.approx(20, abs=0.5)


async def test_what_is_no_motion_is_not_recorded(made: Made) -> None:
    made.recorder.hear(event())
    made.recorder.arm(on=True)
    for phase in (EventPhase.PRESENT, EventPhase.UPDATE, EventPhase.END):
        made.recorder.hear(event(phase))
    made.recorder.arm(on=False)
    made.recorder.hear(event())
    assert not made.recorder.recording
    await settle()
    assert made.yard.open == 0


async def test_without_pre_roll_the_camera_is_left_alone(yard: Yard, desk: Desk) -> None:
    made = Made(yard, desk, AUTOMATIC, pre_roll=False)
    made.recorder.arm(on=True)
    await settle()
    assert yard.opened == 0
    made.recorder.hear(event())
    await made.ready()
    await made.show(6)
    await made.over()
    assert played(desk.library.of("yard").path(desk.finished[0][0])).length == pytest.approx(4, abs=0.4)
    await settle()
    assert yard.open == 0
    await made.recorder.close()


async def test_a_clock_that_jumps_back_changes_neither_speed_nor_length(made: Made, clock: FakeClock) -> None:
    made.recorder.arm(on=True)
    await made.show(3)
    made.recorder.hear(event())
    await made.ready()
    await made.show(1)
    clock._start -= timedelta(days=400)
    await made.show(5)
    await made.over()
    ((clip, _),) = made.desk.finished
    assert played(made.desk.library.of("yard").path(clip)).length == pytest.approx(6, abs=0.6)
    assert clip.end is not None
    assert clip.end > clip.start


async def test_a_line_that_drops_is_a_gap(made: Made, clock: FakeClock) -> None:
    file = await made.started(30)
    await made.show(1)
    made.yard.put(Unreachable())
    await settle()
    await clock.advance(2)
    made.yard.put(Throttled(retry_after=5))
    await settle()
    await clock.advance(6)
    await made.show(1)
    await made.recorder.stop()
    film = played(file)
    assert made.yard.opened == 3
    assert film.length == pytest.approx(10, abs=0.5)
    assert len(film.times) == 11


async def test_a_library_that_trips_over_a_picture_is_a_gap(
    made: Made, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    await made.started(30)
    await made.show(1)
    made.yard.put(ValueError("rtsp://user:secret@192.0.2.1"))
    await settle()
    await clock.advance(2)
    await made.show(1)
    assert await made.recorder.stop() is not None
    assert made.yard.opened == 2
    assert "ValueError" in caplog.text
    assert "secret" not in caplog.text


async def test_another_size_of_picture_ends_the_recording(made: Made) -> None:
    file = await made.started(30)
    await made.show(1)
    await made.show(1, track=LARGER)
    await made.over()
    assert played(file).size == (64, 48)


@pytest.mark.parametrize("error", [AuthError(), Unsupported(reason="camera_gone")])
async def test_what_the_camera_refuses_is_told(made: Made, error: HubError) -> None:
    made.yard.put(error)
    with pytest.raises(type(error)) as caught:
        await made.recorder.start()
    assert caught.value.reason == error.reason
    assert made.desk.problems == [error.reason]
    assert made.desk.files() == []
    # The next one asks again.
    await made.started()
    assert made.yard.opened == 2


async def test_a_camera_that_cannot_just_now_is_asked_again(made: Made, clock: FakeClock) -> None:
    file = await made.started(30)
    await made.show(1)
    made.recorder.arm(on=True)
    made.yard.put(Unsupported())
    await made.over()
    assert played(file).length > 0, "what there was is kept"
    await clock.advance(3500)
    assert made.yard.opened == 1
    await clock.advance(200)
    assert made.yard.opened == 2
    await made.show(2)
    made.yard.put(Unsupported())
    await settle()
    # Motion is worth asking sooner.
    made.recorder.hear(event())
    await made.ready()
    assert made.yard.opened == 3
    await made.show(4)
    await made.over()
    assert len(made.desk.finished) == 2


async def test_a_camera_without_pictures(made: Made, clock: FakeClock) -> None:
    starting = asyncio.create_task(made.recorder.start(3))
    await settle()
    await made.ready()
    await clock.advance(4)
    with pytest.raises(Unreachable) as caught:
        await starting
    assert caught.value.reason == "no_frames"
    assert made.desk.files() == []


async def test_without_ffmpeg(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unsupported) as caught:
        await made.recorder.start()
    assert caught.value.reason == "ffmpeg_missing"
    assert made.desk.problems == ["ffmpeg_missing"]
    made.desk.told.clear()
    made.recorder.arm(on=True)
    made.recorder.hear(event())
    await made.over()
    assert made.desk.problems == ["ffmpeg_missing"] * 2


async def test_an_ffmpeg_that_fails(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_ffmpeg(monkeypatch, tmp_path, "#!{python}\nimport sys\nsys.exit('no such codec')\n")
    starting = asyncio.create_task(made.recorder.start())
    await settle()
    await made.ready()
    await made.show(1)
    await made.over()
    await asyncio.gather(starting, return_exceptions=True)
    assert made.desk.problems == ["recorder_failed"]
    assert made.desk.files() == []
    assert not made.recorder.recording


async def test_an_ffmpeg_that_hears_nothing_is_ended_within_15_s(
    made: Made, tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_ffmpeg(monkeypatch, tmp_path, DEAF)
    await made.started(30)
    await so((tmp_path / "there").exists)
    current = made.recorder._current
    assert current is not None
    writer = current[0].writer
    assert writer is not None
    assert writer.encoder is not None
    pid, asked = writer.encoder.pid, clock.monotonic()
    stopping = asyncio.create_task(made.recorder.stop())
    while not stopping.done():
        await so(lambda: clock.sleepers > 0 or stopping.done())
        await clock.advance(0.5)
        await asyncio.sleep(0.05)
    await gone(pid)
    assert clock.monotonic() - asked <= 15
    with pytest.raises(HubError) as caught:
        await stopping
    assert caught.value.reason == "recording_empty"
    assert made.desk.files() == []


async def test_the_disk_is_kept_from_filling(yard: Yard, tmp_path: Path, clock: FakeClock) -> None:
    desk = Desk(tmp_path, clock, limits=RetentionLimits(days=0, size=0, free=2**62))
    made = Made(yard, desk, AUTOMATIC)
    with pytest.raises(Unreachable) as caught:
        await made.recorder.start()
    assert caught.value.reason == "disk_full"
    assert desk.problems == ["disk_full"]
    await made.recorder.close()


async def test_a_disk_that_fills_meanwhile_ends_it_and_keeps_what_there_is(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.camhub.recording.session._DISK_S", 1)
    file = await made.started(3000)
    await made.show(2)
    monkeypatch.setattr("custom_components.camhub.recording.session.short_of", lambda *_: True)
    while made.recorder.recording:
        await made.show(1)
    assert made.desk.problems == ["disk_full"]
    assert 2 < played(file).length < 3000


async def test_a_full_disk_stops_a_film_with_its_reason(made: Made, tmp_path: Path) -> None:
    file = tmp_path / "film.webm"
    # Whatever is written there meets a full disk.
    part_of(file).symlink_to("/dev/full")
    filming = asyncio.create_task(made.recorder.film(file, 30, 0))
    await settle()
    await made.ready()
    await made.show(4)
    await made.over()
    with pytest.raises(Unreachable) as caught:
        await filming
    assert caught.value.reason == "disk_full"
    assert made.desk.problems == ["disk_full"]
    assert not file.exists()
    assert not part_of(file).is_symlink()


@pytest.mark.parametrize("name", ["film.mp4", "film.webm"])
async def test_a_film_goes_where_somebody_wants_it(made: Made, tmp_path: Path, name: str) -> None:
    made.recorder.arm(on=True)
    await made.show(5)
    file = tmp_path / "films" / name
    filming = asyncio.create_task(made.recorder.film(file, 2, 1))
    await settle()
    with pytest.raises(Unsupported) as caught:
        await made.recorder.film(file, 2, 0)
    assert caught.value.reason == "recording_already"
    await made.ready()
    assert made.recorder.recording
    await made.show(3)
    await filming
    assert played(file).length == pytest.approx(3, abs=0.4)
    assert [path.name for path in file.parent.iterdir()] == [name]
    assert made.desk.finished == []


async def test_a_film_that_nobody_waits_for_ends(made: Made, tmp_path: Path) -> None:
    filming = asyncio.create_task(made.recorder.film(tmp_path / "film.mp4", 20, 0))
    await settle()
    await made.ready()
    await made.show(1)
    await made.begun()
    filming.cancel()
    await asyncio.gather(filming, return_exceptions=True)
    await so(lambda: not made.recorder.recording)
    assert played(tmp_path / "film.mp4").length <= 1


async def test_closing_ends_what_is_being_recorded_in_good_order(made: Made) -> None:
    made.recorder.arm(on=True)
    file = await made.started(30)
    await made.show(1)
    await made.recorder.close()
    assert played(file).length == pytest.approx(1, abs=0.3)
    assert made.yard.open == 0
    with pytest.raises(Unsupported):
        await made.recorder.start()
    made.recorder.arm(on=True)
    await settle()
    assert made.yard.open == 0
    await made.recorder.close()


async def test_a_folder_that_cannot_be_written(made: Made) -> None:
    made.desk.root.write_text("a file stands where the folder should")
    with pytest.raises(Unreachable) as caught:
        await made.recorder.start()
    assert caught.value.reason == "recorder_failed"


async def test_an_ffmpeg_that_is_too_slow_loses_pictures_not_memory(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.camhub.recording.writer.MOST_WAITING", 10_000)
    as_ffmpeg(monkeypatch, tmp_path, DEAF)
    await made.started(300)
    current = made.recorder._current
    assert current is not None
    assert current[0].writer is not None
    await made.show(80)
    assert current[0].writer._size < 20_000
    assert made.desk.counters.get("recorder.left_out") > 0
    assert current[0].writer.encoder is not None
    current[0].writer.encoder.kill()
