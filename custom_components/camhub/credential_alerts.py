"""Tells at once that a login is refused: an event on the bus and, if wished, a message; then is silent for a while."""

import asyncio
from collections.abc import Mapping
import math
from typing import Any, Final

from homeassistant.components.notify import (
    ATTR_MESSAGE,
    ATTR_TITLE,
    DOMAIN as NOTIFY_DOMAIN,
    SERVICE_NOTIFY,
    SERVICE_PERSISTENT_NOTIFICATION,
    SERVICE_SEND_MESSAGE,
)
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.storage import Store
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util.hass_dict import HassKey

from .const import CONF_PROVIDER, DEFAULT_SILENCE, DOMAIN, LOGGER, OPTION_NOTIFY, OPTION_SILENCE
from .kernel.clock import Clock
from .upgrade import async_load_or_leave

EVENT_REFUSED: Final = f"{DOMAIN}_credential_refused"
# Seconds until it is written down that a refusal was told of: one restart must not tell it twice.
SAVE_AFTER: Final = 1
_ENTITIES_OWN: Final = frozenset({SERVICE_NOTIFY, SERVICE_PERSISTENT_NOTIFICATION, SERVICE_SEND_MESSAGE})


class Refusals:
    """When each account's refusal was last told of, by entry; it outlasts a restart."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Start with none."""
        self._store: Store[dict[str, float]] = Store(hass, 1, f"{DOMAIN}.refusals")
        self._told: dict[str, float] = {}

    async def async_load(self) -> None:
        """Take up what was told before Home Assistant was started."""
        self._told = await async_load_or_leave(self._store) or {}

    def is_told(self, entry_id: str, now: float, silence: float) -> bool:
        """Return whether one was told of less than `silence` seconds ago; a time to come is a clock put right since."""
        return 0 <= now - self._told.get(entry_id, -math.inf) < silence

    def tell(self, entry_id: str, now: float) -> None:
        """Take note that one is told of now."""
        self._told[entry_id] = now
        self._save()

    def forget(self, entry_id: str) -> None:
        """Take note that the next one is to be told of at once."""
        if self._told.pop(entry_id, None) is not None:
            self._save()

    def _save(self) -> None:
        self._store.async_delay_save(self._told.copy, SAVE_AFTER)


REFUSALS: Final[HassKey[Refusals]] = HassKey(f"{DOMAIN}_refusals")


async def async_load_refusals(hass: HomeAssistant) -> None:
    """Remember what was told before, for all accounts."""
    refusals = Refusals(hass)
    await refusals.async_load()
    hass.data[REFUSALS] = refusals


@callback
def async_alert(hass: HomeAssistant, entry: ConfigEntry[Any], clock: Clock, reason: str, sentence: str) -> None:
    """Tell that an account's login is refused, unless that was told of a while ago."""
    silence = 60 * float(entry.options.get(OPTION_SILENCE, DEFAULT_SILENCE))
    refusals, now = hass.data[REFUSALS], clock.now().timestamp()
    if refusals.is_told(entry.entry_id, now, silence):
        return
    refusals.tell(entry.entry_id, now)
    facts = {"entry_id": entry.entry_id, "account": entry.title, "provider": entry.data[CONF_PROVIDER]}
    hass.bus.async_fire(EVENT_REFUSED, {**facts, "reason": reason, "message": sentence})
    if target := entry.options.get(OPTION_NOTIFY):
        hass.async_create_task(
            _async_notify(hass, str(target), {"account": entry.title, "reason": sentence}), f"{DOMAIN} alert"
        )


@callback
def async_forget_alert(hass: HomeAssistant, entry_id: str) -> None:
    """Begin anew after a sign-in, or leave nothing behind: the next refusal is told of at once."""
    hass.data[REFUSALS].forget(entry_id)


def notify_targets(hass: HomeAssistant) -> set[str]:
    """Return what can be told: notify entities and the notify actions of those that have none."""
    entities = hass.states.async_entity_ids(NOTIFY_DOMAIN)
    actions = hass.services.async_services_for_domain(NOTIFY_DOMAIN)
    return {*entities, *(f"{NOTIFY_DOMAIN}.{name}" for name in actions if name not in _ENTITIES_OWN)}


async def _async_notify(hass: HomeAssistant, target: str, words: Mapping[str, str]) -> None:
    """Send the repair's own words."""
    texts = await async_get_translations(hass, hass.config.language, "issues", [DOMAIN])
    place = f"component.{DOMAIN}.issues.credential_refused"
    message = {
        ATTR_TITLE: texts[f"{place}.title"].format(**words),
        ATTR_MESSAGE: texts[f"{place}.fix_flow.step.confirm.description"].format(**words),
    }
    name = target.partition(".")[2]
    if hass.states.get(target) is not None or er.async_get(hass).async_get(target) is not None:
        name, message[ATTR_ENTITY_ID] = SERVICE_SEND_MESSAGE, target
    # A notifier may raise anything, and must not take the account down with it.
    sending = hass.services.async_call(NOTIFY_DOMAIN, name, message, blocking=True)
    (outcome,) = await asyncio.gather(sending, return_exceptions=True)
    if isinstance(outcome, BaseException):
        LOGGER.warning("Could not send the message about a refused login with %s", target)
