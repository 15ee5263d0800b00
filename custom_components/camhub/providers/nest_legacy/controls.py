"""Switching a camera on and off, for everybody who watches it (protocols.md 3.4)."""

from ...kernel.provider import Control, Switch
from .client import Client
from .parse import State, Unit


def controls(client: Client, unit: Unit) -> tuple[Control, ...]:
    """Return the switch of a camera that has one, while it can be reached."""
    if not unit.switchable or unit.state not in {State.ON, State.OFF}:
        return ()
    return (
        Switch(
            key="streaming",
            is_on=unit.state is State.ON,
            turn=lambda on: client.put(unit, "streaming.enabled", "true" if on else "false"),
        ),
    )
