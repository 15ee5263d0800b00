"""A first-time user adds an account of each kind: first with a slip, then rightly."""

import json
from typing import Final
import urllib.request

from playwright.sync_api import expect

from simulators.nest_sdm.server import CLIENT_ID, CLOUD_PROJECT, PROJECT

from .guide import Dialog, Guide
from .world import (
    GOOGLE_SECRET,
    RECORDER_PASSWORD,
    RECORDER_USER,
    RING_CODE,
    RING_PASSWORD,
    RING_USER,
    SERVER_PASSWORD,
    SERVER_USER,
)

WRONG: Final = "not the password"


def finish(guide: Guide, dialog: Dialog, picture: str) -> None:
    """Look at the devices that were found and end the dialog."""
    button = dialog.added()
    guide.show(picture)
    button.click()
    expect(button).to_be_hidden()


def add_camera(guide: Guide, name: str = "Garden Pi") -> None:
    """Add a Raspberry Pi by its stream."""
    dialog = guide.begin("Raspberry Pi, MJPEG or RTSP camera")
    address = f"{guide.stage.pi}/stream.mjpg"
    dialog.fill(Address=address)
    guide.show("mjpeg-sign-in")
    dialog.fill(Address=f"{guide.stage.home}/manifest.json")
    dialog.submit()
    dialog.says("it is no camera stream")
    dialog.fill(Address=address)
    dialog.submit()
    dialog.says("This is what answers")
    dialog.fill(Name=name)
    guide.show("add-camera")
    dialog.submit()
    finish(guide, dialog, "mjpeg-devices")


def add_recorder(guide: Guide, password: str = RECORDER_PASSWORD) -> None:
    """Add a recorder; the first password is wrong."""
    dialog = guide.begin("HikVision camera or recorder")
    dialog.fill(Address=guide.stage.recorder, User=RECORDER_USER, Password=WRONG)
    guide.show("hikvision-sign-in")
    dialog.submit()
    dialog.says("user name or password is wrong")
    dialog.fill(Password=password)
    dialog.submit()
    finish(guide, dialog, "hikvision-devices")


def add_server(guide: Guide) -> None:
    """Add a server: its address first, then its login, which is wrong at first."""
    dialog = guide.begin("Frigate server")
    dialog.fill(Address=guide.stage.server, Address_of_streams=f"rtsp://{{host}}:{guide.stage.restream}/{{name}}")
    guide.show("frigate-sign-in")
    dialog.submit()
    dialog.fill(User=SERVER_USER, Password=WRONG)
    dialog.submit()
    dialog.says("user name or password is wrong")
    dialog.fill(Password=SERVER_PASSWORD)
    dialog.submit()
    finish(guide, dialog, "frigate-devices")


def add_legacy(guide: Guide) -> None:
    """Add what a browser shows of a login; the first one is cut short."""
    with urllib.request.urlopen(f"{guide.stage.legacy}/_simulator/sign_in") as response:  # noqa: S310
        shown: dict[str, str] = json.loads(response.read())
    dialog = guide.begin("Nest Legacy (wired Nest cameras of the Nest app)")
    dialog.says("How do you sign in to Nest?")
    dialog.submit()
    dialog.says("Copy the login from your browser")
    guide.show("nest_legacy-sign-in")
    dialog.fill(Request_URL=shown["issue_token"][:40], Cookie_header=shown["cookies"])
    dialog.submit()
    expect(dialog.root.locator("ha-alert")).to_be_visible()
    dialog.fill(Request_URL=shown["issue_token"], Cookie_header=shown["cookies"])
    dialog.submit()
    finish(guide, dialog, "nest_legacy-devices")


def add_google(guide: Guide) -> None:
    """Add a project; Google's own page opens in between."""
    dialog = guide.begin("Nest (Google Device Access)")
    dialog.fill(
        Device_Access_project_ID=PROJECT,
        Google_Cloud_project_ID=CLOUD_PROJECT,
        OAuth_client_ID=CLIENT_ID,
        OAuth_client_secret=GOOGLE_SECRET,
    )
    guide.show("nest-sign-in")
    with guide.page.context.expect_page() as opened:
        dialog.submit()
    google = opened.value
    expect(google.get_by_role("heading", name="Choose what to share")).to_be_visible()
    google.get_by_role("button", name="Allow").click()
    dialog.says("Events")
    dialog.submit()
    dialog.says("Enter the topic")
    dialog.submit()
    finish(guide, dialog, "nest-devices")


def add_ring(guide: Guide) -> None:
    """Add an account by the code that is sent; the first password is wrong."""
    dialog = guide.begin("Ring account")
    dialog.field("E-mail address").fill(RING_USER)
    dialog.fill(Password=WRONG)
    guide.show("ring-sign-in")
    dialog.submit()
    dialog.says("user name or password is wrong")
    dialog.fill(Password=RING_PASSWORD)
    dialog.submit()
    dialog.says("Ring has sent a code by text message")
    dialog.fill(Code=RING_CODE)
    dialog.submit()
    finish(guide, dialog, "ring-devices")
