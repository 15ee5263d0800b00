"""What is fuzzed: one function of bytes for each place where CamHub reads what somebody else wrote.

A target raises nothing but what CamHub's own code expects there; anything else is a crasher. What it asserts holds for
any input. Hypothesis (`test_targets.py`) and atheris (`script/fuzz`) run the same table.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
import json
import math
import socket
from types import SimpleNamespace
from typing import Any, Final

from camhub_pi.request import BadRequest, parse_head as parse_request
from camhub_pi.store_names import Refused, checked as checked_name
from camhub_pi.store_upload import FormFile, upload_of
from multidict import CIMultiDict
from yarl import URL

from custom_components.camhub.clip_sources import Sources
from custom_components.camhub.credential_import import open_foreign
from custom_components.camhub.hls import rewrite
from custom_components.camhub.kernel import sdp
from custom_components.camhub.kernel.addresses import forbidden, parsed
from custom_components.camhub.kernel.clock import SystemClock
from custom_components.camhub.kernel.digest import DigestSigner, read_challenges, strongest
from custom_components.camhub.kernel.discovery import Found, FoundBy, bare_mac
from custom_components.camhub.kernel.errors import HubError, Malformed, WrongKey
from custom_components.camhub.kernel.http_auth import HttpAuth
from custom_components.camhub.kernel.jpeg import is_whole_jpeg, jpeg_size
from custom_components.camhub.kernel.mjpeg import JpegReader
from custom_components.camhub.kernel.model import Image
from custom_components.camhub.kernel.multipart import Part, PartReader
from custom_components.camhub.kernel.policy import retry_after
from custom_components.camhub.kernel.reading import child, from_json
from custom_components.camhub.kernel.redirects import onward
from custom_components.camhub.kernel.secret import Secret
from custom_components.camhub.kernel.stills import checked as checked_picture
from custom_components.camhub.kernel.vault import Vault
from custom_components.camhub.providers.frigate import (
    answers as frigate_answers,
    parse as frigate,
    reading as frigate_reading,
    settings as frigate_settings,
    topics as frigate_topics,
    tracked_object as frigate_object,
    tracker as frigate_tracker,
)
from custom_components.camhub.providers.hikvision import (
    address as hik_address,
    alerts as hik_alerts,
    answers as hik_answers,
    discovery as hik_discovery,
    parse as hik,
    searching as hik_searching,
    tree as hik_tree,
)
from custom_components.camhub.providers.mjpeg import address as mjpeg_address, parse as mjpeg
from custom_components.camhub.providers.nest import answers as nest_answers, messages as nest_messages
from custom_components.camhub.providers.nest_legacy import hosts, jar, jwt, parse as legacy, paste, reading
from custom_components.camhub.providers.ring import answers as ring_answers, parse as ring
from custom_components.camhub.recording import grey, zones
from custom_components.camhub.stream_paths import parse_key, stream_path

type Target = Callable[[bytes], object]

NOW: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY: Final = bytes(range(32))
STATUSES: Final = (400, 401, 403, 404, 412, 503)
_BOUNDARIES: Final = ("boundary", "--frame", '"a b"', "<x>", "", "A" * 70)
_TYPES: Final = ("multipart/x-mixed-replace; boundary={}", "multipart/mixed;boundary={}", "image/jpeg", "")
_LIMIT: Final = 4096


def told(data: bytes) -> str:
    """Return bytes as text, whatever they are."""
    return data.decode(errors="replace")


def each[T](value: T, *functions: Callable[[T], object]) -> None:
    """Try every function with a value; one that refuses it does not spare the others."""
    for function in functions:
        with suppress(HubError):
            function(value)


def soon(coroutine: Coroutine[Any, Any, object]) -> object:
    """Run what waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")


def in_utc(*moments: datetime | None) -> None:
    """Hold that times are aware and can be told in any zone that there is, as states and events are."""
    for at in moments:
        if at is not None:
            assert at.tzinfo is not None
            at.astimezone(UTC).isoformat()


def chunks(data: bytes, first: int) -> Iterable[bytes]:
    """Cut bytes at places that their first one decides."""
    size = max(first % 61 + 1, len(data) // 200)
    return (data[at : at + size] for at in range(0, len(data), size))


def content_type(data: bytes) -> str:
    chosen = data[0] if data else 0
    return _TYPES[chosen % len(_TYPES)].format(_BOUNDARIES[chosen // 4 % len(_BOUNDARIES)])


# streams of parts


def mjpeg_stream(data: bytes) -> None:
    reader = JpegReader(content_type(data), limit=_LIMIT)
    for chunk in chunks(data[1:], data[0] if data else 0):
        for picture in reader.feed(chunk):
            # Markers with nothing between them are a picture as far as cutting goes.
            assert is_whole_jpeg(picture) or picture == b"\xff\xd8\xff\xd9"
            assert len(picture) <= _LIMIT
            jpeg_size(picture)


def multipart(data: bytes) -> None:
    reader = PartReader(content_type(data), limit=_LIMIT)
    for chunk in chunks(data[1:], data[0] if data else 0):
        assert all(len(part.body) <= _LIMIT for part in reader.feed(chunk))
    reader.close()


def alert_stream(data: bytes) -> None:
    reader = PartReader("multipart/mixed; boundary=boundary")
    for part in [*reader.feed(data), *reader.close()]:
        _alert(part)


def alert_xml(data: bytes) -> None:
    _alert(Part(headers={"content-type": "application/xml"}, body=data))


def alert_json(data: bytes) -> None:
    _alert(Part(headers={"content-type": "application/json"}, body=data))


def _alert(part: Part) -> None:
    with suppress(HubError):
        if (alert := hik_alerts.read_part(part)) is not None:
            in_utc(alert.at)


# documents


def isapi_xml(data: bytes) -> None:
    _isapi(hik_tree.read_xml(data))


def isapi_json(data: bytes) -> None:
    _isapi(hik_tree.read_json(data))


def _isapi(root: hik_tree.Node) -> None:
    each(
        root,
        *(hik.device, hik.capabilities, hik.inputs, hik.proxies, hik.zeros, hik.states, hik.streams, hik.rtsp_port),
        *(hik.triggers, hik.encrypted, hik.has_disk, hik_answers.trouble, hik_alerts.read_alert),
    )


def isapi_search(data: bytes) -> None:
    for match in hik_searching.page_of(hik_tree.read_xml(data), timezone(timedelta(hours=-5))).matches:
        in_utc(match.start, match.end)
        hik_searching.download_of(str(match.address))
        _ = match.kind


def frigate_config(data: bytes) -> None:
    said = from_json(data)
    each(said, frigate.site, frigate.stats, frigate.presets, frigate.role, frigate.reviews)


def frigate_events(data: bytes) -> None:
    for said in frigate_reading.objects(from_json(data)):
        with suppress(HubError):
            _seen(frigate_object.tracked_object(said))


def frigate_websocket(data: bytes) -> None:
    payload = frigate_topics.message(told(data)).payload
    after = child(payload, "after")
    each(after, lambda said: _seen(frigate_object.tracked_object(said)), frigate.review)
    each(payload, frigate.stats, lambda said: _seen(frigate_object.present_object("yard", child(said), NOW)))


def _seen(seen: frigate_object.TrackedObject) -> None:
    in_utc(seen.start, seen.end)
    tracker = frigate_tracker.Tracker(SystemClock())
    for event in [*tracker.take(seen, frigate_tracker.Heard.LIVE), *tracker.there([seen]), *tracker.lost(seen.id)]:
        in_utc(event.at)
        json.dumps(dict(event.metadata), allow_nan=False)


def legacy_answers(data: bytes) -> None:
    said = reading.read(data)
    each(said, legacy.buckets, legacy.owned, legacy.account, legacy.zones)
    for point in legacy.points(said):
        in_utc(point.start, point.end)


def nest_message(data: bytes) -> None:
    if (message := nest_messages.message(data)) is not None:
        in_utc(message.at)


def ring_devices(data: bytes) -> None:
    lists = ring.by_number(from_json(data))
    ring.units(lists)
    ring.chimes(lists)


def ring_history(data: bytes) -> None:
    said = from_json(data)
    each(said, ring.numbers, ring.wifi)
    for sighting in ring.history(said, "camera"):
        in_utc(sighting.at)
        if sighting.length is not None:
            in_utc(sighting.at + sighting.length)


def ring_push(data: bytes) -> None:
    said = from_json(data)
    if isinstance(said, Mapping) and (sighting := ring.pushed(said)) is not None:
        in_utc(sighting.at)


def small_servers(data: bytes) -> None:
    said = from_json(data)
    each(said, lambda value: mjpeg.pi_health(200, value), lambda value: mjpeg.streamer_state(200, value))


def refusals(data: bytes) -> None:
    for status in STATUSES:
        for refusal in (
            *(hik_answers.refusal, frigate_answers.refusal, frigate_answers.login_refusal),
            *(nest_answers.refusal, nest_answers.pubsub_refusal, nest_answers.login_refusal),
            *(ring_answers.refusal, ring_answers.token_refusal),
        ):
            error = refusal(status, data, None)
            assert isinstance(error, HubError)
            str(error)


# headers


def headers(data: bytes) -> tuple[str, str]:
    """Return bytes as aiohttp hands a header over, and as text in which each byte is a character."""
    return data.decode(errors="surrogateescape"), data.decode("latin-1")


def sign_in_headers(data: bytes) -> None:
    for header in headers(data):
        challenge = strongest(read_challenges([header]))
        if challenge is not None:
            _can_be_sent(DigestSigner(challenge, "user", "word").authorization("GET", "/"))
        pause = retry_after(header, NOW)
        assert pause is None or math.isfinite(pause)
        soon(_follow_nonce(header))


async def _follow_nonce(announced: str) -> None:
    """Sign in, let the server announce another nonce, and sign with what comes of that."""
    auth, sent, url = HttpAuth("user", Secret("word")), list[str](), URL("http://camera.example.com/")
    answers = iter(
        [
            (401, {"WWW-Authenticate": 'Digest realm="x", nonce="n", qop="auth"'}),
            (200, {"Authentication-Info": announced}),
            (200, {}),
        ]
    )

    async def handle(request: Any) -> Any:
        sent.append(request.headers.get("Authorization", ""))
        status, said = next(answers)
        content = SimpleNamespace(read=_nothing)
        told = CIMultiDict(said)
        return SimpleNamespace(status=status, headers=told, content=content, release=_pass, close=_pass)

    for _ in range(2):
        request: Any = SimpleNamespace(url=url, method="GET", headers=CIMultiDict[str]())
        await auth(request, handle)
    assert len(sent) == 3
    _can_be_sent("".join(sent))


async def _nothing(_size: int) -> bytes:
    return b""


def _pass() -> None:
    """Do nothing."""


def _can_be_sent(header: str) -> None:
    assert header.encode()
    assert not {"\r", "\n", "\0"} & set(header)


def cookies(data: bytes) -> None:
    for header in headers(data):
        merged = jar.merged("SID=a; NID=b", header.split("\n"), NOW)
        assert {"SID", "NID"} <= jar.pairs(merged).keys()
        _can_be_sent(merged)
    jwt.subject(told(data))
    in_utc(jwt.expires_at(told(data)))


# what a person types or pastes


def issue_token(data: bytes) -> None:
    pasted = told(data)
    each(pasted, paste.cookies, paste.token)
    hosts.region(pasted)
    address = paste.issue_token(pasted)
    assert paste.issue_token(address) == address
    paste.is_field_test(address)


def addresses(data: bytes) -> None:
    typed = told(data)
    each(typed, _camera_address, lambda text: str(hik_address.normalise(text)), frigate_settings.candidates)


def _camera_address(typed: str) -> None:
    found = mjpeg_address.read(typed)
    assert found.url.password is None
    shown = mjpeg_address.shown(found.url)
    assert URL(shown).host == found.url.host
    mjpeg_address.origin_of(found.url)


def redirect(data: bytes) -> None:
    asked = URL("https://camera.example.com/stream")
    for header in headers(data):
        target = onward(asked, header)
        assert target is None or (target.scheme, target.host) == ("https", asked.host)


def metadata(data: bytes) -> None:
    """Whatever the system takes for a metadata service's number, so do we."""
    typed = told(data)
    url = parsed(typed if "://" in typed else f"http://{typed}")
    host = None if url is None else url.host
    if not host:
        return
    try:
        found = socket.getaddrinfo(host, 80, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except OSError, UnicodeError:
        return
    assert forbidden(host) or not any(forbidden(str(place[0])) for *_, place in found)


def zone_lines(data: bytes) -> None:
    drawn = zones.typed_zones(told(data))
    for zone in zones.read_zones(zones.typed_zones(zones.zone_lines(drawn))):
        zone.cells((9, 16))


# what a browser asks


def stream_key(data: bytes) -> None:
    text = told(data)
    if (parsed := parse_key(text)) is not None:
        assert all(parsed)
        path = URL(stream_path(text, "snapshot"), encoded=True)
        assert path.raw_path.count("/") == 5
        assert path.parts[-2] == text
    soon(Sources({"vendor": _NoClips()}).find(text))


class _NoClips:
    """A place with nothing in it."""

    async def between(self, start: datetime, end: datetime) -> list[Any]:
        assert start < end
        in_utc(start, end)
        return []

    async def read(self, clip: object) -> AsyncGenerator[bytes]:
        raise NotImplementedError
        yield b""


def playlist(data: bytes) -> None:
    rewritten = rewrite(told(data), lambda _uri: "/ours")
    assert all(line.startswith("#") or line == "/ours" for line in rewritten.split("\n") if line)


def session_description(data: bytes) -> None:
    offer, _, answer = told(data).partition("\0")
    try:
        mended = sdp.mend_offer(offer)
        sdp.mend_answer(offer, answer or offer)
    except Malformed:
        assert data.count(b"m=") > sdp.MEDIA_LIMIT
        return
    assert sdp.mend_offer(mended) == mended
    assert not sdp.is_sdp(offer) or mended.endswith("\r\n")
    sdp.mend_candidate(offer)
    for line in range(3):
        sdp.mended_line(offer, line)


# files


def picture(data: bytes) -> None:
    jpeg_size(data)
    each(data, lambda content: checked_picture(Image(content=content, taken_at=NOW)), grey.decode)


def sealed(data: bytes) -> None:
    text = data.decode("latin-1")
    with suppress(WrongKey):
        Vault(KEY).open(text)
    # What comes from elsewhere may be anything inside, too.
    open_foreign(Vault(KEY).seal(text), KEY.hex())


def found_on_the_network(data: bytes) -> None:
    lines = told(data).split("\n")
    facts = dict(line.partition("=")[::2] for line in lines)
    bare_mac(lines[0])
    for by in FoundBy:
        found = Found(by=by, host="192.0.2.9", mac=bare_mac(lines[0]), hostname=lines[0], name=lines[-1], facts=facts)
        hik_discovery.discover(found)


def upload(data: bytes) -> None:
    head, _, body = data.partition(b"\r\n\r\n")
    with suppress(BadRequest, Refused):
        request = parse_request(head)
        announced = upload_of(request, 2**20)
        if announced.name is not None:
            _harmless(announced.name)
        if announced.boundary is not None:
            asyncio.run(_form(body, announced.boundary))


async def _form(body: bytes, boundary: bytes) -> None:
    async def pieces() -> AsyncGenerator[bytes]:
        for chunk in chunks(body, len(boundary)):
            yield chunk

    form = FormFile(pieces(), boundary)
    _harmless(checked_name(await form.name()))
    async for _ in form.content():
        pass


def _harmless(name: str) -> None:
    assert not {"/", "\\", "\0"} & set(name)
    assert not name.startswith(".")


TARGETS: Final[Mapping[str, Target]] = {
    "addresses": addresses,
    "alert-json": alert_json,
    "alert-stream": alert_stream,
    "alert-xml": alert_xml,
    "cookies": cookies,
    "discovery": found_on_the_network,
    "frigate-config": frigate_config,
    "frigate-events": frigate_events,
    "frigate-websocket": frigate_websocket,
    "isapi-json": isapi_json,
    "isapi-search": isapi_search,
    "isapi-xml": isapi_xml,
    "issue-token": issue_token,
    "legacy-answers": legacy_answers,
    "metadata": metadata,
    "mjpeg": mjpeg_stream,
    "multipart": multipart,
    "nest-message": nest_message,
    "picture": picture,
    "playlist": playlist,
    "redirect": redirect,
    "refusals": refusals,
    "ring-devices": ring_devices,
    "ring-history": ring_history,
    "ring-push": ring_push,
    "sdp": session_description,
    "sealed": sealed,
    "sign-in-headers": sign_in_headers,
    "small-servers": small_servers,
    "stream-key": stream_key,
    "upload": upload,
    "zones": zone_lines,
}


def run(name: str, data: bytes) -> None:
    """Run a target; returns whatever is expected to go wrong with such input, raises anything else."""
    with suppress(HubError):
        TARGETS[name](data)
