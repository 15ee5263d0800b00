"""Every recorded answer through the client, the stream reader, the status pages, and the whole provider.

What is expected of a file is read out of the file itself, by plainer means than the parsers': never out of a list of
known files.
"""

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
import json
import re
from typing import Final

import pytest
from yarl import URL

from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable
from custom_components.camhub.kernel.jpeg import is_whole_jpeg, jpeg_size
from custom_components.camhub.kernel.mjpeg import JpegReader
from custom_components.camhub.kernel.model import JsonValue
from custom_components.camhub.kernel.secret import Secret
from custom_components.camhub.kernel.signin import Answers, Form, Question
from custom_components.camhub.providers.mjpeg import SPEC
from custom_components.camhub.providers.mjpeg.client import Client, picture_in
from custom_components.camhub.providers.mjpeg.media import HttpMjpeg
from custom_components.camhub.providers.mjpeg.parse import State, pi_health, streamer_state
from simulators.mjpeg import MjpegServer, picture, raw
from tests.conftest import MakeContext
from tests.fake_clock import FakeClock

from .conftest import Recording
from .http_answer import (
    END,
    START,
    Answer,
    a_picture,
    as_sent,
    boundary_of,
    documents,
    is_cut,
    is_sound,
    parts_of,
    taken_apart,
    with_a_body,
    wrapped,
)

PROVIDER = "pi_mjpeg"

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(kw_only=True)
class World:
    """The server that gives the recorded answer at `/recorded` and knows nothing else."""

    server: MjpegServer
    make_context: MakeContext
    clock: FakeClock

    @property
    def url(self) -> URL:
        """Return the address of the recorded answer."""
        return URL(self.server.address("/recorded"))

    @property
    def client(self) -> Client:
        """Return a client without a login."""
        return Client(self.make_context(), "127.0.0.1", "", Secret(""), verify_tls=True)

    def gives(self, wire: bytes) -> None:
        """Let the server send this."""
        self.server.routes["/recorded"] = raw(wire)

    async def frames(self) -> tuple[list[bytes], HubError]:
        """Watch the stream to its end, which is always an error, and return its pictures and why it ended."""
        found: list[bytes] = []
        with pytest.raises(HubError) as ended:
            await self._watch(found)
        return found, ended.value

    async def _watch(self, found: list[bytes]) -> None:
        async for frame in HttpMjpeg(self.client, self.url, self.clock).frames():
            found += [frame]


@pytest.fixture
async def world(make_context: MakeContext, clock: FakeClock) -> AsyncIterator[World]:
    server = MjpegServer({})
    await server.start()
    yield World(server=server, make_context=make_context, clock=clock)
    await server.stop()


async def test_recorded(recorded: Recording | None, world: World) -> None:
    if recorded is None:
        return
    body = recorded.read()
    if (wire := kept_in(body, "response_base64")) is not None:
        await an_answer(taken_apart(wire[0]), world)
    elif (found := kept_in(body, "base64")) is not None:
        some_pictures(found)
    elif body.startswith(b"HTTP/"):
        await an_answer(with_a_body(taken_apart(body)), world)
    elif body.startswith(START):
        await an_answer(wrapped("image/jpeg", body), world)
    elif body.lstrip().startswith(b"--"):
        boundary = body.lstrip().split(b"\n", 1)[0].strip().removeprefix(b"--").decode("latin-1")
        await an_answer(wrapped(f'multipart/x-mixed-replace; boundary="{boundary}"', body), world)
    else:
        status = re.match(r"([1-5]\d\d)(?!\d)", recorded.path.name)
        kind = "application/json" if recorded.path.suffix == ".json" or body.lstrip()[:1] == b"{" else "text/html"
        await an_answer(wrapped(kind, body, int(status[1]) if status else 200), world)


def kept_in(body: bytes, key: str) -> list[bytes] | None:
    """Return the bytes, one or many, that a JSON object keeps under a key, None for any other file."""
    for said in documents(body):
        kept = inside(said, key)
        if isinstance(kept, str):
            return [base64.b64decode(kept)]
        if isinstance(kept, list):
            return [base64.b64decode(str(each)) for each in kept]
    return None


async def an_answer(answer: Answer, world: World) -> None:
    world.gives(answer.wire)
    content_type = answer.header("content-type").lower()
    if answer.status is None:
        await no_http(answer, world)
    elif answer.status < 200:
        await nothing_of_it(world)
    elif answer.status in REDIRECTS:
        await a_redirect(answer, world)
    elif answer.status != 200:
        await a_refusal(answer, world)
    elif content_type.startswith("multipart/"):
        await a_stream(answer, world)
    elif content_type.startswith("image/"):
        await a_single_picture(answer, world)
    elif "json" in content_type:
        await a_status_page(answer, world)
    elif answer.body.startswith(START) or (START in answer.body and not content_type.startswith("text/")):
        await unnamed_pictures(answer, world)
    else:
        await nothing_of_it(world)


async def nothing_of_it(world: World) -> None:
    """What is no answer of a camera gives no picture, no stream and no state, and signing in says so."""
    for call in (world.client.picture, world.client.json):
        with pytest.raises((Malformed, Unreachable)):
            await call(world.url)
    frames, error = await world.frames()
    assert frames == []
    assert isinstance(error, Malformed | Unreachable)
    await not_signed_in(world)


async def no_http(answer: Answer, world: World) -> None:
    """What is spoilt before it begins may be read all the same, or refused; it is never put together wrongly."""
    with suppress(HubError):
        assert is_whole_jpeg(await world.client.picture(world.url))
    with suppress(HubError):
        assert [(await world.client.json(world.url))[1]] == documents(answer.body)
    frames, _ = await world.frames()
    # In chunks a picture does not stand in one piece.
    chunked = bool(answer.header("transfer-encoding"))
    assert all(is_whole_jpeg(each) and (chunked or as_sent(each, answer.wire) in answer.wire) for each in frames)
    with suppress(Refused):
        _, shown = await signing_in(world)
        assert shown[-1].picture in frames


async def a_redirect(answer: Answer, world: World) -> None:
    """A redirect is followed on the same host only, and only once."""
    target = world.url.join(URL(answer.header("location")))
    same = target.host == world.url.host and target != world.url
    if same:
        world.server.routes[target.raw_path_qs] = picture(a_picture())
        assert await world.client.picture(world.url) == a_picture()
        world.server.routes[target.raw_path_qs] = raw(answer.wire)
    with pytest.raises(Malformed):
        await world.client.picture(world.url)
    assert len(world.server.requests) == (4 if same else 1)


async def a_refusal(answer: Answer, world: World) -> None:
    """The status is the class of the error (protocols.md 6.5)."""
    status = answer.status or 0
    expected: type[HubError] = Malformed
    if status in {401, 403}:
        expected = AuthError
    elif status == 429 or (status == 503 and answer.header("retry-after")):
        expected = Throttled
    elif status >= 500:
        expected = Unreachable
    with pytest.raises(expected) as failed:
        await world.client.picture(world.url)
    assert (failed.value.reason == "not_found") == (status in {404, 410})
    frames, error = await world.frames()
    assert (frames, type(error)) == ([], type(failed.value))
    for expected_page in documents(answer.body) if status == 503 else ():
        a_state(status, (await world.client.json(world.url))[1], expected_page)
    await not_signed_in(world)


async def a_stream(answer: Answer, world: World) -> None:
    """A stream gives its whole pictures, in order, however it arrives, and ends with an error."""
    parts = parts_of(answer)
    whole = [each for each in parts if is_sound(each)]
    shown, error = await world.frames()
    frames = [as_sent(each, answer.body) for each in shown]
    assert error.reason in {"stream_ended", "cannot_connect"}
    if boundary_of(answer) and len(whole) == len(parts):
        assert frames == whole
    for frame in frames:
        assert is_whole_jpeg(frame)
        assert frame in answer.body, "a picture is not put together of two"
    left = iter(frames)
    assert all(each in left for each in whole), "no whole picture is lost, none comes out of its turn"
    for size in (1, 7, 1000, max(1, len(answer.body))):
        reader = JpegReader(answer.header("content-type"))
        chunks = (answer.body[at : at + size] for at in range(0, len(answer.body), size))
        assert [frame for chunk in chunks for frame in reader.feed(chunk)] == frames
    if shown:
        await signed_in(world, "stream", shown[0])
    else:
        await not_signed_in(world)


async def a_single_picture(answer: Answer, world: World) -> None:
    """A picture is what the body begins with; a placeholder and what is cut off are none."""
    if answer.header("x-ustreamer-online").lower() == "false":
        with pytest.raises(Unreachable) as failed:
            await world.client.picture(world.url)
        assert failed.value.reason == "no_signal"
        return
    cut_off = int(answer.header("content-length") or 0) > len(answer.body) and not answer.body.rstrip(
        b"\r\n\0"
    ).endswith(END)
    if cut_off or is_cut(answer.body) or not answer.body.startswith(START) or END not in answer.body:
        with pytest.raises((Malformed, Unreachable)):
            await world.client.picture(world.url)
        frames, _ = await world.frames()
        assert frames == []
        await not_signed_in(world)
        return
    found = await world.client.picture(world.url)
    assert is_whole_jpeg(found)
    assert as_sent(found, answer.body) == answer.body[: answer.body.rindex(END) + 2]
    assert (await world.frames())[0] == [found]
    await signed_in(world, "still", found)


async def unnamed_pictures(answer: Answer, world: World) -> None:
    """Pictures of a type that does not say so may be taken for what they are, or refused; never for something else."""
    with suppress(Malformed, Unreachable):
        found = await world.client.picture(world.url)
        assert is_whole_jpeg(found)
        assert answer.body.startswith(as_sent(found, answer.body))
    frames, _ = await world.frames()
    assert all(is_whole_jpeg(each) and as_sent(each, answer.body) in answer.body for each in frames)
    with pytest.raises((Malformed, Unreachable)):
        await world.client.json(world.url)
    with suppress(Refused):
        _, shown = await signing_in(world)
        assert shown[-1].picture in frames


async def a_status_page(answer: Answer, world: World) -> None:
    """A status page is no picture; what it says is either understood or not taken for a camera that is there."""
    with pytest.raises(Malformed):
        await world.client.picture(world.url)
    assert (await world.frames())[0] == []
    await not_signed_in(world)
    for expected in documents(answer.body):
        a_state(*await world.client.json(world.url), expected)
        return
    with pytest.raises(Malformed):
        await world.client.json(world.url)


def a_state(status: int, said: JsonValue, expected: JsonValue) -> None:
    assert json.dumps(said) == json.dumps(expected)
    state, camera, word = state_of(status, said), inside(said, "camera"), inside(said, "status")
    online = inside(said, "result", "source", "online")
    good = status == 200 and str("ok" if word is None else word).lower() in {"ok", "running"}
    if camera is not None:
        assert state is not None
        assert state.online == (str(camera).lower() == "connected" and good)
    elif isinstance(said, Mapping) and said.keys() == {"status"}:
        assert state is not None
        assert state.online == good
    elif isinstance(online, bool):
        assert state is not None
        assert (state.online, state.placeholder) == (online, not online)
    elif not isinstance(said, Mapping) or "camera" not in said:
        assert state is None, "another service's page must not pass for a camera that is there"


def state_of(status: int, said: JsonValue) -> State | None:
    for read in (pi_health, streamer_state):
        with suppress(Malformed):
            state = read(status, said)
            assert state.online or state.offline_reason
            return state
    return None


def inside(said: JsonValue, *keys: str) -> JsonValue:
    for key in keys:
        said = said.get(key) if isinstance(said, Mapping) else None
    return said


def some_pictures(found: Sequence[bytes]) -> None:
    """Pictures that were kept by themselves are read as they are; what is cut off is refused."""
    assert found
    for each in found:
        if each.startswith(START) and END in each and not is_cut(each):
            assert as_sent(picture_in(each), each) == each[: each.rindex(END) + 2]
            assert jpeg_size(each)
        else:
            with pytest.raises(Malformed):
                picture_in(each)


class Refused(Exception):
    """The sign-in shows its first page again, with an error."""


async def signing_in(world: World) -> tuple[dict[str, JsonValue], list[Form]]:
    shown: list[Form] = []

    async def ask(question: Question) -> Answers:
        assert isinstance(question, Form)
        shown.append(question)
        if question.errors:
            raise Refused(question.errors)
        return {"name": "Porch"} if question.page == "confirm" else {"address": str(world.url), "verify_tls": True}

    account = await SPEC.sign_in(world.make_context(), ask)
    return dict(account.credentials), shown


async def not_signed_in(world: World) -> None:
    with pytest.raises(Refused):
        await signing_in(world)


async def signed_in(world: World, kind: str, first: bytes) -> None:
    """The answer is accepted for what it is, and its picture is the camera's."""
    credentials, shown = await signing_in(world)
    assert (credentials["kind"], credentials["address"]) == (kind, str(world.url))
    assert shown[-1].picture == first
    provider = SPEC.open(world.make_context(credentials))
    await provider.connect()
    (camera,) = await provider.cameras()
    assert camera.stills is not None
    assert (await camera.stills.take()).content == first
    assert [each.online for each in await provider.cameras()] == [True]
    await provider.close()
