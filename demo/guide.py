"""Goes through Home Assistant's dialogs as a first-time user does."""

from collections.abc import Callable
from dataclasses import dataclass
import re
from typing import Final

from playwright.sync_api import Locator, Page, expect

from .browser import visit

FINISH: Final = re.compile("finish", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Where the demo's Home Assistant is, and the played devices and services."""

    home: str
    pi: str
    recorder: str
    server: str
    restream: int
    """Port of the server's RTSP streams."""
    legacy: str


def nothing(name: str) -> None:
    """Take no picture."""


@dataclass(frozen=True, kw_only=True)
class Guide:
    """A page of a browser that is signed in; `show` is called where there is a picture to take, with its name."""

    page: Page
    stage: Stage
    show: Callable[[str], None] = nothing

    @property
    def dialog(self) -> Dialog:
        """Return the dialog of a flow."""
        return Dialog(self.page.locator("dialog-data-entry-flow"))

    def visit(self, path: str) -> None:
        """Go to a page of Home Assistant."""
        visit(self.page, self.stage.home, path)

    def begin(self, kind: str) -> Dialog:
        """Open CamHub's dialog from the list of integrations and choose a kind of camera."""
        self.visit("/config/integrations/dashboard/add?domain=camhub")
        self.page.get_by_role("button", name="OK").click()
        self.dialog.root.get_by_text(kind).click()
        return self.dialog

    def entry(self, title: str) -> Locator:
        """Return an account in CamHub's list."""
        self.visit("/config/integrations/integration/camhub")
        return self.page.locator("ha-config-entry-row", has_text=title).first

    def choose(self, title: str, item: str) -> None:
        """Choose something from an account's menu."""
        self.entry(title).get_by_role("button", name=re.compile("menu", re.IGNORECASE)).first.click()
        self.page.get_by_text(item, exact=True).locator("visible=true").first.click()


@dataclass(frozen=True)
class Dialog:
    """The dialog of a flow."""

    root: Locator

    def field(self, label: str) -> Locator:
        """Return a field by what stands beside it."""
        return self.root.get_by_role("textbox", name=re.compile(rf"^{re.escape(label)}\*?$"))

    def fill(self, **values: str) -> None:
        """Fill fields by their labels, with `_` for a space."""
        for label, value in values.items():
            self.field(label.replace("_", " ")).fill(value)

    def submit(self) -> None:
        """Go on."""
        self.root.get_by_role("button", name="Submit").click()

    def says(self, text: str) -> None:
        """Wait until it says something that matches."""
        expect(self.root.get_by_text(re.compile(text)).first).to_be_visible()

    def added(self) -> Locator:
        """Wait until an account has been added; returns the button that ends the dialog."""
        button = self.root.get_by_role("button", name=FINISH)
        expect(button).to_be_visible()
        return button
