"""The dialogs, as a first-time user goes through them."""

import re

from playwright.sync_api import Locator, Page, expect

from demo import tour
from demo.guide import Dialog

from .conftest import Demo

CHANGED = "a-new-password-2"


def open_dialog(page: Page, demo: Demo, kind: str) -> Locator:
    return demo.guide(page).begin(kind).root


def fill(dialog: Locator, label: str, value: str) -> None:
    Dialog(dialog).field(label).fill(value)


def submit(dialog: Locator) -> None:
    Dialog(dialog).submit()


def test_a_camera_is_added_by_its_host_alone_and_by_keys_alone(page: Page, demo: Demo) -> None:
    guide = demo.guide(page)
    host = demo.pi.removeprefix("http://").partition("/")[0].replace("127.0.0.1", "localhost")
    dialog = tour.ask_by_keyboard(guide, host)
    dialog.says(r"MJPEG at http://localhost:\d+/\S+, 640x480, \d+(\.\d+)? frames a second")
    picture = dialog.root.locator("ha-markdown img")
    expect(picture).to_be_visible()
    expect(picture).to_have_js_property("naturalWidth", 640)
    tour.name_by_keyboard(guide, "Second Pi")
    tour.added(guide, "Second Pi")


def test_a_changed_password_is_mended(page: Page, demo: Demo) -> None:
    demo.change_recorder_password(CHANGED)
    demo.visit(page, "/config/integrations/integration/camhub")
    page.get_by_role("button", name="Reconfigure").first.click(timeout=60_000)
    dialog = page.locator("dialog-data-entry-flow")
    fill(dialog, "Password", CHANGED)
    submit(dialog)
    expect(dialog.get_by_text("Signed in again.").or_(dialog.get_by_text(re.compile("successful")))).to_be_visible()
    demo.visit(page, "/camhub-demo/cameras")
    card = page.locator("hui-picture-entity-card", has_text="Workshop")
    card.wait_for()
    demo.visit(page, "/config/integrations/integration/camhub")
    expect(page.get_by_text("Cellar recorder").first).to_be_visible()
    expect(page.get_by_role("button", name="Reconfigure")).to_have_count(0)
