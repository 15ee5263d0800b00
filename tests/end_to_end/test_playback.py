"""A browser plays each live format from our own addresses: the picture moves, and time goes on."""

from typing import Any, Final

from playwright.sync_api import Page
import pytest

from .background import Background
from .conftest import Demo
from .house import House

CAMERA: Final = "orchard"
SIGN: Final = "path => document.querySelector('home-assistant').hass.callWS({type: 'auth/sign_path', path})"
# `watch` looks at an element four times a second until what it shows has changed `wanted` times.
TOOLS: Final = """() => {
  window.video = () => {
    const video = document.createElement('video');
    video.muted = video.autoplay = video.playsInline = true;
    document.body.append(video);
    return video;
  };
  window.watch = (element, wanted) => new Promise((resolve, reject) => {
    const canvas = document.createElement('canvas');
    canvas.width = 64; canvas.height = 36;
    const context = canvas.getContext('2d', {willReadFrequently: true});
    const seen = [];
    const end = Date.now() + 80000;
    const look = setInterval(() => {
      const ready = element instanceof HTMLVideoElement ? element.readyState >= 2 : element.naturalWidth;
      if (ready) {
        context.drawImage(element, 0, 0, 64, 36);
        const picture = context.getImageData(0, 0, 64, 36).data.join();
        if (picture !== seen.at(-1)) seen.push(picture);
      }
      if (seen.length > wanted) {
        clearInterval(look);
        resolve({width: element.videoWidth ?? element.naturalWidth, time: element.currentTime ?? null});
      } else if (Date.now() > end) {
        clearInterval(look);
        reject(new Error(`${seen.length} pictures, ${element.error?.message ?? 'no error'}, ${element.currentTime}`));
      }
    }, 250);
  });
}"""
PLAY_HLS: Final = """path => {
  const video = window.video();
  if (!video.canPlayType('application/vnd.apple.mpegurl')) throw new Error('this browser plays no HLS by itself');
  video.src = path;
  return window.watch(video, 5);
}"""
PLAY_MJPEG: Final = """path => {
  const image = new Image();
  document.body.append(image);
  image.src = path;
  return window.watch(image, 5).finally(() => { image.src = ''; });
}"""
PLAY_WEBRTC: Final = """async ([path, token]) => {
  const headers = {Authorization: `Bearer ${token}`, 'Content-Type': 'application/json'};
  const ask = async (url, method, body) => (await fetch(url, {headers, method, body: JSON.stringify(body)})).json();
  const {iceServers, offer} = await ask(path, 'GET');
  const peer = new RTCPeerConnection();
  const video = window.video();
  peer.ontrack = event => { video.srcObject = event.streams[0] ?? new MediaStream([event.track]); };
  peer.addTransceiver('audio', {direction: 'recvonly'});
  peer.addTransceiver('video', {direction: 'recvonly'});
  await peer.setLocalDescription(await peer.createOffer());
  const answer = await ask(offer, 'POST', {sdp: peer.localDescription.sdp});
  await peer.setRemoteDescription(answer.sessionDescription);
  const seen = await window.watch(video, 5);
  await fetch(answer.session, {headers, method: 'DELETE'});
  peer.close();
  return {...seen, asked: Array.isArray(iceServers)};
}"""


@pytest.fixture
def screen(page: Page, demo: Demo) -> Page:
    """Open a page of Home Assistant that shows nothing live of its own."""
    demo.visit(page, "/profile")
    page.locator("ha-sidebar").wait_for()
    page.evaluate(TOOLS)
    return page


def signed(screen: Page, path: str) -> str:
    answer: dict[str, str] = screen.evaluate(SIGN, path)
    return answer["path"]


def test_hls_plays_from_its_first_file_on(screen: Page, house: House) -> None:
    # One that nobody has watched yet.
    seen: dict[str, Any] = screen.evaluate(PLAY_HLS, signed(screen, house.path("stable", "hls")))
    assert seen["width"] == 640
    assert seen["time"] > 1


def test_mjpeg_plays(screen: Page, house: House) -> None:
    seen: dict[str, Any] = screen.evaluate(PLAY_MJPEG, signed(screen, house.path(CAMERA, "mjpeg")))
    assert seen["width"] == 640


def test_webrtc_plays(screen: Page, house: House, background: Background) -> None:
    token = screen.evaluate("JSON.parse(localStorage.hassTokens).access_token")
    seen: dict[str, Any] = screen.evaluate(PLAY_WEBRTC, [house.path(CAMERA, "webrtc"), token])
    assert seen["width"] == 640
    assert seen["time"] > 1
    assert seen["asked"]
    background.run(house.frigate.restream.senders.idle())
