"""What a hub does with a provider, stage by stage, as the hub does it; each can be tried again."""

from collections.abc import Awaitable, Sequence
from contextlib import aclosing
from datetime import timedelta
from enum import StrEnum

from custom_components.camhub.kernel.errors import HubError
from custom_components.camhub.kernel.provider import Camera, Provider

from .bench import Bench


class Stage(StrEnum):
    """When something goes wrong."""

    SETUP = "setup"
    REFRESH = "refresh"
    STILL = "still"
    STREAM = "stream"
    EVENTS = "events"
    CLIP = "clip"


class Dark(Exception):
    """Nothing was raised, but the cameras are shown as off, for a reason."""


class Deaf(Exception):
    """Nothing was raised, but nothing is heard either."""


async def listed(provider: Provider) -> Sequence[Camera]:
    """List the cameras; raises Dark where they are all off."""
    cameras = await provider.cameras()
    reasons = {each.offline_reason for each in cameras}
    if all(each.online is False for each in cameras):
        raise Dark(next(iter(sorted(str(each) for each in reasons)), ""))
    return cameras


async def set_up(bench: Bench, provider: Provider) -> None:
    """Set an account up after an hour's rest: tokens have to be renewed."""
    await provider.connect()
    await listed(provider)


async def watch(bench: Bench, camera: Camera) -> None:
    """Open what a camera shows, and hang up."""
    if camera.mjpeg is not None:
        async with aclosing(camera.mjpeg.frames()) as frames:
            await anext(frames)
    elif camera.rtsp is not None:
        await (await camera.rtsp.open()).release()
    else:
        assert camera.webrtc is not None
        await (await camera.webrtc.open(bench.lens.offer, lambda _: None)).release()


async def replay(bench: Bench, camera: Camera) -> int:
    """Read the first recording of the last day; return its size."""
    assert camera.clips is not None
    now = bench.clock.now()
    size = 0
    for clip in list(await camera.clips.between(now - timedelta(days=1), now))[:1]:
        async with aclosing(camera.clips.read(clip)) as film:
            async for chunk in film:
                size += len(chunk)
    return size


def chosen(cameras: Sequence[Camera], stage: Stage) -> Camera | None:
    """Return a camera that can do what a stage is about."""

    def can(camera: Camera) -> bool:
        match stage:
            case Stage.STILL:
                return camera.stills is not None
            case Stage.CLIP:
                return camera.clips is not None
            case _:
                return not (camera.mjpeg is None and camera.rtsp is None and camera.webrtc is None)

    return next((each for each in cameras if each.online is not False and can(each)), None)


async def failure(work: Awaitable[object]) -> HubError | Dark | None:
    """Return what goes wrong in words of ours; every other exception is a fault of the provider's."""
    try:
        await work
    except (HubError, Dark) as error:
        return error
    return None
