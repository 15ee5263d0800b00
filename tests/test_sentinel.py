"""The sentinel bites: each test in the file below lets a secret out in its own way, and all but the last fail."""

import logging
from pathlib import Path
import re
import subprocess
import sys

import pytest

from custom_components.camhub.kernel.errors import Unreachable
from custom_components.camhub.kernel.secret import Secret
from custom_components.camhub.kernel.vault import Vault

from .sentinel import MARK, Sentinel, watching

ROOT = Path(__file__).parents[1]
LEAKS = """
import asyncio, logging
import pytest
from homeassistant.config_entries import ConfigEntry
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from pytest_homeassistant_custom_component.common import MockConfigEntry
from custom_components.camhub.kernel.secret import Secret

SECRET = "hunter2-hunter2"

@pytest.fixture(autouse=True)
def known(watched_home):
    Secret(SECRET)

async def test_debug_log(hass):
    logging.getLogger("some.library").debug("asking with %s", SECRET)

async def test_state(hass):
    hass.states.async_set("sensor.a", "on", {"url": f"rtsp://user:{SECRET}@192.0.2.9/"})

async def test_state_that_is_gone_again(hass):
    hass.states.async_set("sensor.a", SECRET)
    hass.states.async_remove("sensor.a")
    await hass.async_block_till_done()

async def test_event(hass):
    hass.bus.async_fire("camhub_something", {"token": SECRET})

async def test_repair(hass):
    ir.async_create_issue(hass, "camhub", "a", is_fixable=False, severity=ir.IssueSeverity.ERROR, translation_key="a",
                          translation_placeholders={"url": SECRET})
    await hass.async_block_till_done()

async def test_exception(hass):
    with pytest.raises(HomeAssistantError):
        raise HomeAssistantError(f"refused {SECRET}")

async def test_placeholder(hass):
    with pytest.raises(HomeAssistantError):
        raise HomeAssistantError(translation_key="a", translation_placeholders={"a": SECRET})

async def test_diagnostics(hass):
    MockConfigEntry(domain="camhub", options={"provider": {"pin": SECRET}}).add_to_hass(hass)

async def test_nothing(hass):
    hass.states.async_set("sensor.a", "on", {"secret": Secret(SECRET)})
    await hass.async_block_till_done()
"""


@pytest.fixture(autouse=True)
def sentinel() -> None:
    """Take the place of the sentinel that watches every other test: here secrets are let out on purpose."""


def test_it_fails_every_test_that_lets_a_secret_out(tmp_path: Path) -> None:
    file = tmp_path / "test_leaks.py"
    file.write_text(LEAKS)
    (tmp_path / "conftest.py").write_text("from tests.sentinel import sentinel, watched_home\n")
    plugins = ("-p", "no:cacheprovider", "-p", "no:xdist")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-c", str(ROOT / "pyproject.toml"), *plugins, str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    failed = set(re.findall(r"^(?:ERROR|FAILED) .*::(\w+)", done.stdout, re.MULTILINE))
    assert failed == set(re.findall(r"def (test_\w+)", LEAKS)) - {"test_nothing"}, done.stdout + done.stderr
    assert "a secret got out" in done.stdout


def seen(guard: Sentinel) -> bool:
    """Return whether it has seen one, and forgive it."""
    found = guard.found()
    guard.said.clear()
    return bool(found)


@pytest.mark.parametrize(
    "text",
    [
        "p%40ss%2Fw%20rd-1",
        "p%40ss/w%20rd-1",
        "p%40ss%2Fw+rd-1",
        "Basic cEBzcy93IHJkLTE=",
        "rtsp://a:p@ss/w rd-1@host",
    ],
)
def test_it_knows_a_secret_in_every_spelling(text: str) -> None:
    with watching() as guard:
        Secret("p@ss/w rd-1")
        logging.getLogger("a").debug("see %s", text)
        assert seen(guard)
        logging.getLogger("a").debug("see %s", Secret("p@ss/w rd-1"))
        assert not seen(guard)


def test_it_knows_the_mark_a_key_and_a_traceback() -> None:
    with watching() as guard:
        key = bytes(range(32))
        for text in (f"a {MARK} b", key.hex()):
            Vault(key)
            logging.getLogger("a").debug(text)
            assert seen(guard)
        logging.getLogger("a").error("failed", exc_info=ValueError(MARK))
        assert seen(guard)
        Unreachable("cannot", placeholders={"token": f"{MARK}x"})
        assert seen(guard)
        # Plain words and short ones are found everywhere.
        Secret("password")
        Secret("a1")
        logging.getLogger("a").info("the password of a1")
        assert not seen(guard)


def test_it_says_where() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"log of a: .*hunter2"), watching():
        logging.getLogger("a").debug("%s", Secret("hunter2-hunter2").reveal())
