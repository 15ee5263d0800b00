"""Against a server that keeps what CamHub's service on a Pi keeps: the protocol is docs/archive.md's."""

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from custom_components.camhub.kernel.errors import (
    AuthError,
    HubError,
    Malformed,
    Throttled,
    Unreachable,
    Unsupported,
)
from custom_components.camhub.kernel.secret import Secret
from custom_components.camhub.recording.archives import Film, NameTaken, Stored
from custom_components.camhub.recording.archives.pi import PiArchive
from tests.fake_clock import FakeClock
from tests.pi.storing import storing
from tests.sentinel import MARK

TOKEN = f"token-{MARK}".replace(" ", "-")


class Service:
    """A Pi's service on port 3002, in memory."""

    def __init__(self) -> None:
        self.films: dict[str, bytes] = {}
        self.headers: list[dict[str, str]] = []
        self.answers: list[web.Response] = []
        self.health: object = {"status": "running", "timestamp": "x", "videosPath": "/v", "freeBytes": 5}

    async def upload(self, request: web.Request) -> web.Response:
        self.headers.append(dict(request.headers))
        body = await request.read()
        if self.answers:
            return self.answers.pop(0)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"error": "token"}, status=401)
        name = request.query["name"]
        if not name.endswith(".mp4"):
            return web.json_response({"error": "type"}, status=415)
        if self.films.setdefault(name, body) != body:
            return web.json_response({"error": "there"}, status=409)
        told = {"name": name, "size": len(body), "sha256": sha256(body).hexdigest(), "path": f"/v/{name}"}
        return web.json_response(told, status=201)

    async def say_health(self, _: web.Request) -> web.Response:
        return web.json_response(self.health)


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
async def server(service: Service) -> AsyncIterator[TestServer]:
    app = web.Application(client_max_size=2**26)
    app.router.add_post("/upload", service.upload)
    app.router.add_get("/health", service.say_health)
    server = TestServer(app)
    async with server:
        yield server


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def archive(server: TestServer, session: aiohttp.ClientSession, clock: FakeClock) -> PiArchive:
    return PiArchive(session, str(server.make_url("/")), Secret(TOKEN), clock)


@pytest.fixture
def film(tmp_path: Path) -> Film:
    content = b"film" * 100_000
    (tmp_path / "film").write_bytes(content)
    facts = {"camera": "yard", "started-at": "2026-01-02T03:04:05+00:00", "kind": "motion"}
    return Film(path=tmp_path / "film", size=len(content), sha256=sha256(content).hexdigest(), facts=facts)


async def test_it_sends_a_film_once_or_twice(archive: PiArchive, service: Service, film: Film) -> None:
    stored = await archive.put(film, "yard/day/one.mp4")
    assert stored == Stored(reference="yard_day_one.mp4", digest=film.sha256)
    assert await archive.put(film, "yard/day/one.mp4") == stored
    await archive.verify(stored, film)
    assert service.films == {"yard_day_one.mp4": film.path.read_bytes()}
    sent = service.headers[0]
    assert sent["Content-Length"] == str(film.size)
    assert sent["X-Content-SHA256"] == film.sha256
    assert (sent["X-Camera"], sent["X-Started-At"]) == ("yard", "2026-01-02T03:04:05+00:00")
    with pytest.raises(Malformed):
        await archive.verify(Stored(reference="x", digest="y"), film)
    service.films["yard_day_one.mp4"] = b"other"
    with pytest.raises(NameTaken):
        await archive.put(film, "yard/day/one.mp4")
    assert await archive.link("x", 5) is None
    assert archive.address("x/y.mp4").endswith("/videos/x/y.mp4")
    await archive.close()


async def test_it_is_tried(archive: PiArchive, service: Service, session: aiohttp.ClientSession) -> None:
    await archive.check()
    assert service.films == {}
    service.answers = [web.Response(status=401)]
    with pytest.raises(AuthError) as raised:
        await archive.check()
    assert raised.value.reason == "archive_refused"
    service.answers = [web.json_response({"name": "it takes everything"})]
    await archive.check()
    for health in ({"status": "ok"}, ["odd"]):
        service.health = health
        with pytest.raises(Malformed) as malformed:
            await archive.check()
        assert malformed.value.reason == "archive_not_pi"


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (400, Unsupported, "archive_unwanted"),
        (403, AuthError, "archive_refused"),
        (404, Malformed, "archive_not_pi"),
        (413, Unsupported, "archive_too_large"),
        (415, Unsupported, "archive_unwanted"),
        (422, Malformed, "archive_differs"),
        (429, Throttled, "throttled"),
        (500, Unreachable, "archive_unreachable"),
        (302, Unreachable, "archive_unreachable"),
        (507, Unreachable, "archive_full"),
    ],
)
async def test_what_it_answers(
    archive: PiArchive, service: Service, film: Film, status: int, kind: type[HubError], reason: str
) -> None:
    headers = {"Location": "http://192.0.2.1/"} if status == 302 else {}
    service.answers = [web.Response(status=status, headers=headers)]
    with pytest.raises(kind) as raised:
        await archive.put(film, "one.mp4")
    assert raised.value.reason == reason


async def test_what_it_says_is_looked_at(archive: PiArchive, service: Service, film: Film, tmp_path: Path) -> None:
    service.answers = [web.json_response({"name": "one.mp4", "size": 1, "sha256": film.sha256}, status=201)]
    with pytest.raises(Malformed):
        await archive.put(film, "one.mp4")
    service.answers = [web.Response(text="hello", status=201)]
    with pytest.raises(Malformed):
        await archive.put(film, "one.mp4")
    film.path.unlink()
    with pytest.raises(Unreachable) as raised:
        await archive.put(film, "one.mp4")
    assert raised.value.reason == "spool_unusable"


async def test_nobody_is_there(session: aiohttp.ClientSession, film: Film, clock: FakeClock) -> None:
    archive = PiArchive(session, "http://127.0.0.1:1", Secret(TOKEN), clock)
    with pytest.raises(Unreachable) as raised:
        await archive.put(film, "one.mp4")
    assert raised.value.reason == "archive_unreachable"
    with pytest.raises(Unreachable):
        await archive.delete("one.mp4")


async def test_the_real_store_takes_it(tmp_path: Path, session: aiohttp.ClientSession, clock: FakeClock) -> None:
    content = b"\x00\x00\x00\x18ftypisom" + bytes(300_000)
    (tmp_path / "film").write_bytes(content)
    made = Film(path=tmp_path / "film", size=len(content), sha256=sha256(content).hexdigest(), facts={"camera": "yard"})
    async with storing(tmp_path / "videos", token=TOKEN) as pi:
        archive = PiArchive(session, f"http://127.0.0.1:{pi.port}", Secret(TOKEN), clock)
        await archive.check()
        stored = await archive.put(made, "yard/2026-01-02/one two.mp4")
        assert await archive.put(made, "yard/2026-01-02/one two.mp4") == stored
        assert stored.digest == made.sha256
        assert (pi.folder / stored.reference).read_bytes() == content
        with pytest.raises(AuthError) as raised:
            await PiArchive(session, f"http://127.0.0.1:{pi.port}", Secret("wrong"), clock).check()
        assert raised.value.reason == "archive_refused"
        assert len(pi.left()) == 1
        with pytest.raises(AuthError):
            await PiArchive(session, f"http://127.0.0.1:{pi.port}", Secret("wrong"), clock).delete(stored.reference)
        assert len(pi.left()) == 1
        for _ in range(2):
            await archive.delete(stored.reference)
            assert pi.left() == []
