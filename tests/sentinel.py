"""Watches every test for a secret that got out: into a log, an exception, a state, an event, a repair, a bug report.

A secret is what holds `MARK`, what was ever wrapped in a `Secret`, and every key of a vault. A test fails in the end if
one of them was seen, in plain or as an address, JSON or base64 would spell it.
"""

import base64
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
import json
import logging
import re
from typing import TYPE_CHECKING, Any, Final, override
from urllib.parse import quote, quote_plus

import pytest

from custom_components.camhub.kernel.errors import HubError
from custom_components.camhub.kernel.secret import Secret
from custom_components.camhub.kernel.vault import Vault

if TYPE_CHECKING:
    from homeassistant.core import Event, HomeAssistant

# To be part of a test's passwords and tokens, so that they are recognised without being wrapped.
MARK: Final = "5entinel-secret"
# Shorter ones, and plain words, are found everywhere.
_SHORTEST: Final = 8
_PLAIN: Final = re.compile(r"[a-z ]*|[A-Z ]*")
_LONGEST_TEXT: Final = 100_000


class Sentinel(logging.Handler):
    """Learns secrets and keeps what was said, to be compared in the end."""

    def __init__(self) -> None:
        super().__init__()
        self.secrets: set[str] = {MARK}
        self.said: dict[str, str] = {}

    def learn(self, *secrets: str) -> None:
        """Remember strings that must not be seen."""
        self.secrets.update(each for each in secrets if len(each) >= _SHORTEST and not _PLAIN.fullmatch(each))

    def hear(self, where: str, text: str) -> None:
        """Remember what somebody outside can read."""
        self.said.setdefault(text[:_LONGEST_TEXT], where)

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if record.name == "homeassistant.core" and "call_service" in repr(record.args):
            # What somebody hands to an action goes over the bus, and into core's own log at DEBUG: by his will.
            return
        formatter = logging.Formatter()
        self.hear(f"log of {record.name}", f"{formatter.format(record)} {record.args!r}")

    def found(self) -> list[str]:
        """Return where secrets were seen, and in what; the text itself is named, for whoever has to find the place."""
        spelt = {spelling: secret for secret in self.secrets for spelling in spellings(secret)}
        any_of = re.compile("|".join(re.escape(each) for each in sorted(spelt, key=len, reverse=True)))
        return [
            f"{where}: {spelt[seen[0]]!r} in {text[:500]!r}"
            for text, where in self.said.items()
            if (seen := any_of.search(text))
        ]


def spellings(secret: str) -> set[str]:
    """Return a secret as it may look in an address, in JSON and in a header."""
    return {
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        repr(secret)[1:-1],
        base64.b64encode(secret.encode("utf-8", "surrogatepass")).decode().rstrip("="),
    }


@contextmanager
def watching() -> Iterator[Sentinel]:
    """Learn and listen as long as this lasts; fails in the end if a secret got out."""
    guard = Sentinel()
    root = logging.getLogger()
    level = root.level
    # Home Assistant's harness writes to the terminal, and need not write more than without us.
    others = {each: each.level for each in root.handlers if type(each) is logging.StreamHandler}
    with pytest.MonkeyPatch.context() as patch:
        _spy(patch, Secret, lambda value, *_: guard.learn(value))
        _spy(patch, Vault, lambda *keys: guard.learn(*(key.hex() for key in keys)))
        _spy(patch, HubError, lambda *args, **words: guard.hear("exception", f"{args!r} {words!r}"))
        root.addHandler(guard)
        root.setLevel(logging.DEBUG)
        for handler, own in others.items():
            handler.setLevel(max(own, level))
        try:
            yield guard
        finally:
            root.removeHandler(guard)
            root.setLevel(level)
            for handler, own in others.items():
                handler.setLevel(own)
    if found := guard.found():
        pytest.fail("a secret got out:\n" + "\n".join(found), pytrace=False)


def _spy(patch: pytest.MonkeyPatch, of: type[Any], tell: Callable[..., object]) -> None:
    """Have `tell` called with what each new object of a class is made of."""
    make = of.__init__

    def init(self: object, *args: Any, **kwargs: Any) -> None:
        tell(*args, **kwargs)
        make(self, *args, **kwargs)

    patch.setattr(of, "__init__", init)


@pytest.fixture(autouse=True)
def sentinel() -> Iterator[Sentinel]:
    """Watch the test."""
    with watching() as guard:
        yield guard


@pytest.fixture(autouse=True)
async def watched_home(hass: HomeAssistant, sentinel: Sentinel) -> AsyncIterator[None]:
    """Watch Home Assistant's states, events, repairs and errors, and what it would put into a bug report."""
    from homeassistant.const import EVENT_CALL_SERVICE, MATCH_ALL
    from homeassistant.core import callback
    from homeassistant.exceptions import HomeAssistantError
    from homeassistant.helpers import issue_registry as ir

    @callback
    def hear(event: Event[Any]) -> None:
        if event.event_type == EVENT_CALL_SERVICE:
            return
        sentinel.hear(f"event {event.event_type}", repr(event.data))
        if event.event_type == ir.EVENT_REPAIRS_ISSUE_REGISTRY_UPDATED:
            issue = ir.async_get(hass).async_get_issue(event.data["domain"], event.data["issue_id"])
            sentinel.hear("repair", repr(issue))

    with pytest.MonkeyPatch.context() as patch:
        _spy(patch, HomeAssistantError, lambda *args, **words: sentinel.hear("exception", f"{args!r} {words!r}"))
        forget = hass.bus.async_listen(MATCH_ALL, hear)
        yield
        forget()
    for entry in hass.config_entries.async_entries("camhub", include_ignore=False):
        from custom_components.camhub.diagnostics import async_get_config_entry_diagnostics

        sentinel.hear("diagnostics", repr(await async_get_config_entry_diagnostics(hass, entry)))
