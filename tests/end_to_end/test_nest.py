"""A Google Device Access project: signing in on Google's own page, live view and pictures of a battery camera."""

import re
from typing import Any

from playwright.sync_api import Page, expect

from .conftest import Demo
from .playing import play
from .test_dialogs import submit

# Settings of an account, page by page, as the frontend goes through them; returns what the last one answers.
SETTINGS = """async ([title, pages]) => {
  const {hass} = document.querySelector('home-assistant');
  const entries = await hass.callApi('GET', 'config/config_entries/entry');
  const {entry_id} = entries.find(each => each.title === title);
  const flow = 'config/config_entries/options/flow';
  let shown = await hass.callApi('POST', flow, {handler: entry_id});
  for (const page of pages) {
    shown = await hass.callApi('POST', `${flow}/${shown.flow_id}`, page);
    while (shown.type === 'progress') {
      await new Promise(next => setTimeout(next, 250));
      shown = await hass.callApi('GET', `${flow}/${shown.flow_id}`);
    }
    while (shown.type === 'progress_done') shown = await hass.callApi('GET', `${flow}/${shown.flow_id}`);
  }
  return shown;
}"""
DROP = """flow => document.querySelector('home-assistant').hass.callApi(
  'DELETE', `config/config_entries/options/flow/${flow}`)"""


def test_live_view_in_home_assistants_own_dialog(page: Page, demo: Demo) -> None:
    play(page, demo, "camera.garden_garden_shed")


def test_reconfiguring_on_googles_own_page(page: Page, demo: Demo) -> None:
    demo.guide(page).choose("Example House", "Reconfigure")
    dialog = page.locator("dialog-data-entry-flow")
    expect(dialog.get_by_text("/auth/external/callback")).to_be_visible()
    with page.context.expect_page() as opened:
        submit(dialog)
    google = opened.value
    expect(google.get_by_role("heading", name="Choose what to share")).to_be_visible()
    assert google.url.startswith("https://nestservices.google.com/partnerconnections/")
    google.get_by_role("button", name="Allow").click()
    expect(
        dialog.get_by_text("The new settings are in use.").or_(dialog.get_by_text(re.compile("successful")))
    ).to_be_visible()


def test_a_browser_takes_the_picture_of_a_battery_camera(page: Page, demo: Demo) -> None:
    demo.visit(page, "/profile")
    page.locator("ha-sidebar").wait_for()
    # Google counts calls by the minute, and others watched just now: the trial waits for its turn.
    chosen = trial(page)
    assert (chosen["step_id"], chosen.get("errors")) == ("capture_store", None), chosen
    assert float(chosen["description_placeholders"]["seconds"]) > 0
    # It was tried with a camera of the account, so this is what it took; nothing is stored.
    page.evaluate(DROP, chosen["flow_id"])


def trial(page: Page) -> dict[str, Any]:
    """Choose the browser; return the page that says how the trial went."""
    shown: dict[str, Any] = page.evaluate(
        SETTINGS, ["Example House", [{"next_step_id": "capture"}, {"capture": "browser"}]]
    )
    return shown
