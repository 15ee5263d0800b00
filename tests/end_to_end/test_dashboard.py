"""What a newcomer sees first."""

from io import BytesIO

from PIL import Image, ImageChops
from playwright.sync_api import Locator, Page
import pytest

from .conftest import Demo

# Half a second is five frames of the slowest picture here.
BETWEEN = 700
LOOKS = 30


def pixels(card: Locator) -> Image.Image:
    """Return what a card shows now, without its footer."""
    shown = Image.open(BytesIO(card.screenshot())).convert("RGB")
    return shown.crop((0, 0, shown.width, shown.height * 2 // 3))


def moves(page: Page, card: Locator) -> bool:
    """Return whether a card's picture changes, seen a few times over some seconds: a stream takes a while to begin."""
    before = pixels(card)
    for _ in range(LOOKS):
        page.wait_for_timeout(BETWEEN)
        now = pixels(card)
        changed = ImageChops.difference(before, now).getbbox() is not None
        if changed and len(now.resize((32, 18)).getcolors(1024) or ()) > 3:
            return True
        before = now
    return False


def test_the_demo_is_ready_within_a_minute(demo: Demo) -> None:
    assert demo.seconds < 60


@pytest.mark.parametrize("name", ["Garden Pi", "Workshop", "Nursery", "Front step"])
def test_cameras_of_every_provider_move(page: Page, demo: Demo, name: str) -> None:
    demo.visit(page, "/camhub-demo/cameras")
    card = page.locator("hui-picture-entity-card", has_text=name)
    card.wait_for()
    card.scroll_into_view_if_needed()
    assert moves(page, card)


def test_an_event_arrives(page: Page, demo: Demo) -> None:
    demo.visit(page, "/camhub-demo/shed")
    row = page.locator("hui-simple-entity-row, hui-toggle-entity-row", has_text="Motion").first
    # It lasts for seconds only, which a page that is not there yet would miss.
    row.wait_for()
    demo.raise_event(channel=3, kind="VMD")
    row.get_by_text("Detected").first.wait_for(timeout=40_000)
