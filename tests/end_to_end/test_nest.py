"""A Google Device Access project: signing in on Google's own page, live view and pictures of a battery camera."""

from collections.abc import Iterator
import re
import subprocess

from playwright.sync_api import Browser, BrowserContext, Page, expect
import pytest

from .conftest import QUIET, ROOT, Demo
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


@pytest.fixture
def visitor(browser: Browser, demo: Demo) -> Iterator[BrowserContext]:
    """Log in with a browser for which Google's page is the played one."""
    found = subprocess.run(
        [str(ROOT / ".venv" / "bin" / "python"), str(ROOT / "script" / "chromium")],
        capture_output=True,
        text=True,
        check=True,
    )
    rules = f"--host-resolver-rules=MAP nestservices.google.com:443 {demo.google}"
    another = browser.browser_type.launch(executable_path=found.stdout.strip(), args=[*QUIET, rules])
    context = another.new_context(viewport={"width": 1280, "height": 900}, ignore_https_errors=True)
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(demo.home)
    page.locator("input[name=username]").fill(demo.user)
    page.locator("input[name=password]").fill(demo.password)
    page.locator("input[name=password]").press("Enter")
    page.wait_for_url(re.compile("auth_callback"), timeout=60_000)
    page.locator("ha-sidebar").wait_for(timeout=60_000)
    page.close()
    yield context
    another.close()


def test_live_view_in_home_assistants_own_dialog(page: Page, demo: Demo) -> None:
    play(page, demo, "camera.garden_shed")


def test_signing_in_on_googles_own_page(visitor: BrowserContext, demo: Demo) -> None:
    page = visitor.new_page()
    demo.visit(page, "/config/integrations/integration/camhub")
    entry = page.locator("ha-config-entry-row", has_text="Example House")
    entry.get_by_role("button", name=re.compile("menu", re.IGNORECASE)).first.click()
    page.get_by_text("Reconfigure", exact=True).locator("visible=true").first.click()
    dialog = page.locator("dialog-data-entry-flow")
    expect(dialog.get_by_text("/auth/external/callback")).to_be_visible()
    with visitor.expect_page() as opened:
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
    chosen = page.evaluate(SETTINGS, ["Example House", [{"next_step_id": "capture"}, {"capture": "browser"}]])
    assert (chosen["step_id"], chosen.get("errors")) == ("capture_store", None), chosen
    assert float(chosen["description_placeholders"]["seconds"]) > 0
    # It was tried with a camera of the account, so this is what it took; nothing is stored.
    page.evaluate(DROP, chosen["flow_id"])
