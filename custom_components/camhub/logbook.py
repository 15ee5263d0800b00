"""What the logbook says of CamHub's events."""

from collections.abc import Callable, Mapping
from typing import Any

from homeassistant.core import Event, HomeAssistant, callback

from .access import EVENT_REFUSED
from .const import DOMAIN, EVENT_SEEN
from .credential_alerts import EVENT_REFUSED as EVENT_LOGIN_REFUSED
from .kernel.model import Recognised

# Told by the recordings of an account.
EVENT_RECORDED = f"{DOMAIN}_recording_finished"

type Line = dict[str, str]
type Describe = Callable[[Event[Mapping[str, Any]]], Line]


@callback
def async_describe_events(hass: HomeAssistant, async_describe_event: Callable[[str, str, Describe], None]) -> None:
    """Say how each event is put into words."""
    words: dict[str, Callable[[Mapping[str, Any]], str]] = {
        EVENT_SEEN: _seen,
        EVENT_RECORDED: _recorded,
        EVENT_REFUSED: lambda data: f"was refused to somebody ({data['route']})",
        EVENT_LOGIN_REFUSED: lambda data: f"refuses its login: {data['message']}",
    }
    for kind, say in words.items():
        async_describe_event(DOMAIN, kind, _described(hass, say))


def _described(hass: HomeAssistant, say: Callable[[Mapping[str, Any]], str]) -> Describe:
    @callback
    def describe(event: Event[Mapping[str, Any]]) -> Line:
        entity_id = event.data.get("entity_id")
        state = hass.states.get(entity_id) if entity_id else None
        name = state.name if state else event.data.get("account") or "CamHub"
        return {"name": name, "message": say(event.data), **({"entity_id": entity_id} if entity_id else {})}

    return describe


def _seen(data: Mapping[str, Any]) -> str:
    """Return what a camera saw, who it was and where, as far as it is known."""
    zones = ", ".join(data.get("zones", ()))
    who = data.get(Recognised.WHO)
    seen = str(data["kind"]).replace("_", " ")
    return f"saw {who or seen}{f' in {zones}' if zones else ''}"


def _recorded(data: Mapping[str, Any]) -> str:
    why = "by hand" if data.get("trigger") == "manual" else f"of {str(data.get('kind') or 'motion').replace('_', ' ')}"
    return f"has a new recording {why}"
