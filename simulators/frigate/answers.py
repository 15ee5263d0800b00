"""What a server answers by path, in the manner of its version."""

import asyncio
import re
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from .login import ADMIN, Visitor
from .site import VERSIONS, Unit

if TYPE_CHECKING:
    from .server import FrigateSimulator

_GO2RTC: Final = "/api/go2rtc/"
_BURST: Final = 10
_NAME_LENGTH: Final = 256


def page(status: int, words: str) -> web.Response:
    """Return a page as the web server in front makes them."""
    head = f"<html>\r\n<head><title>{status} {words}</title></head>\r\n"
    return web.Response(
        status=status,
        text=f"{head}<body>\r\n<center><h1>{status} {words}</h1></center>\r\n</body>\r\n</html>\r\n",
        content_type="text/html",
    )


def said(status: int, message: str) -> web.Response:
    """Return a refusal as the server itself words them."""
    return web.json_response({"success": False, "message": message}, status=status)


class Answers:
    """Finds the answer to a request of somebody who was let in."""

    def __init__(self, server: FrigateSimulator) -> None:
        """Answer for a server."""
        self._server = server
        self._minor = server.minor

    async def login(self, request: web.Request) -> web.Response:
        """Answer `POST /api/login`."""
        door = self._server.login
        if request.method != "POST":
            return page(403, "Forbidden")
        if not door.enabled and self._minor >= 18:
            return web.json_response({"message": "Authentication is disabled"}, status=404)
        if door.throttles():
            return web.json_response({"error": "Rate limit exceeded: 1 per 1 second"}, status=429)
        given = await request.json()
        token = door.sign_in(str(given["user"]), str(given["password"]))
        if token is None:
            return web.json_response({"message": "Login failed"}, status=401 if self._minor >= 15 else 400)
        response = web.Response(body=b"")
        samesite = "lax" if self._minor >= 15 else None
        response.set_cookie(door.cookie, token, httponly=True, path="/", samesite=samesite)
        return response

    async def find(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        """Answer anything else."""
        path = request.path
        if path.startswith(_GO2RTC):
            return await self._go2rtc(request, path.removeprefix(_GO2RTC))
        if found := re.fullmatch(r"/api/export/([^/]+)/start/([\d.]+)/end/([\d.]+)", path):
            return await self._export(request, visitor, found[1], float(found[2]), float(found[3]))
        if request.method != "GET":
            return page(403, "Forbidden")
        fixed = {
            "/api/": lambda: web.Response(text="Frigate is running. Alive and healthy!"),
            "/api/version": lambda: web.Response(text=VERSIONS[self._server.version]),
            "/api/profile": lambda: web.json_response(self._profile(visitor)),
            "/api/config": lambda: web.json_response(self._server.config(visitor)),
            "/api/stats": lambda: web.json_response(self._server.stats()),
            "/api/events": lambda: web.json_response(self._events(request, visitor)),
            "/api/review": lambda: web.json_response(self._reviews(request, visitor)),
        }
        if path in fixed:
            return fixed[path]()
        if found := re.fullmatch(r"/api/events/([^/]+)(?:/(snapshot\.jpg|thumbnail\.jpg|clip\.mp4))?", path):
            return self._event(found[1], found[2], visitor)
        if found := re.fullmatch(r"/(?:api|vod)/([^/]+)(?:/(.+))?", path):
            return await self._camera(request, visitor, found[1], found[2] or "")
        return self._nothing()

    def _nothing(self) -> web.Response:
        """Return what there is for a path that does not exist."""
        if self._minor >= 15:
            return web.json_response({"detail": "Not Found"}, status=404)
        return web.Response(status=404, text="<!doctype html><title>404 Not Found</title>", content_type="text/html")

    def _profile(self, visitor: Visitor) -> dict[str, Any]:
        told: dict[str, Any] = {"username": visitor.name}
        if self._minor >= 16:
            told["role"] = visitor.role
        if self._minor >= 17:
            told["allowed_cameras"] = list(self._server.allowed(visitor)) or [
                each.name for each in self._server.cameras
            ]
        return told

    async def _go2rtc(self, request: web.Request, path: str) -> web.StreamResponse:
        restream = self._server.restream
        if path == "webrtc":
            return await restream.webrtc(request) if request.method == "POST" else page(403, "Forbidden")
        if path == "streams":
            return web.json_response({name: {"producers": None, "consumers": None} for name in self._server.streams})
        if path.startswith("api/") and self._minor < 18 and request.method == "GET":
            return restream.hls(path.removeprefix("api/"), request.query)
        return self._nothing()

    def _events(self, request: web.Request, visitor: Visitor) -> list[dict[str, Any]]:
        query, happenings = request.query, self._server.happenings
        cameras = query.get("cameras", "all")
        found = [
            happenings.listed(identifier)
            for identifier, event in happenings.events.items()
            if float(query.get("after", 0)) < event["start_time"] < float(query.get("before", 1e12))
            and (cameras == "all" or event["camera"] in cameras.split(","))
            and self._server.may_see(visitor, event["camera"])
            and (query.get("in_progress") != "1" or event["end_time"] is None)
            and (query.get("has_clip") != "1" or event["has_clip"])
            and query.get("labels", "all") in {"all", event["label"]}
        ]
        found.sort(key=lambda each: float(each["start_time"]), reverse=True)
        return found[: int(query.get("limit", 100))]

    def _reviews(self, request: web.Request, visitor: Visitor) -> list[dict[str, Any]]:
        after = float(request.query.get("after", 0))
        found = [
            each
            for each in self._server.happenings.reviews.values()
            if each["start_time"] > after
            and self._server.may_see(visitor, each["camera"])
            and (not each["has_been_reviewed"] or request.query.get("reviewed") == "1")
        ]
        return sorted(found, key=lambda each: float(each["start_time"]), reverse=True)

    def _event(self, identifier: str, what: str | None, visitor: Visitor) -> web.Response:
        event = self._server.happenings.events.get(identifier)
        if event is None:
            if what:
                return said(404, "Event not found")
            return web.json_response("Event not found", status=404) if self._minor >= 15 else web.Response(status=404)
        if not self._server.may_see(visitor, event["camera"]):
            return self._not_yours(event["camera"])
        if what is None:
            return web.json_response(self._server.happenings.listed(identifier))
        if what == "clip.mp4":
            if not event["has_clip"]:
                return said(404, "Clip not available")
            return web.Response(body=self._server.film(identifier), content_type="video/mp4")
        if what == "snapshot.jpg" and not event["has_snapshot"]:
            return said(404, "Snapshot not available")
        picture = self._server.pictures.of(event["label"], (320, 180), event["start_time"])
        return web.Response(body=picture, content_type="image/jpeg")

    def _not_yours(self, camera: str) -> web.Response:
        detail = f"Access denied to camera '{camera}'. Allowed: ['another']"
        return web.json_response({"detail": detail}, status=403)

    async def _camera(self, request: web.Request, visitor: Visitor, name: str, rest: str) -> web.StreamResponse:
        unit = self._server.unit(name)
        if name == "birdseye" and self._server.birdseye and rest.startswith("latest."):
            unit = Unit(name="birdseye", size=(1280, 720))
        if unit is None:
            if self._minor >= 17 and visitor.role != ADMIN:
                detail = "Access denied. A user with the admin role is required."
                return web.json_response({"detail": detail}, status=403)
            return said(404, "Camera not found")
        if not self._server.may_see(visitor, name):
            return self._not_yours(name)
        if rest == "":
            return await self._mjpeg(request, unit)
        if re.fullmatch(r"latest\.(jpg|jpeg|png|webp)", rest):
            return self._latest(request, unit)
        if rest == "ptz/info":
            told = {"name": name, "features": ["pt", "zoom"], "presets": list(unit.presets)} if unit.presets else {}
            return web.json_response(told)
        return self._kept(request, unit, rest)

    def _kept(self, request: web.Request, unit: Unit, rest: str) -> web.Response:
        """Answer with what was recorded of a camera."""
        if rest == "recordings":
            return web.json_response(self._recordings(request, unit.name))
        if found := re.fullmatch(r"recordings/([\d.]+)/snapshot\.(png|jpg)", rest):
            return self._frame(request, unit, float(found[1]), found[2])
        if found := re.fullmatch(r"start/([\d.]+)/end/([\d.]+)/(clip\.mp4|master\.m3u8)", rest):
            return self._recording(request, unit.name, float(found[1]), float(found[2]), found[3])
        return self._nothing()

    def _latest(self, request: web.Request, unit: Unit) -> web.Response:
        server = self._server
        try:
            wanted = request.query.get("h" if self._minor < 15 else "height")
            height = None if wanted is None else int(wanted)
        except ValueError:
            return web.json_response({"detail": [{"type": "int_parsing"}]}, status=422)
        if server.faults.no_frame:
            return said(500, "Unable to get valid frame")
        if height is not None and height < 1:
            return web.json_response("Invalid height specified", status=400)
        headers = {"Cache-Control": "no-store"}
        if server.is_online(unit):
            quality = int(request.query.get("quality", 70))
            body = server.pictures.of(unit.name, unit.size, server.now, height, quality)
        elif self._minor >= 18:
            headers["X-Frigate-Offline"] = "true"
            body = server.pictures.of(unit.name, unit.size, 0.0, height)
        else:
            body = server.pictures.error(unit.size, height)
        return web.Response(body=body, content_type="image/jpeg", headers=headers)

    async def _mjpeg(self, request: web.Request, unit: Unit) -> web.StreamResponse:
        server = self._server
        blank = " " if self._minor < 15 else ""
        response = web.StreamResponse(headers={"Content-Type": f"multipart/x-mixed-replace;{blank}boundary=frame"})
        await response.prepare(request)
        server.watching += 1
        server.notify()
        try:
            sent = 0
            while True:
                online = server.is_online(unit)
                frame = (
                    server.pictures.of(unit.name, unit.size, server.now) if online else server.pictures.black(unit.size)
                )
                await response.write(b"--frame\r\nContent-Type: image/jpeg\r\n\r\n" + frame + b"\r\n\r\n")
                sent += 1
                if sent >= _BURST:
                    await asyncio.sleep(server.frame_s)
        finally:
            server.watching -= 1
            server.notify()

    def _recordings(self, request: web.Request, camera: str) -> list[dict[str, Any]]:
        after, before = (float(request.query.get(key, default)) for key, default in (("after", 0), ("before", 1e12)))
        told = []
        for name, start, end in self._server.happenings.recordings:
            at = start
            while name == camera and at < end:
                until = min(at + 10, end)
                if until >= after and at <= before:
                    # In pieces of ten seconds, as they are kept.
                    told.append({"id": f"{at:.1f}-piece", "start_time": at, "end_time": until, "duration": until - at})
                at = until
        return told

    def _recorded(self, camera: str, start: float, end: float) -> bool:
        return any(
            name == camera and begun <= end and until >= start
            for name, begun, until in self._server.happenings.recordings
        )

    def _frame(self, request: web.Request, unit: Unit, at: float, kind: str) -> web.Response:
        """Answer with a frame of a recording: PNG only and in full before 0.15."""
        if (kind == "png") != (self._minor < 15):
            return self._nothing()
        if not self._recorded(unit.name, at, at):
            return said(404, f"Recording not found at {at}")
        if kind == "png":
            return web.Response(body=b"\x89PNG\r\n\x1a\n", content_type="image/png")
        height = request.query.get("height")
        picture = self._server.pictures.of(unit.name, unit.size, at, int(height) if height else None)
        return web.Response(body=picture, content_type="image/jpeg")

    async def _export(
        self, request: web.Request, visitor: Visitor, camera: str, start: float, end: float
    ) -> web.Response:
        if request.method != "POST":
            return self._nothing()
        if self._server.unit(camera) is None:
            return said(404, f"{camera} is not a valid camera.")
        if not self._server.may_see(visitor, camera):
            return self._not_yours(camera)
        name = (await request.json()).get("name", "")
        if len(name) > _NAME_LENGTH:
            if self._minor < 15:
                return said(401, "File name is too long.")
            return web.json_response({"detail": [{"type": "string_too_long"}]}, status=422)
        if not self._recorded(camera, start, end):
            return said(400, "No recordings found for time range")
        exports = self._server.happenings.exports
        made = {"id": f"{camera}_{len(exports):06}", "camera": camera, "start": start, "end": end, "name": name}
        exports.append(made)
        told: dict[str, Any] = {"success": True, "message": "Starting export of recording."}
        if self._minor >= 15:
            told["export_id"] = made["id"]
        return web.json_response(told, status=202 if self._minor >= 18 else 200)

    def _recording(self, request: web.Request, camera: str, start: float, end: float, what: str) -> web.Response:
        there = self._recorded(camera, start, end)
        if what == "clip.mp4":
            if not there:
                return said(400, "No recordings found for the specified time range")
            return web.Response(body=self._server.film(f"{camera}{start}"), content_type="video/mp4")
        if not there:
            return said(404, "No recordings found.")
        kind = "m4s" if self._minor >= 17 else "ts"
        text = f"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:10.0,\nseg-1.{kind}\n#EXT-X-ENDLIST\n"
        return web.Response(text=text, content_type="application/vnd.apple.mpegurl")
