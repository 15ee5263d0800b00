"""Servers that people run, by what they answer (reference: protocols, Raspberry Pi MJPEG servers)."""

import json

from ..rtsp.access import Access, Scheme
from .answers import Answer, Frames, Style, page, picture, redirect, stream
from .server import MjpegServer


def _json(value: object, status: int = 200) -> Answer:
    return page(json.dumps(value), "application/json", status, sized=False)


def pi_camera(frames: Frames, *, camera: str = "connected") -> MjpegServer:
    """Return the Raspberry Pi script: a stream, a health page, `/` leads to the stream, no single pictures."""
    headers = {"Age": "0", "Cache-Control": "no-cache, private", "Pragma": "no-cache"}
    return MjpegServer(
        {
            "/": redirect("/stream.mjpg"),
            "/stream.mjpg": stream(frames, Style(headers=headers)),
            "/health": _json({"status": "ok", "camera": camera, "timestamp": 1_800_000_000.5}),
        }
    )


def streamer_state(*, online: bool = True, fps: int = 24) -> Answer:
    """Return the state page of a uStreamer."""
    source = {
        "resolution": {"width": 640, "height": 480},
        "online": online,
        "desired_fps": 30,
        "captured_fps": fps if online else 0,
    }
    result = {"instance_id": "", "source": source, "stream": {"queued_fps": 0, "clients": 0, "clients_stat": {}}}
    return _json({"ok": True, "result": result})


def streamer(frames: Frames, jpeg: bytes, *, online: bool = True, access: Access | None = None) -> MjpegServer:
    """Return a uStreamer: its placeholder picture is told by a header and by the state page only."""
    style = Style(
        boundary="boundarydonotcross",
        content_type="multipart/x-mixed-replace;boundary={}",
        headers={"Set-Cookie": "stream_client=0/1f2e3d4c; path=/; max-age=30"},
        part_headers={"X-Timestamp": "1800000000.000000"},
    )
    single = picture(jpeg, {"X-UStreamer-Online": "true" if online else "false", "X-Timestamp": "1800000000.0"})
    return MjpegServer(
        {
            "/": page("<html>uStreamer</html>", "text/html"),
            "/stream": stream(frames, style),
            "/snapshot": single,
            "/?action=stream": stream(frames, style),
            "/?action=snapshot": single,
            "/state": streamer_state(online=online),
        },
        access=access,
    )


def action_streamer(frames: Frames, jpeg: bytes) -> MjpegServer:
    """Return an mjpg-streamer: everything by query string."""
    style = Style(boundary="boundarydonotcross", content_type="multipart/x-mixed-replace;boundary={}")
    return MjpegServer({"/?action=stream": stream(frames, style), "/?action=snapshot": picture(jpeg)})


def small_board(frames: Frames) -> MjpegServer:
    """Return an ESP32 camera: boundary and a blank line first, no other paths on the stream's port."""
    style = Style(boundary="123456789000000000000987654321", content_type="multipart/x-mixed-replace;boundary={}")
    return MjpegServer({"/stream": stream(frames, style)})


def cgi_camera(
    frames: Frames, jpeg: bytes, user: str, password: str, schemes: tuple[Scheme, ...] = ("digest",)
) -> MjpegServer:
    """Return an Axis-like camera: long paths behind a login, the boundary named with its dashes."""
    style = Style(boundary="myboundary", named="--myboundary")
    return MjpegServer(
        {
            "/axis-cgi/mjpg/video.cgi": stream(frames, style),
            "/axis-cgi/jpg/image.cgi": picture(jpeg),
        },
        access=Access(user, password, schemes),
    )


def login_page() -> MjpegServer:
    """Return a web interface that answers 200 and HTML to whatever is asked where streams use to be."""
    html = page("<html><form>Sign in</form></html>", "text/html")
    return MjpegServer(dict.fromkeys(("/", "/stream.mjpg", "/stream", "/mjpeg", "/snapshot", "/video"), html))
