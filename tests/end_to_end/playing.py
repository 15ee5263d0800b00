"""Home Assistant's own dialog of a camera, and what plays in it."""

from playwright.sync_api import Page

from .conftest import Demo

# A video has its size and has come some way.
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
SHOW = """entityId => document.querySelector('home-assistant').dispatchEvent(
  new CustomEvent('hass-more-info', {detail: {entityId}, bubbles: true, composed: true}))"""


def play(page: Page, demo: Demo, entity: str) -> None:
    """Open the dialog of a camera and return once its live video plays."""
    demo.visit(page, "/profile")
    page.locator("ha-sidebar").wait_for()
    page.evaluate(SHOW, entity)
    page.wait_for_function(PLAYING, timeout=90_000)
