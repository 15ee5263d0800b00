"""The pictures of the documentation, taken on the way of a first-time user: `script/demo --record`."""

from collections.abc import Collection
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Page, TimeoutError as PlaywrightTimeoutError

from . import tour, walk
from .browser import chromium, sign_in
from .guide import Guide, Stage
from .process import ROOT

IMAGES: Final = ROOT / "docs" / "images"
COLOURS: Final = 256
# Whatever picture can be seen has come, or never will.
COME: Final = """() => {
  const left = [];
  const look = each => {
    const box = each.getBoundingClientRect();
    const seen = box.width && box.bottom > 0 && box.top < innerHeight;
    if (seen && each.tagName === 'IMG' && !each.complete && !each.naturalWidth) left.push(each);
    if (seen && each.tagName === 'VIDEO' && !each.currentTime) left.push(each);
    for (const child of [...(each.shadowRoot?.children ?? []), ...each.children]) look(child);
  };
  look(document.documentElement);
  return !left.length;
}"""
SETTLES: Final = 1500
"""Milliseconds in which a chart is drawn and a ripple ends."""


class Pictures:
    """Takes pictures of a page into a folder."""

    def __init__(self, page: Page, folder: Path, only: Collection[str] = ()) -> None:
        """Take those with these names, or all."""
        self._page = page
        self._folder = folder
        self._only = only

    def take(self, name: str) -> None:
        """Take one, if it is wanted, with few colours: the files stay small."""
        if self._only and name not in self._only:
            return
        with suppress(PlaywrightTimeoutError):
            self._page.wait_for_function(COME, timeout=30_000)
        self._page.wait_for_timeout(SETTLES)
        shown = Image.open(BytesIO(self._page.screenshot(animations="disabled"))).convert("RGB")
        self._folder.mkdir(parents=True, exist_ok=True)
        shown.quantize(COLOURS, dither=Image.Dither.NONE).save(self._folder / f"{name}.png", optimize=True)
        print(f"  {name}.png", flush=True)


def record(stage: Stage, google: str, login: tuple[str, str], *, using: bool, only: Collection[str] = ()) -> None:
    """Walk through a demo: add an account of each kind, or, `using` them, see what they are good for."""
    with chromium(google) as browser:
        context = sign_in(browser, stage.home, *login, {"width": tour.WIDE[0], "height": tour.WIDE[1]})
        page = context.new_page()
        guide = Guide(page=page, stage=stage, show=Pictures(page, IMAGES, only).take)
        for step in USING if using else ADDING:
            step(guide)
        context.close()


ADDING: Final = (
    walk.add_camera,
    walk.add_recorder,
    walk.add_server,
    walk.add_legacy,
    walk.add_google,
    walk.add_ring,
)
USING: Final = (tour.watch, tour.look_back, tour.keep_settings, tour.narrow, tour.mend)
