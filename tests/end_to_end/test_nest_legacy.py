"""A login that Google has ended, as its owner meets it."""

import re

from playwright.sync_api import Locator, Page, expect

from .conftest import Demo
from .test_dialogs import fill, open_dialog, submit

DONE = re.compile(r"Signed in again\.|The new settings are in use\.|[Ss]uccessful")


def folded(text: str) -> str:
    """Return a text as a note or a terminal gives it back."""
    return "\n".join(text[start : start + 76] for start in range(0, len(text), 76))


def choose_google(dialog: Locator) -> None:
    expect(dialog.get_by_text("How do you sign in to Nest?")).to_be_visible()
    submit(dialog)
    expect(dialog.get_by_text("Copy the login from your browser")).to_be_visible()
    expect(dialog.get_by_text(re.compile("Do not log out"))).to_be_visible()


def test_a_capture_from_chromium_is_refused_in_words(page: Page, demo: Demo) -> None:
    shown = demo.google_in_the_browser()
    dialog = open_dialog(page, demo, "Nest Legacy (wired Nest cameras of the Nest app)")
    choose_google(dialog)
    fill(dialog, "Request URL", f"{shown['issue_token']}&fedcm_enabled=true")
    fill(dialog, "Cookie header", shown["cookies"])
    submit(dialog)
    expect(dialog.get_by_text(re.compile("such a login dies within hours"))).to_be_visible()


def test_a_login_that_google_has_ended_is_mended(page: Page, demo: Demo) -> None:
    demo.log_out_of_google()
    demo.visit(page, "/camhub-demo/cameras")
    card = page.locator("hui-picture-entity-card", has_text="Front step")
    card.scroll_into_view_if_needed()
    # The last picture stays.
    expect(card.locator("img")).to_have_js_property("complete", value=True)
    demo.visit(page, "/config/integrations/integration/camhub")
    page.get_by_role("button", name="Reconfigure").first.click(timeout=90_000)
    dialog = page.locator("dialog-data-entry-flow")
    choose_google(dialog)
    # What is there does not do any more, and that is said.
    submit(dialog)
    expect(dialog.get_by_text(re.compile("Google has ended this login"))).to_be_visible()
    shown = demo.sign_in_to_google()
    fill(dialog, "Request URL", folded(shown["issue_token"]))
    fill(dialog, "Cookie header", f"Cookie: {folded(shown['cookies'])}\n")
    submit(dialog)
    expect(dialog.get_by_text(DONE)).to_be_visible()
    demo.visit(page, "/config/integrations/integration/camhub")
    expect(page.get_by_text("Nest Cottage").first).to_be_visible()
    expect(page.get_by_role("button", name="Reconfigure")).to_have_count(0)
    demo.visit(page, "/camhub-demo/cameras")
    picture = page.locator("hui-picture-entity-card", has_text="Front step").locator("img")
    picture.scroll_into_view_if_needed()
    expect(picture).not_to_have_js_property("naturalWidth", 0)


def test_an_account_is_changed_from_its_menu(page: Page, demo: Demo) -> None:
    demo.guide(page).choose("Nest Cottage", "Reconfigure")
    dialog = page.locator("dialog-data-entry-flow")
    choose_google(dialog)
    # Empty fields stand for what is stored; a picture proves it.
    submit(dialog)
    expect(dialog.get_by_text(DONE)).to_be_visible()
