"""An account of each kind whose login is refused, or is to be changed, as its owner mends it."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
import re
from typing import Any, Final, override

from camhub_pi.pattern import Pattern
from playwright.sync_api import Locator, Page, expect
import pytest

from simulators.frigate import FrigateSimulator, Unit
from simulators.frigate.login import User
from simulators.hikvision import HikvisionSimulator
from simulators.mjpeg import burst
from simulators.mjpeg.models import streamer
from simulators.rtsp.access import Access

from .background import Background
from .conftest import Demo
from .leaks import PASSWORDS
from .person import Person
from .test_dialogs import fill, submit

OLD, NEW = PASSWORDS
USER: Final = "camhub"
DONE = re.compile(r"Signed in again\.|[Ss]uccessful")


class Device(ABC):
    """Something with a login."""

    kind: str
    camera: str
    title = ""
    entry_id = ""

    @abstractmethod
    async def start(self) -> None:
        """Begin to answer."""

    @abstractmethod
    async def stop(self) -> None:
        """Answer no more."""

    @abstractmethod
    def change_password(self) -> None:
        """Take the new password only."""

    @property
    @abstractmethod
    def pages(self) -> tuple[Mapping[str, Any], ...]:
        """Return the answers that add it."""

    def fill(self, dialog: Locator) -> None:
        """Go through the dialog to where it asks for the password, give the new one, and go on to the end."""
        fill(dialog, "Password", NEW)
        submit(dialog)

    def keep(self, dialog: Locator) -> None:
        """Go through the dialog and leave everything as it is."""
        submit(dialog)


class Recorder(Device):
    kind = "hikvision"
    camera = "Garden gate"

    def __init__(self) -> None:
        self.device = HikvisionSimulator(model="camera")

    @override
    async def start(self) -> None:
        await self.device.start()

    @override
    async def stop(self) -> None:
        await self.device.stop()

    @override
    def change_password(self) -> None:
        self.device.login.password = NEW

    @property
    @override
    def pages(self) -> tuple[Mapping[str, Any], ...]:
        return ({"address": self.device.url, "username": USER, "password": OLD, "verify_tls": True},)


class Server(Device):
    kind = "frigate"
    camera = "Boiler room"

    def __init__(self) -> None:
        self.device = FrigateSimulator(cameras=[Unit(name="boiler", friendly_name=self.camera)], birdseye=False)

    @override
    async def start(self) -> None:
        await self.device.start()

    @override
    async def stop(self) -> None:
        await self.device.stop()

    @override
    def change_password(self) -> None:
        self.device.login.users[USER] = User(password=NEW)
        self.device.login.forget_tokens()

    @property
    @override
    def pages(self) -> tuple[Mapping[str, Any], ...]:
        return (
            {"address": self.device.url, "verify_tls": True, "live": "auto"},
            {"username": USER, "password": OLD},
        )

    @override
    def fill(self, dialog: Locator) -> None:
        submit(dialog)
        super().fill(dialog)

    @override
    def keep(self, dialog: Locator) -> None:
        submit(dialog)
        expect(dialog.get_by_text("Sign in to Frigate")).to_be_visible()
        submit(dialog)


class Camera(Device):
    kind = "mjpeg"
    camera = "Side path"

    def __init__(self) -> None:
        pattern = Pattern(320, 240, self.camera)
        pictures = [pattern.jpeg(number / 10) for number in range(20)]
        self.device = streamer(burst(pictures), pictures[0], access=Access(USER, OLD))

    @override
    async def start(self) -> None:
        await self.device.start()

    @override
    async def stop(self) -> None:
        await self.device.stop()

    @override
    def change_password(self) -> None:
        self.device.access.password = NEW

    @property
    @override
    def pages(self) -> tuple[Mapping[str, Any], ...]:
        address = self.device.address("/stream")
        return ({"address": address, "username": USER, "password": OLD, "verify_tls": True}, {"name": self.camera})

    @override
    def fill(self, dialog: Locator) -> None:
        super().fill(dialog)
        self._confirm(dialog)

    @override
    def keep(self, dialog: Locator) -> None:
        super().keep(dialog)
        self._confirm(dialog)

    @staticmethod
    def _confirm(dialog: Locator) -> None:
        expect(dialog.get_by_text("This is what answers")).to_be_visible()
        submit(dialog)


@pytest.fixture(scope="session")
def admin(demo: Demo, background: Background) -> Person:
    return background.run(Person.sign_in(demo.home, demo.user, demo.password))


@pytest.fixture(params=[Recorder, Server, Camera])
def device(request: pytest.FixtureRequest, background: Background, admin: Person) -> Iterator[Device]:
    """Add a device to Home Assistant for as long as the test lasts."""
    made: Device = request.param()
    background.run(made.start())
    try:
        background.run(add(admin, made))
        yield made
        background.run(ask(admin, f"/api/config/config_entries/entry/{made.entry_id}", "DELETE"))
    finally:
        background.run(made.stop())


async def ask(admin: Person, path: str, method: str = "POST", **body: Any) -> Any:
    answer = await admin.ask(path, method, **body)
    assert answer.status == 200, answer.text
    return answer.json


async def add(admin: Person, device: Device) -> None:
    flows = "/api/config/config_entries/flow"
    flow = await ask(admin, flows, json={"handler": "camhub"})
    for page in ({"next_step_id": device.kind}, *device.pages):
        flow = await ask(admin, f"{flows}/{flow['flow_id']}", json=page)
    assert flow["type"] == "create_entry", flow
    device.entry_id, device.title = flow["result"]["entry_id"], flow["title"]


async def verify(admin: Person, device: Device) -> Any:
    """Try the login, as the action does."""
    path = "/api/services/camhub/verify_credentials?return_response"
    told = await ask(admin, path, json={"config_entry_id": device.entry_id})
    return told["service_response"]


def test_a_refused_login_is_mended_from_its_repair(
    page: Page, demo: Demo, background: Background, admin: Person, device: Device
) -> None:
    assert background.run(verify(admin, device))["valid"] is True
    device.change_password()
    told = background.run(verify(admin, device))
    assert (told["valid"], told["status"]) == (False, "refused")
    demo.visit(page, "/config/repairs")
    page.get_by_text(f"{device.title} refuses its login").click()
    dialog = page.locator("dialog-data-entry-flow")
    expect(dialog.get_by_text(re.compile("user name or password is wrong"))).to_be_visible()
    submit(dialog)
    # The sign-in comes next without another click.
    device.fill(dialog)
    expect(dialog.get_by_text(DONE)).to_be_visible()
    page.keyboard.press("Escape")
    demo.visit(page, "/config/repairs")
    expect(page.locator("ha-config-repairs-dashboard")).to_be_visible()
    expect(page.get_by_text(f"{device.title} refuses its login")).to_have_count(0)
    told = background.run(verify(admin, device))
    assert (told["valid"], told["status"]) == (True, "ok")


def test_an_account_is_changed_from_its_menu(
    page: Page, demo: Demo, background: Background, admin: Person, device: Device
) -> None:
    demo.visit(page, f"/config/integrations/integration/camhub#config_entry={device.entry_id}")
    row = page.locator("ha-config-entry-row", has_text=device.camera)
    row.locator("ha-dropdown").first.click()
    row.locator("ha-dropdown-item", has_text="Reconfigure").click()
    dialog = page.locator("dialog-data-entry-flow")
    address = dialog.get_by_role("textbox", name=re.compile(r"^Address\*?$"))
    expect(address).to_have_value(re.compile(r"^http://127\.0\.0\.1:\d+"))
    device.keep(dialog)
    expect(dialog.get_by_text(re.compile("The new settings are in use|[Ss]uccessful"))).to_be_visible()
    assert background.run(verify(admin, device))["valid"] is True
