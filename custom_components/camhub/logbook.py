"""What the logbook says of CamHub's events."""

from collections.abc import Callable, Mapping
from typing import Any

from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers.translation import async_get_cached_translations

from .access import EVENT_REFUSED
from .const import DOMAIN, EVENT_SEEN
from .credential_alerts import EVENT_REFUSED as EVENT_LOGIN_REFUSED
from .kernel.model import EventKind, Recognised

# Told by the recordings of an account.
EVENT_RECORDED = f"{DOMAIN}_recording_finished"

type Line = dict[str, str]
type Describe = Callable[[Event[Mapping[str, Any]]], Line]
type Say = Callable[[Words, Mapping[str, Any]], str]


class Words:
    """The texts of the logbook, in Home Assistant's language."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Take the cached translations; Home Assistant loads them before the logbook needs them."""
        language = hass.config.language
        self._texts = {
            **async_get_cached_translations(hass, language, "common", DOMAIN),
            **async_get_cached_translations(hass, language, "selector", DOMAIN),
        }

    def say(self, key: str, **values: str) -> str:
        """Return a sentence."""
        return self._texts.get(f"component.{DOMAIN}.common.log_{key}", key).format(**values)

    def kind(self, kind: str) -> str:
        """Return what a kind of event is called."""
        return self._texts.get(f"component.{DOMAIN}.selector.event_kind.options.{kind}", kind)


@callback
def async_describe_events(hass: HomeAssistant, async_describe_event: Callable[[str, str, Describe], None]) -> None:
    """Register how each event is described."""
    lines: dict[str, Say] = {
        EVENT_SEEN: _seen,
        EVENT_RECORDED: _recorded,
        EVENT_REFUSED: lambda words, data: words.say("refused", route=str(data["route"])),
        EVENT_LOGIN_REFUSED: lambda words, data: words.say("login_refused", message=str(data["message"])),
    }
    for kind, say in lines.items():
        async_describe_event(DOMAIN, kind, _described(hass, say))


def _described(hass: HomeAssistant, say: Say) -> Describe:
    @callback
    def describe(event: Event[Mapping[str, Any]]) -> Line:
        entity_id = event.data.get("entity_id")
        state = hass.states.get(entity_id) if entity_id else None
        name = state.name if state else event.data.get("account") or "CamHub"
        line = {"name": name, "message": say(Words(hass), event.data)}
        return line | ({"entity_id": entity_id} if entity_id else {})

    return describe


def _seen(words: Words, data: Mapping[str, Any]) -> str:
    """Return what a camera saw, who it was and where, as far as known."""
    zones = ", ".join(data.get("zones", ()))
    seen = str(data.get(Recognised.WHO) or words.kind(str(data["kind"])))
    return f"{seen} ({zones})" if zones else seen


def _recorded(words: Words, data: Mapping[str, Any]) -> str:
    by_hand = data.get("trigger") == "manual"
    why = words.say("by_hand") if by_hand else words.kind(str(data.get("kind") or EventKind.MOTION))
    return words.say("recorded", why=why)
