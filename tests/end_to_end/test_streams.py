"""One stream address for every camera, as a page of Home Assistant uses it."""

from typing import Any

from playwright.sync_api import Page
import pytest

from .conftest import Demo

FETCH = """async ([path, token]) => {
  const headers = token ? {Authorization: `Bearer ${token}`} : {};
  const response = await fetch(path, {headers, credentials: 'omit'});
  const bytes = new Uint8Array(await response.arrayBuffer());
  return {status: response.status, type: response.headers.get('content-type'),
          again: response.headers.get('retry-after'), size: bytes.length,
          text: new TextDecoder().decode(bytes.slice(0, 20000))};
}"""
# Times that a picture is asked for again.
PATIENCE = 4
SIGN = "path => document.querySelector('home-assistant').hass.callWS({type: 'auth/sign_path', path})"
SHOW = """path => new Promise(resolve => {
  const image = new Image();
  const look = setInterval(() => {
    if (image.naturalWidth) { clearInterval(look); const width = image.naturalWidth; image.src = ''; resolve(width); }
  }, 100);
  image.src = path;
})"""


class Visitor:
    """A user on one of Home Assistant's pages."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._token: str = page.evaluate("JSON.parse(localStorage.hassTokens).access_token")

    def fetch(self, path: str, *, login: bool = True) -> dict[str, Any]:
        """Return status, type, size and the beginning of what a path answers."""
        answer: dict[str, Any] = self._page.evaluate(FETCH, [path, self._token if login else None])
        return answer

    def picture(self, path: str) -> dict[str, Any]:
        """Return what a picture's path answers, asking again when that says: a vendor may want a minute of silence."""
        answer = self.fetch(path)
        for _ in range(PATIENCE):
            if answer["status"] != 503 or answer["again"] is None:
                break
            self._page.wait_for_timeout(1000 * int(answer["again"]))
            answer = self.fetch(path)
        return answer

    def streams(self) -> list[dict[str, Any]]:
        """Return what the user may watch."""
        answer: dict[str, Any] = self._page.evaluate(
            "async token => (await (await fetch('/api/camhub/streams',"
            " {headers: {Authorization: `Bearer ${token}`}})).json())",
            self._token,
        )
        streams: list[dict[str, Any]] = answer["streams"]
        return streams

    def path(self, name: str) -> str:
        """Return the path of the stream of a camera."""
        (key,) = {stream["camera_key"] for stream in self.streams() if stream["name"] == name}
        return f"/api/camhub/streams/{key}"

    def watch(self, path: str) -> int:
        """Show a path as a picture, signed for the user; returns its width."""
        signed: dict[str, str] = self._page.evaluate(SIGN, path)
        width: int = self._page.evaluate(SHOW, signed["path"])
        return width


@pytest.fixture
def visitor(page: Page, demo: Demo) -> Visitor:
    demo.visit(page, "/profile")
    page.locator("ha-sidebar").wait_for()
    return Visitor(page)


@pytest.mark.parametrize("name", ["Garden Pi", "Workshop", "Nursery", "Front step", "Garden shed"])
def test_a_picture_of_every_provider(visitor: Visitor, name: str) -> None:
    answer = visitor.picture(f"{visitor.path(name)}?format=snapshot")
    assert (answer["status"], answer["type"]) == (200, "image/jpeg"), answer["text"][:500]


def test_mjpeg_is_shown_by_a_signed_path(visitor: Visitor) -> None:
    assert visitor.watch(f"{visitor.path('Garden Pi')}/mjpeg") == 640


def test_hls_is_a_playlist_of_our_own_paths(visitor: Visitor, demo: Demo) -> None:
    path = f"{visitor.path('Workshop')}/hls"
    playlist = visitor.fetch(path)
    while ".m4s" not in playlist["text"]:
        assert playlist["status"] == 200
        lines = [line for line in playlist["text"].splitlines() if line and not line.startswith("#")]
        playlist = visitor.fetch(lines[0], login=False)
    lines = [line for line in playlist["text"].splitlines() if line and not line.startswith("#")]
    assert all(line.startswith("/api/camhub/streams/") for line in lines)
    segment = visitor.fetch(lines[0], login=False)
    assert segment["status"] == 200
    assert "moof" in segment["text"]
    assert demo.recorder.removeprefix("http://") not in playlist["text"]


def test_who_is_nobody_and_what_is_not_there(visitor: Visitor) -> None:
    assert visitor.fetch("/api/camhub/streams", login=False)["status"] == 401
    unknown = visitor.fetch("/api/camhub/streams/01AAAAAAAAAAAAAAAAAAAAAAAA~camera/snapshot")
    assert unknown["status"] == 403
    wrong = visitor.fetch(f"{visitor.path('Workshop')}?format=avi")
    assert wrong["status"] == 400
    assert "snapshot" in wrong["text"]
