"""A Google Device Access project: signing in on Google's own page, live view and pictures of a battery camera."""

from collections.abc import Iterator
import re
import subprocess

from playwright.sync_api import Browser, BrowserContext, Page, expect
import pytest

from .conftest import QUIET, ROOT, Demo
from .test_dialogs import submit

# What plays in the dialog: its size, and how far it has come.
PLAYING = """() => {
  const found = [];
  const look = root => {
    for (const each of root.querySelectorAll('*')) {
      if (each.tagName === 'VIDEO') found.push(each);
      if (each.shadowRoot) look(each.shadowRoot);
    }
  };
  look(document);
  return found.some(each => each.videoWidth > 0 && each.currentTime > 1);
}"""


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
    demo.visit(page, "/profile")
    page.locator("ha-sidebar").wait_for()
    page.evaluate(
        """() => document.querySelector('home-assistant').dispatchEvent(new CustomEvent('hass-more-info',
           {detail: {entityId: 'camera.garden_shed'}, bubbles: true, composed: true}))"""
    )
    page.wait_for_function(PLAYING, timeout=60_000)


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
