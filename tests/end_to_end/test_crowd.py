"""A hundred clients come and go, some in the middle of it; nothing of them stays in the real process."""

import asyncio
from http import HTTPStatus
from pathlib import Path
import time
from typing import Final

from tests.webrtc_viewer import Viewer

from .background import PAUSE, Background
from .conftest import Demo
from .house import House
from .person import Person

CLIENTS: Final = 100
CAMERA: Final = "orchard"
PATIENCE: Final = 180.0


def home_process(demo: int) -> Path:
    """Return the folder in /proc of Home Assistant, which the demo has started."""
    for folder in Path("/proc").iterdir():
        try:
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if folder.name.isdigit() and b"demo.inside" in command and parent != "1" and _descends(int(folder.name), demo):
            return folder
    raise AssertionError("Home Assistant does not run")


def _descends(pid: int, ancestor: int) -> bool:
    while pid > 1:
        if pid == ancestor:
            return True
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return False


def sockets(process: Path) -> int:
    """Return how many sockets a process holds open."""
    count = 0
    for handle in (process / "fd").iterdir():
        try:
            count += handle.readlink().name.startswith("socket:")
        except OSError:
            continue
    return count


async def come_and_go(house: House, number: int) -> int:
    """Watch in one of the formats for a moment; every other one leaves without a word."""
    who = house.people["allowed"]
    match number % 5:
        case 0 | 1:
            async with who.open(house.path(CAMERA, "mjpeg")) as response:
                await response.content.readexactly(4096)
                if number % 2:
                    response.close()
                return response.status
        case 2:
            return (await who.ask(house.path(CAMERA, "snapshot"), most=100 if number % 2 else 2**20)).status
        case 3:
            playlist = await who.ask(house.path(CAMERA, "hls"))
            await Person(who.url).ask(playlist.text.splitlines()[-1], most=10)
            return playlist.status
        case _:
            return await talk(house, who, hang_up=bool(number % 2))


async def talk(house: House, who: Person, *, hang_up: bool) -> int:
    async with Viewer() as viewer:
        answer = await who.ask(house.path(CAMERA, "webrtc"), "POST", json={"sdp": await viewer.offer()})
        await viewer.take(answer.json["sessionDescription"]["sdp"])
        if hang_up:
            await who.ask(answer.json["session"], "DELETE")
        return answer.status


def test_a_hundred_clients_come_and_go(background: Background, house: House, demo: Demo) -> None:
    process = home_process(demo.process.pid)

    async def crowd() -> list[int]:
        return list(await asyncio.gather(*(come_and_go(house, number) for number in range(CLIENTS))))

    def left(before: int) -> dict[str, int]:
        """Return what there is of them beyond what there was before."""
        return {
            "sockets": max(0, sockets(process) - before),
            "streams": house.frigate.watching,
            "live views": house.frigate.restream.senders.count,
        }

    async def until_gone(before: int) -> dict[str, int]:
        end = time.monotonic() + PATIENCE
        while any(left(before).values()) and time.monotonic() < end:
            await asyncio.sleep(PAUSE)
        return left(before)

    background.run(come_and_go(house, 3))
    background.run(until_gone(sockets(process)))
    before = sockets(process)
    assert background.run(crowd()) == [HTTPStatus.OK] * CLIENTS
    assert house.frigate.watching <= 1, "all share one"
    assert not any(background.run(until_gone(before)).values())
