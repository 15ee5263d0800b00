"""What can be made to go wrong while the service runs."""

from dataclasses import dataclass, field

from ..simulator import Switches


@dataclass(kw_only=True)
class Faults(Switches):
    """Switches of the service, all off at first.

    `slow_s` delays every answer, `down` cuts every connection. `offline` lists devices that are switched off, `missing`
    devices that are no longer shared. `throttled` answers every call with 429. `commands` gives the answer of a
    command, by the last part of its name, as status and body; `answers` does so for a path. `duplicates` sends every
    message twice. `no_consent` is a project in which nobody may sign in, `pubsub_disabled` an API that was never
    switched on, `silent_push` a push channel that takes calls and no more, `deaf_push` one that leads nowhere.
    """

    slow_s: float = 0.0
    down: bool = False
    throttled: bool = False
    offline: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    commands: dict[str, tuple[int, str]] = field(default_factory=dict)
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    duplicates: bool = False
    no_consent: bool = False
    pubsub_disabled: bool = False
    silent_push: bool = False
    deaf_push: bool = False
