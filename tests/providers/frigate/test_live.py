"""What is switched or goes wrong elsewhere is shown as soon as the websocket tells of it."""

from collections.abc import Sequence

import pytest

from custom_components.camhub.kernel.provider import Camera, Switch
from custom_components.camhub.providers.frigate.provider import FrigateProvider
from simulators.frigate import FrigateSimulator, Unit
from tests.fake_clock import until

from .conftest import MakeProvider, MakeServer
from .test_events import Listener, listening


class Follower:
    """What the hub is handed."""

    def __init__(self, provider: FrigateProvider) -> None:
        self.told: list[dict[str, Camera]] = []
        provider.follow(self._take)

    def _take(self, cameras: Sequence[Camera]) -> None:
        self.told.append({each.id: each for each in cameras})

    def switch(self, camera: str, key: str) -> bool:
        """Return how a switch stands by now."""
        (found,) = [each for each in self.told[-1][camera].controls if each.key == key]
        assert isinstance(found, Switch)
        return found.is_on


@pytest.fixture
def provider(server: FrigateSimulator, make_provider: MakeProvider) -> FrigateProvider:
    return make_provider(server.url)


@pytest.mark.parametrize("key", ["detect", "recordings", "snapshots", "motion", "audio"])
async def test_a_switch_that_somebody_else_turned(
    server: FrigateSimulator, provider: FrigateProvider, key: str
) -> None:
    follower = Follower(provider)
    async with listening(provider, server) as listener:
        told = len(follower.told)
        server.command(f"nursery/{key}/set", "OFF")
        await listener.caught_up(server)
        assert follower.switch("nursery", key) is False
        server.command(f"nursery/{key}/set", "OFF")
        await listener.caught_up(server)
        assert len(follower.told) == told + 1
        server.command(f"nursery/{key}/set", "ON")
        await listener.caught_up(server)
        assert follower.switch("nursery", key) is True
    listed = await provider.cameras()
    assert follower.told[-1] == {each.id: each for each in listed}


async def test_what_is_not_offered_stays_away(server: FrigateSimulator, provider: FrigateProvider) -> None:
    follower = Follower(provider)
    async with listening(provider, server) as listener:
        for topic in ("driveway/audio/state", "elsewhere/detect/state", "driveway/improve_contrast/state", "driveway"):
            server.line.tell(topic, "OFF")
        server.line.tell("driveway/status/detect", "online")
        await listener.caught_up(server)
    assert follower.told == []


async def test_a_camera_that_is_switched_off_and_on(server: FrigateSimulator, provider: FrigateProvider) -> None:
    follower = Follower(provider)
    async with listening(provider, server) as listener:
        server.command("driveway/enabled/set", "OFF")
        await listener.caught_up(server)
        driveway = follower.told[-1]["driveway"]
        assert (driveway.online, driveway.offline_reason) == (False, "camera_switched_off")
        server.command("driveway/enabled/set", "ON")
        await listener.caught_up(server)
        assert follower.told[-1]["driveway"].online is True


@pytest.mark.parametrize("version", ["0.14", "0.17"])
async def test_what_was_switched_while_nobody_listened(
    make_server: MakeServer, make_provider: MakeProvider, version: str
) -> None:
    server = await make_server(version)
    provider = make_provider(server.url)
    follower = Follower(provider)
    await provider.cameras()
    server.cameras[0].on["record"] = False
    server.cameras[1].enabled = False
    async with listening(provider, server):
        await until(lambda: bool(follower.told))
        assert follower.switch("driveway", "recordings") is False
        gone = follower.told[-1]["back_door"].offline_reason == "camera_switched_off"
        assert gone == (version == "0.17"), "0.14 tells nothing of that there"


async def test_a_camera_that_goes_down(server: FrigateSimulator, provider: FrigateProvider) -> None:
    server.cameras.append(Unit(name="attic", enabled=False))
    follower = Follower(provider)
    async with listening(provider, server) as listener:
        server.lose("driveway")
        server.lose("driveway")
        server.lose("attic")
        await listener.caught_up(server)
        assert len(follower.told) == 1
        assert follower.told[0]["driveway"].offline_reason == "camera_offline"
        server.faults.offline.clear()
        server.line.tell("stats", server.stats())
        await listener.caught_up(server)
        assert follower.told[-1]["driveway"].online is True


async def test_nobody_need_follow(server: FrigateSimulator, provider: FrigateProvider) -> None:
    async with listening(provider, server) as listener:
        server.command("driveway/detect/set", "OFF")
        await listener.caught_up(server)
        assert not listener.task.done()


async def test_activity_that_is_none(server: FrigateSimulator, provider: FrigateProvider) -> None:
    follower = Follower(provider)
    async with listening(provider, server) as listener:
        odd = {"driveway": {"config": {"detect": "ON"}, "motion": 1, "objects": None}, "nursery": 7, "elsewhere": {}}
        server.line.tell("camera_activity", odd)
        server.line.tell("camera_activity", {"driveway": {"objects": [{"label": "person"}]}})
        server.line.tell("camera_activity", [])
        await listener.caught_up(server)
        assert listener.found == []
        assert not listener.task.done()
    assert follower.told == []


async def test_figures_before_the_first_listing_concern_nobody(
    server: FrigateSimulator, provider: FrigateProvider
) -> None:
    """Following begins with the events, which list the cameras first."""
    follower = Follower(provider)
    server.faults.answers["/api/stats"] = (503, "text/html", "")
    listener = Listener(provider)
    await listener.task
    assert listener.error is not None
    assert listener.error.reason == "server_starting"
    assert follower.told == []
