"""What can be set of a camera, through the library's own commands (protocols.md 4.3)."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

from ring_doorbell import RingStickUpCam

from ...kernel.errors import Unsupported
from ...kernel.provider import Control, Number, Press, Switch
from .client import Client
from .parse import Chime, Unit

LOUDEST: Final = 11.0


def controls(client: Client, unit: Unit, chimes: Sequence[Chime], siren_s: float) -> tuple[Control, ...]:
    """Return what a camera lets be set; chimes of its place stand with its doorbells. `siren_s` limits a siren."""
    found: list[Control] = [*_switches(client, unit, siren_s), *_volume(client, unit)]
    for each in chimes:
        if unit.rings and each.location == unit.location:
            found += _chime(client, each)
    return tuple(found)


def _switches(client: Client, unit: Unit, siren_s: float) -> Iterator[Switch]:
    def device(call: Callable[[RingStickUpCam], Awaitable[None]]) -> Awaitable[None]:
        return client.ask(lambda: call(_lamp(client, unit)))

    if unit.detects_motion is not None:
        yield Switch(
            key="motion",
            is_on=unit.detects_motion,
            turn=lambda on: client.ask(lambda: client.device(unit).async_set_motion_detection(on)),
        )
    if unit.light is not None:
        yield Switch(key="light", is_on=unit.light, turn=lambda on: device(lambda it: it.async_set_light(on)))
    if unit.siren is not None:
        sound = round(siren_s)
        yield Switch(
            key="siren", is_on=unit.siren, turn=lambda on: device(lambda it: it.async_set_siren(sound if on else 0))
        )
    if unit.indoor_chime is not None:
        yield Switch(
            key="indoor_chime",
            is_on=unit.indoor_chime,
            turn=lambda on: client.ask(lambda: client.device(unit).async_set_existing_doorbell_type_enabled(on)),
        )


def _lamp(client: Client, unit: Unit) -> RingStickUpCam:
    """Return the object of a camera that has a light or a siren."""
    device = client.device(unit)
    if not isinstance(device, RingStickUpCam):
        raise Unsupported("no camera with a light or a siren")
    return device


def _volume(client: Client, unit: Unit) -> Iterator[Number]:
    if unit.volume is not None:
        yield Number(
            key="volume",
            value=unit.volume,
            minimum=0,
            maximum=LOUDEST,
            step=1,
            put=lambda value: client.ask(lambda: client.device(unit).async_set_volume(round(value))),
        )


def _chime(client: Client, chime: Chime) -> Iterator[Control]:
    async def play() -> None:
        await client.ask(client.chime(chime.number).async_test_sound)

    yield Press(key=f"chime_{chime.number}", kind="chime", name=chime.name, press=play)
    if chime.volume is not None:
        yield Number(
            key=f"chime_volume_{chime.number}",
            kind="chime_volume",
            name=chime.name,
            value=chime.volume,
            minimum=0,
            maximum=LOUDEST,
            step=1,
            put=lambda value: client.ask(lambda: client.chime(chime.number).async_set_volume(round(value))),
        )
