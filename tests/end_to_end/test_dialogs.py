"""The dialogs, as a first-time user goes through them."""

import re

from playwright.sync_api import Locator, Page, expect

from .conftest import Demo

CHANGED = "a-new-password-2"


def open_dialog(page: Page, demo: Demo, kind: str) -> Locator:
    """Open CamHub's dialog from the list of integrations and choose a kind of camera."""
    demo.visit(page, "/config/integrations/dashboard/add?domain=camhub")
    page.get_by_role("button", name="OK").click()
    dialog = page.locator("dialog-data-entry-flow")
    dialog.get_by_text(kind).click()
    return dialog


def fill(dialog: Locator, label: str, value: str) -> None:
    """Fill a field by what stands beside it."""
    field = dialog.get_by_role("textbox", name=re.compile(rf"^{re.escape(label)}\*?$"))
    field.fill(value)


def submit(dialog: Locator) -> None:
    dialog.get_by_role("button", name="Submit").click()


def test_a_camera_is_added_by_its_host_alone(page: Page, demo: Demo) -> None:
    dialog = open_dialog(page, demo, "Raspberry Pi, MJPEG or RTSP camera")
    host = demo.pi.removeprefix("http://").partition("/")[0].replace("127.0.0.1", "localhost")
    fill(dialog, "Address", host)
    submit(dialog)
    expect(dialog.get_by_text("This is what answers")).to_be_visible(timeout=40_000)
    expect(
        dialog.get_by_text(re.compile(r"MJPEG at http://localhost:\d+/\S+, 640x480, \d+(\.\d+)? frames a second"))
    ).to_be_visible()
    picture = dialog.locator("ha-markdown img")
    expect(picture).to_be_visible()
    expect(picture).to_have_js_property("naturalWidth", 640)
    fill(dialog, "Name", "Second Pi")
    submit(dialog)
    expect(dialog.get_by_role("button", name=re.compile("finish", re.IGNORECASE))).to_be_visible()
    demo.visit(page, "/config/integrations/integration/camhub")
    expect(page.get_by_text("Second Pi").first).to_be_visible()


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
