"""A first-time user from the first dialog to the last: add, watch, look back, set, mend, remove."""

from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect
import pytest

from demo import tour, walk
from demo.guide import Guide
from demo.pictures import Pictures
from demo.world import RECORDER_PASSWORD

from .conftest import Demo


@pytest.fixture
def guide(page: Page, demo: Demo) -> Guide:
    return demo.guide(page)


def test_a_camera_is_added_and_its_picture_is_taken_for_the_documentation(
    page: Page, demo: Demo, guide: Guide, tmp_path: Path
) -> None:
    tour.remove(guide, "Garden Pi")
    walk.add_camera(demo.guide(page, Pictures(page, tmp_path, ["mjpeg-sign-in"]).take))
    (picture,) = tmp_path.iterdir()
    assert picture.name == "mjpeg-sign-in.png"
    assert picture.stat().st_size < 200_000
    with Image.open(picture) as taken:
        assert (taken.mode, taken.size) == ("P", (1280, 900))
    tour.added(guide, "Garden Pi")


def test_a_recorder_is_removed_and_added_with_a_wrong_password_first(guide: Guide) -> None:
    tour.change_password(guide, RECORDER_PASSWORD)
    tour.remove(guide, "Cellar recorder")
    walk.add_recorder(guide)
    tour.added(guide, "Cellar recorder")


def test_a_server_is_removed_and_added_with_a_wrong_password_first(guide: Guide) -> None:
    tour.remove(guide, "Nursery")
    walk.add_server(guide)
    tour.added(guide, "Nursery")


def test_an_account_of_older_cameras_is_removed_and_added_with_half_a_login_first(guide: Guide) -> None:
    tour.remove(guide, "Nest Cottage")
    walk.add_legacy(guide)
    tour.added(guide, "Nest Cottage")


def test_a_project_is_removed_and_added_on_googles_own_page(guide: Guide) -> None:
    tour.remove(guide, "Example House")
    walk.add_google(guide)
    tour.added(guide, "Example House")


def test_an_account_is_removed_and_added_by_a_code(guide: Guide, demo: Demo) -> None:
    tour.remove(guide, demo.ring_user)
    walk.add_ring(guide)
    tour.added(guide, demo.ring_user)


def test_cameras_are_watched_and_looked_back_at(guide: Guide) -> None:
    tour.watch(guide)
    tour.look_back(guide)


def test_settings_are_kept(guide: Guide) -> None:
    tour.keep_settings(guide)


def test_a_login_is_mended_from_its_repair(guide: Guide) -> None:
    tour.mend(guide)
    guide.visit("/config/repairs")
    expect(guide.page.locator("ha-config-repairs-dashboard")).to_be_visible()
    expect(guide.page.get_by_text("Cellar recorder")).to_have_count(0)


def test_a_telephone_shows_everything_within_its_width(guide: Guide) -> None:
    tour.narrow(guide)
