import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, suppress
import io
import json
from pathlib import Path
import re

from PIL import Image as Pictures
import pytest
from yarl import URL

from custom_components.camhub.kernel.errors import AuthError, Malformed, Unreachable
from custom_components.camhub.kernel.mjpeg import is_whole_jpeg, jpeg_size
from custom_components.camhub.kernel.model import JsonValue
from custom_components.camhub.kernel.secret import Secret
from custom_components.camhub.providers.mjpeg.client import Client, jpeg_in
from custom_components.camhub.providers.mjpeg.media import HttpMjpeg
from custom_components.camhub.providers.mjpeg.parse import State, pi_health, streamer_state
from simulators.mjpeg import MjpegServer, picture, raw
from tests.conftest import MakeContext
from tests.fake_clock import FakeClock

FOLDER = "pi_mjpeg"


def _files(recorded: Path) -> list[str]:
    index = recorded / FOLDER / "INDEX.json"
    return sorted(entry["file"] for entry in json.loads(index.read_text())) if index.exists() else []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    recorded: Path = metafunc.config.getoption("recorded")
    files = [pytest.param(each, id=f"{FOLDER}/{each}") for each in _files(recorded)]
    absent = pytest.mark.skip(reason=f"left out: {recorded / FOLDER} holds no INDEX.json")
    metafunc.parametrize("file", files or [pytest.param("", id=FOLDER, marks=absent)])


@pytest.fixture
def content(request: pytest.FixtureRequest, file: str) -> bytes:
    recorded: Path = request.config.getoption("recorded")
    return (recorded / FOLDER / file).read_bytes()


@pytest.fixture
async def server() -> AsyncIterator[MjpegServer]:
    server = MjpegServer({})
    await server.start()
    yield server
    await server.stop()


def _response(content: bytes) -> bytes | None:
    """Return the HTTP answer in a file: recorded whole, or its head alone, which gets a picture."""
    with suppress(ValueError):
        said = json.loads(content)
        return base64.b64decode(said["response_base64"]) if "response_base64" in said else None
    if not content.startswith(b"HTTP/"):
        return None
    head = content.replace(b"\r\n", b"\n").rstrip().replace(b"\n", b"\r\n")
    return re.sub(rb"(?i)\r\ncontent-length:[^\r]*", b"", head) + b"\r\n\r\n" + _picture()


def _picture() -> bytes:
    out = io.BytesIO()
    Pictures.new("RGB", (32, 24), "navy").save(out, "JPEG")
    return out.getvalue()


def _pictures_of(response: bytes) -> list[bytes]:
    """Return the pictures of a stream the plain way: between boundary lines."""
    head, _, body = response.partition(b"\r\n\r\n")
    named = re.search(rb'(?i)boundary="?([^"\r\n;]+)', head)
    assert named is not None
    parts = re.split(rb"\r?\n?-*" + re.escape(named[1].lstrip(b"-")) + rb"(?:--)?\r?\n", body)
    bodies = [part.replace(b"\r\n\r\n", b"\n\n", 1).partition(b"\n\n")[2].rstrip(b"\r\n") for part in parts]
    return [each for each in bodies if each.startswith(b"\xff\xd8") and each.endswith(b"\xff\xd9")]


async def test_an_answer_is_read_for_what_it_is(
    content: bytes, server: MjpegServer, make_context: MakeContext, clock: FakeClock
) -> None:
    response = _response(content)
    if response is None:
        _check_document(content)
        return
    server.routes["/recorded"] = raw(response)
    client = Client(make_context(), "127.0.0.1", "", Secret(""), verify_tls=True)
    url = URL(server.address("/recorded"))
    head = response.partition(b"\r\n\r\n")[0].decode("latin-1").lower()
    status = int(head.split()[1])
    if status in {301, 302, 303, 307, 308}:
        await _check_redirect(head, client, url, server)
    elif status != 200:
        await _check_failure(status, client, url)
    elif "multipart/" in head:
        await _check_stream(_pictures_of(response), HttpMjpeg(client, url, clock))
    elif "content-type: image/" in head:
        await _check_picture(head, client, url)
    elif "/json" in head:
        _, said = await client.json(url)
        assert isinstance(_state(said), State)
    else:
        with pytest.raises(Malformed):
            await _first(HttpMjpeg(client, url, clock))
        with pytest.raises(Malformed):
            await client.json(url)


async def _check_redirect(head: str, client: Client, url: URL, server: MjpegServer) -> None:
    found = re.search(r"\nlocation:\s*(\S+)", head)
    assert found is not None
    server.routes[url.join(URL(found[1])).path_qs] = picture(_picture())
    if url.join(URL(found[1])).host == url.host:
        assert await client.picture(url) == _picture()
    else:
        with pytest.raises(Malformed):
            await client.picture(url)


async def _check_failure(status: int, client: Client, url: URL) -> None:
    kind = AuthError if status in {401, 403} else Malformed if status < 500 else Unreachable
    with pytest.raises(kind) as failed:
        await client.picture(url)
    assert (failed.value.reason == "not_found") == (status in {404, 410})


async def _check_stream(expected: list[bytes], mjpeg: HttpMjpeg) -> None:
    frames: list[bytes] = []
    with pytest.raises(Unreachable) as failed:
        await _collect(mjpeg, frames)
    assert failed.value.reason in {"stream_ended", "cannot_connect"}
    assert frames
    assert frames == expected
    for frame in frames:
        with Pictures.open(io.BytesIO(frame)) as opened:
            opened.load()


async def _collect(mjpeg: HttpMjpeg, into: list[bytes]) -> None:
    async for frame in mjpeg.frames():
        into += [frame]


async def _check_picture(head: str, client: Client, url: URL) -> None:
    if "x-ustreamer-online: false" in head:
        with pytest.raises(Unreachable) as failed:
            await client.picture(url)
        assert failed.value.reason == "no_signal"
    else:
        assert is_whole_jpeg(await client.picture(url))


async def _first(mjpeg: HttpMjpeg) -> bytes:
    async with aclosing(mjpeg.frames()) as frames:
        return await anext(frames)


def _check_document(content: bytes) -> None:
    """Check what is no answer of a server: a picture, pictures, or a status page."""
    if content.startswith(b"\xff\xd8"):
        assert is_whole_jpeg(jpeg_in(content))
        return
    said = json.loads(content)
    if isinstance(said, Mapping) and isinstance(said.get("base64"), list):
        pictures = [base64.b64decode(each) for each in said["base64"]]
        assert pictures
        assert all(jpeg_in(each) == each and jpeg_size(each) for each in pictures)
        return
    state = _state(said)
    source = _inside(said, "result", "source")
    if _inside(said, "camera") is not None:
        assert state is not None
        assert state.online == (_inside(said, "camera") == "connected" and _inside(said, "status") == "ok")
    elif isinstance(_inside(source, "online"), bool):
        assert state is not None
        assert state.online == _inside(source, "online")
    else:
        # Another service's page must not pass for a camera that is there.
        assert state is None


def _state(said: JsonValue) -> State | None:
    for read in (pi_health, streamer_state):
        with suppress(Malformed):
            state = read(200, said)
            assert state.online or state.offline_reason
            return state
    return None


def _inside(said: JsonValue, *keys: str) -> JsonValue:
    for key in keys:
        said = said.get(key) if isinstance(said, Mapping) else None
    return said
