"""What a user does with the cameras that are there: watch, look back, set, mend, remove."""

from dataclasses import replace
import json
import re
from typing import Final
import urllib.request

from playwright.sync_api import Locator, Page, expect

from .guide import Dialog, Guide
from .world import DASHBOARD

NEW: Final = "another-password-3"
WIDE: Final = (1280, 800)
NARROW: Final = (390, 844)
# Deepest element that has the focus: its own words, or those of the field that it belongs to.
FOCUSED: Final = """() => {
  let at = document.activeElement, words = [];
  while (at) {
    words.push(at.innerText, at.label, at.title, at.getAttribute?.('aria-label'), at.getRootNode().host?.label);
    at = at.shadowRoot?.activeElement;
  }
  return words.filter(word => typeof word === 'string').join('\\n');
}"""
TOO_WIDE: Final = "() => document.scrollingElement.scrollWidth > window.innerWidth"
# All pictures within a part of the page are there.
LOADED: Final = """root => {
  const pictures = [];
  const look = each => {
    if (each.tagName === 'IMG') pictures.push(each);
    for (const child of [...(each.shadowRoot?.children ?? []), ...each.children]) look(child);
  };
  look(root);
  return pictures.length > 0 && pictures.every(each => each.complete && each.naturalWidth > 0);
}"""
VERIFY: Final = """async title => {
  const {hass} = document.querySelector('home-assistant');
  const entries = await hass.callApi('GET', 'config/config_entries/entry');
  const config_entry_id = entries.find(each => each.title.startsWith(title)).entry_id;
  await hass.callWS({type: 'call_service', domain: 'camhub', service: 'verify_credentials',
    service_data: {config_entry_id}, return_response: true});
}"""


# Which of the accounts of that title has a camera of that name, in the order of the media browser.
WHICH: Final = """async ([title, camera]) => {
  const {hass} = document.querySelector('home-assistant');
  const browse = media_content_id => hass.callWS({type: 'media_source/browse_media', media_content_id});
  const accounts = (await browse('media-source://camhub')).children.filter(each => each.title === title);
  const shown = await Promise.all(accounts.map(each => browse(each.media_content_id)));
  return shown.findIndex(each => each.children.some(child => child.title === camera));
}"""


def card(page: Page, name: str) -> Locator:
    """Return a camera's card on the dashboard."""
    return page.locator("hui-picture-entity-card", has_text=name).first


def until_loaded(part: Locator) -> None:
    """Wait until every picture of a part of the page is there."""
    part.wait_for()
    part.page.wait_for_function(LOADED, arg=part.element_handle())


def watch(guide: Guide, name: str = "Garden Pi") -> None:
    """Look at all cameras, then touch one: it opens live."""
    guide.visit(f"/{DASHBOARD}/cameras")
    until_loaded(card(guide.page, name))
    until_loaded(card(guide.page, "Front step"))
    guide.show("dashboard")
    card(guide.page, name).locator(".image-container").click()
    dialog = guide.page.locator("ha-more-info-dialog")
    until_loaded(dialog.locator("more-info-camera"))
    guide.show("live")


def look_back(guide: Guide) -> None:
    """See what was seen, on the dashboard and in the media browser."""
    guide.visit(f"/{DASHBOARD}/events")
    expect(guide.page.locator("hui-logbook-card")).to_contain_text(re.compile("Motion|Person"))
    expect(guide.page.locator("hui-history-graph-card canvas").first).to_be_visible()
    guide.show("timeline")
    guide.visit("/media-browser")
    shown = guide.page.locator("ha-media-player-browse")
    shown.get_by_text("CamHub", exact=True).locator("visible=true").first.click()
    which: int = guide.page.evaluate(WHICH, ["Frigate", "Driveway"])
    shown.get_by_text("Frigate", exact=True).locator("visible=true").nth(which).click()
    for title in ("Driveway", "Car"):
        shown.get_by_text(title, exact=True).locator("visible=true").first.click()
    clips = guide.page.locator("ha-media-player-browse .thumbnail")
    clips.first.wait_for()
    guide.show("media")


def keep_settings(guide: Guide, title: str = "Garden Pi") -> None:
    """Open the settings of an account, and one of its pages."""
    guide.entry(title).get_by_role("button", name=re.compile("configure|settings", re.IGNORECASE)).first.click()
    dialog = guide.dialog
    dialog.root.get_by_text("Pictures and waiting").wait_for()
    guide.show("options")
    dialog.root.get_by_text("Pictures and waiting").click()
    dialog.submit()
    dialog.says("saved|successful")
    guide.page.keyboard.press("Escape")


def mend(guide: Guide, title: str = "Cellar recorder", password: str = NEW) -> None:
    """Sign in again from a repair, after somebody has changed the recorder's password."""
    change_password(guide, password)
    guide.visit("/config/repairs")
    guide.page.locator("ha-sidebar").wait_for()
    guide.page.evaluate(VERIFY, title)
    guide.page.get_by_text(re.compile(f"{re.escape(title)}.* refuses its login")).click()
    dialog = guide.dialog
    dialog.says("user name or password is wrong")
    guide.show("repair")
    dialog.submit()
    dialog.fill(Password=password)
    dialog.submit()
    dialog.says(r"Signed in again\.|[Ss]uccessful")


def change_password(guide: Guide, password: str) -> None:
    """Change the password on the played recorder, as its owner would."""
    request = urllib.request.Request(  # noqa: S310
        f"{guide.stage.recorder}/_simulator/password",
        json.dumps({"password": password}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10):  # noqa: S310
        pass


def remove(guide: Guide, title: str) -> None:
    """Remove an account, on a page of its own: a dialog that ends goes back in the history of its page."""
    page = guide.page.context.new_page()
    apart = replace(guide, page=page)
    apart.choose(title, "Delete")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator("ha-config-entry-row", has_text=title)).to_have_count(0)
    page.close()


def ask_by_keyboard(guide: Guide, address: str) -> Dialog:
    """Ask for a camera by Tab, letters and Enter only; returns the dialog, which shows what answers."""
    # The menu before it is Home Assistant's own, to whose lines (2026.10) the Tab key does not come.
    dialog = guide.begin("Raspberry Pi, MJPEG or RTSP camera")
    dialog.field("Address").wait_for()
    type_into(guide.page, "Address", address)
    guide.page.keyboard.press("Enter")
    dialog.says("This is what answers")
    return dialog


def name_by_keyboard(guide: Guide, name: str) -> None:
    """Name the camera that answers and end the dialog, by keys only."""
    type_into(guide.page, "Name", name)
    press(guide.page, "Submit")
    button = guide.dialog.added()
    press(guide.page, "inish")
    expect(button).to_be_hidden()


def added(guide: Guide, title: str) -> None:
    """Wait until an account is in the list."""
    expect(guide.entry(title)).to_be_visible()


def press(page: Page, words: str) -> None:
    """Go to a control by the Tab key and press Enter."""
    go_to(page, words)
    page.keyboard.press("Enter")


def type_into(page: Page, label: str, text: str) -> None:
    """Go to a field by the Tab key and put a text in place of what is there."""
    go_to(page, label)
    page.keyboard.press("Control+A")
    page.keyboard.type(text)


def go_to(page: Page, words: str, most: int = 40) -> None:
    """Press Tab until the control with these words has the focus; raises AssertionError if it never does."""
    for _ in range(most):
        if words in page.evaluate(FOCUSED):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the Tab key never comes to {words!r}")


def narrow(guide: Guide) -> None:
    """See the dashboard and a dialog on a telephone; nothing is wider than it."""
    page = guide.page
    page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    guide.visit(f"/{DASHBOARD}/cameras")
    until_loaded(card(page, "Garden Pi"))
    until_loaded(card(page, "Front step"))
    guide.show("narrow")
    assert not page.evaluate(TOO_WIDE)  # noqa: S101
    dialog = guide.begin("HikVision camera or recorder")
    dialog.field("Address").wait_for()
    assert not page.evaluate(TOO_WIDE)  # noqa: S101
    shape = dialog.field("Address").bounding_box()
    assert shape is not None  # noqa: S101
    assert shape["x"] + shape["width"] <= NARROW[0]  # noqa: S101
    page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
