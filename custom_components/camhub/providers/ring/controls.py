"""What can be set of a camera (protocols.md 4.3)."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

from ring_doorbell import RingStickUpCam
from ring_doorbell.const import API_URI, CHIMES_ENDPOINT, DOORBELLS_ENDPOINT

from ...kernel.errors import Unsupported
from ...kernel.provider import Control, Number, Press, Switch
from .answers import NotThere
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
    # A doorbell may have a light or a siren too: its calls are those of a camera.
    device, lamp, sound = client.device(unit), RingStickUpCam(client.ring, unit.number), round(siren_s)
    told: tuple[tuple[str, bool | None, Callable[[bool], Awaitable[object]]], ...] = (
        ("motion", unit.detects_motion, lambda on: client.ask(lambda: device.async_set_motion_detection(on))),
        ("light", unit.light, lambda on: client.ask(lambda: lamp.async_set_light(on))),
        ("siren", unit.siren, lambda on: client.ask(lambda: lamp.async_set_siren(sound if on else 0))),
        ("indoor_chime", unit.indoor_chime, lambda on: _put(client, unit, "[chime_settings][enable]", int(on))),
    )
    for key, is_on, call in told:
        if is_on is not None:
            yield Switch(key=key, is_on=is_on, turn=_turning(unit, call))


def _turning(unit: Unit, call: Callable[[bool], Awaitable[object]]) -> Callable[[bool], Awaitable[None]]:
    return lambda on: _allowed(unit, call(on))


def _volume(client: Client, unit: Unit) -> Iterator[Number]:
    if unit.volume is not None:
        yield Number(
            key="volume",
            value=unit.volume,
            minimum=0,
            maximum=LOUDEST,
            step=1,
            put=lambda value: _allowed(unit, _put(client, unit, "[doorbell_volume]", round(value))),
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
            put=lambda value: _put(client, chime, "[volume]", round(value)),
        )


async def _put(client: Client, device: Unit | Chime, setting: str, value: int) -> None:
    """Set one setting; raises HubError. The library fails at sorts of chimes that it does not know, and at no name."""
    owner, path = ("chime", CHIMES_ENDPOINT) if isinstance(device, Chime) else ("doorbot", DOORBELLS_ENDPOINT)
    name = {} if device.label is None else {f"{owner}[description]": device.label}
    query = {**name, f"{owner}[settings]{setting}": str(value)}
    await client.meet()
    await client.request("PUT", API_URI + path.format(device.number), query=query)


async def _allowed(unit: Unit, call: Awaitable[object]) -> None:
    """Do what is asked for; raises HubError. Who may only look at somebody else's device hears that it is not there."""
    try:
        await call
    except NotThere as error:
        if unit.owned:
            raise
        raise Unsupported("not the owner", reason="insufficient_permission") from error
