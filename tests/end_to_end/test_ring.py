"""A Ring account: the code that Ring sends, and live view."""

import re

from playwright.sync_api import Page, expect

from .conftest import Demo
from .playing import play
from .test_dialogs import fill, submit


def test_live_view_in_home_assistants_own_dialog(page: Page, demo: Demo) -> None:
    play(page, demo, "camera.drive")


def test_a_wrong_code_keeps_the_page_and_the_right_one_goes_on(page: Page, demo: Demo) -> None:
    demo.visit(page, "/config/integrations/integration/camhub")
    entry = page.locator("ha-config-entry-row", has_text=demo.ring_user)
    entry.get_by_role("button", name=re.compile("menu", re.IGNORECASE)).first.click()
    page.get_by_text("Reconfigure", exact=True).locator("visible=true").first.click()
    dialog = page.locator("dialog-data-entry-flow")
    fill(dialog, "Password", demo.ring_password)
    submit(dialog)
    expect(dialog.get_by_text(re.compile("Ring has sent a code by text message"))).to_be_visible()
    fill(dialog, "Code", "111111")
    submit(dialog)
    expect(dialog.get_by_text(re.compile("code is wrong", re.IGNORECASE))).to_be_visible()
    expect(dialog.get_by_text(re.compile("Ring has sent a code by text message"))).to_be_visible()
    fill(dialog, "Code", demo.ring_code)
    submit(dialog)
    expect(
        dialog.get_by_text("The new settings are in use.").or_(dialog.get_by_text(re.compile("successful")))
    ).to_be_visible()
