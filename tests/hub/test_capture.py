"""What takes pictures out of live sessions: chosen per account, tried, found missing, given back."""

import asyncio
from collections.abc import Callable, Sequence
import platform
from types import SimpleNamespace
from typing import Any, override

from homeassistant.components.web_rtc import async_register_ice_servers
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
from homeassistant.requirements import RequirementsNotFound
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from webrtc_models import RTCIceServer

from custom_components.camhub import on_demand
from custom_components.camhub.capture import chromium
from custom_components.camhub.capture.session import Terms
from custom_components.camhub.capture_pages import masked
from custom_components.camhub.const import DOMAIN
from custom_components.camhub.diagnostics import async_get_config_entry_diagnostics
from custom_components.camhub.engines import PLAYWRIGHT, CaptureChoice, CaptureMode
from custom_components.camhub.kernel.errors import HubError, Throttled, Unreachable, Unsupported
from custom_components.camhub.kernel.provider import WebRtc
from custom_components.camhub.runtime import SHARED

from .conftest import AddAccount
from .fake_provider import FakeProvider, FakeSpec
from .pictures import jpeg

REMOTE = "ws://me:word@192.0.2.50:9222/devtools?token=word"


class Engine:
    """Stands where a real engine is: tests/capture has those."""

    def __init__(self, places: Sequence[str], terms: Terms) -> None:
        self.places = places
        self.terms = terms
        self.grabbed: list[tuple[WebRtc, float]] = []
        self.error: HubError | None = None
        self.closed = 0

    async def grab_live(self, live: WebRtc, timeout: float) -> bytes:
        self.grabbed.append((live, timeout))
        if self.error is not None:
            raise self.error
        return jpeg(7)

    async def close(self) -> None:
        self.closed += 1


class Machine:
    """What is installed, and what was made of it."""

    def __init__(self) -> None:
        self.modules = {"aiortc_engine", "browser_engine"}
        self.installable = True
        self.installed: list[str] = []
        self.chromium: str | None = "/usr/bin/chromium"
        self.libc = "glibc"
        self.made: list[Engine] = []
        self.prepare: Callable[[Engine], None] = lambda _: None

    def load(self, name: str) -> Any:
        if name.rpartition(".")[2] not in self.modules:
            raise ImportError(name)
        return SimpleNamespace(AiortcEngine=lambda terms: self.make((), terms), BrowserEngine=self.make)

    def make(self, places: Sequence[str], terms: Terms) -> Engine:
        engine = Engine(places, terms)
        self.prepare(engine)
        self.made.append(engine)
        return engine

    async def install(self, hass: HomeAssistant, name: str, wanted: list[str], is_built_in: bool = True) -> None:
        assert (name, is_built_in) == (DOMAIN, False)
        self.installed += wanted
        if not self.installable:
            raise RequirementsNotFound(name, wanted)
        self.modules.add("browser_engine")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(on_demand, "import_module", machine.load)
    monkeypatch.setattr(on_demand, "async_process_requirements", machine.install)
    monkeypatch.setattr(chromium, "find", lambda _: machine.chromium)
    monkeypatch.setattr(platform, "libc_ver", lambda: (machine.libc, ""))
    return machine


def live_only(provider: FakeProvider) -> None:
    provider.listed = [provider.camera("door", webrtc=provider.webrtc), provider.camera("yard")]


def ours(issues: ir.IssueRegistry) -> set[str | None]:
    return {issue.translation_key for (domain, _), issue in issues.issues.items() if domain == DOMAIN}


@pytest.fixture
async def entry(machine: Machine, fake: FakeSpec, add_account: AddAccount) -> MockConfigEntry:
    fake.prepare = live_only
    return await add_account()


async def test_a_picture_is_taken_in_process_and_counted(
    hub: HomeAssistant, machine: Machine, fake: FakeSpec, entry: MockConfigEntry
) -> None:
    context = fake.provider.context
    assert await context.grabber.grab_live(fake.provider.webrtc, 20) == jpeg(7)
    await context.grabber.grab_live(fake.provider.webrtc, 20)
    (engine,) = machine.made
    assert engine.grabbed == [(fake.provider.webrtc, 20)] * 2
    assert entry.runtime_data.counters.get("capture") == 2
    hub.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hub.async_block_till_done()
    assert engine.closed == 1


async def test_the_servers_are_those_of_home_assistants_own_viewers(
    hub: HomeAssistant, machine: Machine, fake: FakeSpec, entry: MockConfigEntry
) -> None:
    async_register_ice_servers(hub, lambda: [RTCIceServer("turn:192.0.2.1", "me", "word")])
    await fake.provider.context.grabber.grab_live(fake.provider.webrtc, 20)
    *_, turn = machine.made[0].terms.ice_servers()
    assert (turn.urls, turn.username, turn.credential) == (("turn:192.0.2.1",), "me", "word")
    assert "word" not in repr(turn)


@pytest.mark.parametrize(
    ("choice", "modules", "places"),
    [
        (CaptureChoice(), {"aiortc_engine"}, ()),
        (CaptureChoice(mode=CaptureMode.IN_PROCESS), {"aiortc_engine", "browser_engine"}, ()),
        (CaptureChoice(), {"browser_engine"}, ("",)),
        (CaptureChoice(mode=CaptureMode.BROWSER), {"aiortc_engine", "browser_engine"}, ("",)),
        (CaptureChoice(mode=CaptureMode.BROWSER, browsers=(REMOTE, "/opt/c")), {"browser_engine"}, (REMOTE, "/opt/c")),
        (CaptureChoice(mode=CaptureMode.BROWSER), set(), ("",)),
    ],
)
async def test_what_is_chosen_is_made_once(
    hub: HomeAssistant, machine: Machine, choice: CaptureChoice, modules: set[str], places: tuple[str, ...]
) -> None:
    machine.modules = set(modules)
    picked = await hub.data[SHARED].engines.async_pick(choice)
    assert isinstance(picked, Engine)
    assert picked.places == places
    assert await hub.data[SHARED].engines.async_pick(choice) is picked
    assert machine.installed == ([] if modules else [PLAYWRIGHT])
    assert "word" not in repr(choice)


@pytest.mark.parametrize(
    ("mode", "state", "reason"),
    [
        ("never", {}, "capture_off"),
        ("in_process", {"modules": {"browser_engine"}}, "capture_no_aiortc"),
        ("browser", {"chromium": None}, "capture_no_chromium"),
        ("browser", {"modules": set(), "installable": False}, "capture_no_playwright"),
        ("browser", {"modules": set(), "libc": ""}, "capture_browser_on_musl"),
        ("auto", {"modules": set(), "libc": ""}, "capture_no_aiortc"),
    ],
)
async def test_what_is_missing_is_named(
    hub: HomeAssistant, machine: Machine, mode: str, state: dict[str, Any], reason: str
) -> None:
    for name, value in state.items():
        setattr(machine, name, value)
    with pytest.raises(Unsupported) as missing:
        await hub.data[SHARED].engines.async_pick(CaptureChoice(mode=CaptureMode(mode)))
    assert missing.value.reason == reason


async def test_a_picture_in_process_does_not_wait_for_playwright(
    hub: HomeAssistant, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.modules = {"aiortc_engine"}
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def slowly(*args: Any, **options: Any) -> None:
        begun.set()
        await may_end.wait()
        await machine.install(*args, **options)

    monkeypatch.setattr(on_demand, "async_process_requirements", slowly)
    engines = hub.data[SHARED].engines
    installing = asyncio.create_task(engines.async_pick(CaptureChoice(mode=CaptureMode.BROWSER)))
    await begun.wait()
    assert isinstance(await engines.async_pick(CaptureChoice(mode=CaptureMode.IN_PROCESS)), Engine)
    may_end.set()
    assert await installing is await engines.async_pick(CaptureChoice(mode=CaptureMode.BROWSER))


async def test_playwright_that_cannot_be_imported_after_all(
    hub: HomeAssistant, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.modules = set()

    async def nothing(*_: Any, **__: Any) -> None:
        return

    monkeypatch.setattr(on_demand, "async_process_requirements", nothing)
    with pytest.raises(Unsupported) as missing:
        await hub.data[SHARED].engines.async_pick(CaptureChoice(mode=CaptureMode.BROWSER))
    assert missing.value.reason == "capture_no_playwright"


async def test_a_missing_part_is_a_repair_before_the_first_picture(
    hub: HomeAssistant, machine: Machine, fake: FakeSpec, add_account: AddAccount, issue_registry: ir.IssueRegistry
) -> None:
    machine.modules = set()
    machine.libc = ""
    fake.prepare = live_only
    entry = await add_account()
    await hub.async_block_till_done(wait_background_tasks=True)
    assert ours(issue_registry) == {"capture_no_aiortc"}
    # It was installed meanwhile.
    machine.modules = {"aiortc_engine"}
    await fake.provider.context.grabber.grab_live(fake.provider.webrtc, 20)
    await entry.runtime_data.async_refresh()
    assert ours(issue_registry) == set()


async def test_a_browser_that_does_not_answer_becomes_a_repair(
    hub: HomeAssistant, machine: Machine, fake: FakeSpec, entry: MockConfigEntry, issue_registry: ir.IssueRegistry
) -> None:
    grabber = fake.provider.context.grabber
    await grabber.grab_live(fake.provider.webrtc, 20)
    for reason, said in (("capture_no_remote", {"capture_no_remote"}), ("timeout", {"capture_no_remote"})):
        machine.made[0].error = Unreachable(reason=reason)
        with pytest.raises(Unreachable):
            await grabber.grab_live(fake.provider.webrtc, 20)
        entry.runtime_data.async_check()
        assert ours(issue_registry) == said


async def test_accounts_without_such_cameras_need_no_part(
    hub: HomeAssistant, machine: Machine, fake: FakeSpec, add_account: AddAccount, issue_registry: ir.IssueRegistry
) -> None:
    machine.modules = set()
    entry = await add_account()
    await hub.async_block_till_done(wait_background_tasks=True)
    assert ours(issue_registry) == set()
    menu = await hub.config_entries.options.async_init(entry.entry_id)
    assert "capture" not in menu["menu_options"]


async def begin(hub: HomeAssistant, entry: MockConfigEntry) -> str:
    """Open the page and return the dialog's id."""
    menu = await hub.config_entries.options.async_init(entry.entry_id)
    assert "capture" in menu["menu_options"]
    form = await hub.config_entries.options.async_configure(menu["flow_id"], {"next_step_id": "capture"})
    assert form["step_id"] == "capture"
    return str(form["flow_id"])


async def choose(hub: HomeAssistant, flow_id: str, **typed: str) -> Any:
    """Enter a choice and return what is shown once it was tried."""
    shown = await hub.config_entries.options.async_configure(flow_id, typed)
    while shown["type"] in {FlowResultType.SHOW_PROGRESS, FlowResultType.SHOW_PROGRESS_DONE}:
        await hub.async_block_till_done()
        shown = await hub.config_entries.options.async_configure(flow_id)
    return shown


async def test_a_choice_is_tried_shown_and_stored_sealed(
    hub: HomeAssistant, machine: Machine, fake: FakeSpec, entry: MockConfigEntry
) -> None:
    flow_id = await begin(hub, entry)
    shown = await choose(hub, flow_id, capture="browser", capture_browsers=f"{REMOTE}\n\n /opt/chromium \n")
    assert shown["step_id"] == "capture_store"
    assert float(shown["description_placeholders"]["seconds"]) >= 0
    engine = machine.made[-1]
    assert engine.grabbed == [(fake.provider.webrtc, 25.0)]
    await hub.config_entries.options.async_configure(flow_id, {})
    await hub.async_block_till_done()
    assert entry.options["capture"] == "browser"
    assert "word" not in str(entry.options)
    assert "capture_browsers" not in (await async_get_config_entry_diagnostics(hub, entry))["options"]
    await fake.provider.context.grabber.grab_live(fake.provider.webrtc, 20)
    assert machine.made[-1] is engine
    assert engine.places == (REMOTE, "/opt/chromium")


async def test_a_stored_address_is_shown_without_its_key_and_stays(
    hub: HomeAssistant, machine: Machine, fake: FakeSpec, entry: MockConfigEntry
) -> None:
    flow_id = await begin(hub, entry)
    await choose(hub, flow_id, capture="browser", capture_browsers=REMOTE)
    await hub.config_entries.options.async_configure(flow_id, {})
    await hub.async_block_till_done()
    await hub.data[SHARED].store.async_rotate_key()
    menu = await hub.config_entries.options.async_init(entry.entry_id)
    form = await hub.config_entries.options.async_configure(menu["flow_id"], {"next_step_id": "capture"})
    assert form["data_schema"] is not None
    suggested = {str(key): key.description["suggested_value"] for key in form["data_schema"].schema}
    assert suggested == {"capture": "browser", "capture_browsers": masked(REMOTE)}
    assert "word" not in masked(REMOTE)
    await choose(hub, form["flow_id"], **suggested)
    await hub.config_entries.options.async_configure(form["flow_id"], {})
    await hub.async_block_till_done()
    await fake.provider.context.grabber.grab_live(fake.provider.webrtc, 20)
    assert machine.made[-1].places == (REMOTE,)


async def test_addresses_that_no_key_opens_count_as_none(
    hub: HomeAssistant, machine: Machine, fake: FakeSpec, add_account: AddAccount
) -> None:
    fake.prepare = live_only
    await add_account(options={"capture": "browser", "capture_browsers": "rubbish"})
    await fake.provider.context.grabber.grab_live(fake.provider.webrtc, 20)
    assert machine.made[-1].places == ("",)


async def test_a_trial_that_fails_says_why_and_keeps_what_was_typed(
    hub: HomeAssistant, machine: Machine, entry: MockConfigEntry
) -> None:
    machine.chromium = None
    flow_id = await begin(hub, entry)
    shown = await choose(hub, flow_id, capture="browser")
    assert shown["step_id"] == "capture"
    assert shown["errors"] == {"base": "capture_failed"}
    assert "Chromium" in shown["description_placeholders"]["reason"]
    machine.chromium = "/usr/bin/chromium"
    assert (await choose(hub, flow_id, capture="browser"))["step_id"] == "capture_store"


@pytest.mark.parametrize("wait", [0.01, 3600.0, None])
async def test_a_trial_waits_for_its_place_among_the_calls_of_a_minute(
    hub: HomeAssistant, machine: Machine, entry: MockConfigEntry, wait: float | None
) -> None:
    class Counted(Engine):
        @override
        async def grab_live(self, live: WebRtc, timeout: float) -> bytes:
            taken = await super().grab_live(live, timeout)
            if len(self.grabbed) == 1:
                raise Throttled(retry_after=wait)
            return taken

    hub.data[SHARED].engines._in_browsers["",] = engine = Counted(("",), Terms())
    shown = await choose(hub, await begin(hub, entry), capture="browser")
    waits = wait is not None and wait < 60
    assert shown["step_id"] == ("capture_store" if waits else "capture")
    assert len(engine.grabbed) == (2 if waits else 1)


async def test_a_trial_ends_with_its_dialog(
    hub: HomeAssistant, machine: Machine, fake: FakeSpec, entry: MockConfigEntry
) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    class Slow(Engine):
        @override
        async def grab_live(self, live: WebRtc, timeout: float) -> bytes:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            return b""

    hub.data[SHARED].engines._in_browsers["",] = Slow(("",), Terms())
    flow_id = await begin(hub, entry)
    shown = await hub.config_entries.options.async_configure(flow_id, {"capture": "browser"})
    assert shown["type"] is FlowResultType.SHOW_PROGRESS
    await begun.wait()
    hub.config_entries.options.async_abort(flow_id)
    await ended.wait()


async def test_never_is_stored_without_a_trial(
    hub: HomeAssistant, machine: Machine, fake: FakeSpec, entry: MockConfigEntry
) -> None:
    flow_id = await begin(hub, entry)
    done = await hub.config_entries.options.async_configure(flow_id, {"capture": "never"})
    assert done["type"] is FlowResultType.CREATE_ENTRY
    await hub.async_block_till_done(wait_background_tasks=True)
    assert machine.made[1:] == []
    with pytest.raises(Unsupported):
        await fake.provider.context.grabber.grab_live(fake.provider.webrtc, 20)
    assert entry.runtime_data.capture.problem is None


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("/usr/bin/chromium", "/usr/bin/chromium"),
        ("ws://192.0.2.50:9222/", "ws://192.0.2.50:9222/"),
        ("wss://browser.example.com/?token=word", "wss://browser.example.com/?***"),
        ("http://me:word@192.0.2.50/", "http://192.0.2.50/?***"),
    ],
)
def test_what_is_shown_of_an_address(place: str, shown: str) -> None:
    assert masked(place) == shown
