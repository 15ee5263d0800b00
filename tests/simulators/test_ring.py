"""The simulated service, asked with plain HTTP, by the push library and by a real viewer."""

import asyncio
from collections.abc import AsyncIterator
import json
from pathlib import Path
from typing import Any

import aiohttp
from aiortc import RTCPeerConnection, RTCSessionDescription
from av import VideoFrame
from firebase_messaging import FcmPushClient, FcmPushClientConfig, FcmRegisterConfig
import pytest
from yarl import URL

from simulators.authority import Authority
from simulators.film import encode
from simulators.names import Address
from simulators.ring import OUTAGE, RingSimulator
from simulators.ring.films import Endless, Stored
from simulators.ring.home import BACK_DOOR, DRIVE, FRONT_DOOR, GARDEN, HALL
from simulators.ring.hosts import API, APP, PICTURES, SIGNALLING, TOKENS
from simulators.webrtc import read_counter
from tests.conftest import MakeContext
from tests.fake_clock import FakeClock, settle

USER, PASSWORD, CODE = "robin@example.com", "example-password", "246810"


@pytest.fixture
async def service(
    authority: Authority, names: dict[str, Address], clock: FakeClock, named_sockets: None
) -> AsyncIterator[RingSimulator]:
    async with RingSimulator(authority, now=clock.now, sleep=clock.sleep) as running:
        names.update(running.names)
        yield running


@pytest.fixture
async def session(service: RingSimulator, make_context: MakeContext) -> aiohttp.ClientSession:
    return make_context().session()


async def tokens(session: aiohttp.ClientSession, code: str = "", /, **form: str) -> tuple[int, Any]:
    asked = {"client_id": "ring_official_android", "scope": "client", **form}
    login = {"Authorization": aiohttp.encode_basic_auth("ring_official_android", ""), "2fa-code": code}
    async with session.post(f"https://{TOKENS}/oauth/token", data=asked, headers=login) as response:
        return response.status, await response.json()


async def sign_in(session: aiohttp.ClientSession) -> dict[str, str]:
    status, told = await tokens(session, CODE, grant_type="password", username=USER, password=PASSWORD)
    assert status == 200
    found: dict[str, str] = told
    return found


async def renew(session: aiohttp.ClientSession, token: str) -> tuple[int, Any]:
    return await tokens(session, grant_type="refresh_token", refresh_token=token)


@pytest.fixture
async def bearer(session: aiohttp.ClientSession) -> dict[str, str]:
    return {"Authorization": f"Bearer {(await sign_in(session))['access_token']}"}


async def test_a_password_and_a_code(service: RingSimulator, session: aiohttp.ClientSession) -> None:
    login = {"grant_type": "password", "username": USER, "password": PASSWORD}
    assert await tokens(session, **login | {"password": "wrong"}) == (
        401,
        {"error": "access_denied", "error_description": "invalid user credentials"},
    )
    status, told = await tokens(session, **login)
    assert (status, told) == (412, {"next_time_in_secs": 60, "tsv_state": "sms", "phone": "+1xxxxxxxx12"})
    service.tokens.factor = "totp"
    assert (await tokens(session, **login))[1] == {"next_time_in_secs": 60, "tsv_state": "totp"}
    status, told = await tokens(session, "000000", **login)
    assert (status, told["error"]) == (400, "Verification Code is invalid or expired")
    for _ in range(10):
        status, told = await tokens(session, "000000", **login)
    assert (status, told["error_description"]) == (400, "too many requests from dependency service")
    found = await sign_in(session)
    assert set(found) == {"access_token", "expires_in", "refresh_token", "scope", "token_type"}
    service.tokens.factor = None
    assert (await tokens(session, **login))[0] == 200
    assert (await tokens(session, grant_type="something"))[0] == 400


async def test_a_refresh_token_serves_once_and_kills_the_account_the_second_time(
    session: aiohttp.ClientSession,
) -> None:
    first = await sign_in(session)
    status, second = await renew(session, first["refresh_token"])
    assert status == 200
    assert second["refresh_token"] != first["refresh_token"]
    assert (await renew(session, "never-issued"))[0] == 401
    assert (await renew(session, second["refresh_token"]))[0] == 200
    status, told = await renew(session, first["refresh_token"])
    assert (status, told["error"]) == (401, "invalid_grant")
    assert (await renew(session, second["refresh_token"]))[0] == 401


def test_each_installation_has_tokens_of_its_own(authority: Authority) -> None:
    login = {"grant_type": "password", "username": USER, "password": PASSWORD}
    tokens = RingSimulator(authority).tokens
    first, second = (tokens.answer(login, {"2fa-code": CODE, "hardware_id": name})[1] for name in ("one", "another"))
    renewal = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    _, renewed = tokens.answer(renewal, {})
    assert tokens.answer(renewal, {})[0] == 401
    assert not tokens.admits(f"Bearer {renewed['access_token']}")
    assert tokens.admits(f"Bearer {second['access_token']}")
    assert tokens.answer(renewal | {"refresh_token": second["refresh_token"]}, {})[0] == 200


def test_tokens_outlive_the_process(authority: Authority, tmp_path: Path) -> None:
    login = {"grant_type": "password", "username": USER, "password": PASSWORD}
    kept = tmp_path / "tokens.json"
    before = RingSimulator(authority, kept=kept).tokens
    _, told = before.answer(login, {"2fa-code": CODE})
    after = RingSimulator(authority, kept=kept).tokens
    assert after.admits(f"Bearer {told['access_token']}")
    assert after.answer({"grant_type": "refresh_token", "refresh_token": told["refresh_token"]}, {})[0] == 200


async def get(session: aiohttp.ClientSession, path: str, headers: dict[str, str], **query: str) -> tuple[int, Any]:
    async with session.get(f"https://{API}{path}", headers=headers, params=query) as response:
        body = await response.read()
        return response.status, json.loads(body) if "json" in response.content_type else body


async def send(
    session: aiohttp.ClientSession, method: str, path: str, headers: dict[str, str], said: Any = None, **query: str
) -> int:
    url = f"https://{API}{path}"
    async with session.request(method, url, headers=headers, json=said, params=query) as response:
        return response.status


async def test_an_access_token_ends(
    session: aiohttp.ClientSession, bearer: dict[str, str], clock: FakeClock, service: RingSimulator
) -> None:
    path = "/clients_api/ring_devices"
    status, told = await get(session, path, bearer)
    assert status == 200
    assert {family: len(listed) for family, listed in told.items()} == {
        "doorbots": 1,
        "authorized_doorbots": 1,
        "stickup_cams": 4,
        "chimes": 1,
        "other": 2,
    }
    await clock.advance(3601)
    assert await get(session, path, bearer) == (401, {})
    service.change_password("another")
    assert (await tokens(session, grant_type="password", username=USER, password=PASSWORD))[0] == 401


async def test_faults_replace_answers(
    service: RingSimulator, session: aiohttp.ClientSession, bearer: dict[str, str]
) -> None:
    service.faults.answers[f"{API}/clients_api/session"] = OUTAGE
    assert await send(session, "POST", "/clients_api/session", bearer) == 502
    service.faults.answers = {}
    service.faults.no_session = True
    status, told = await get(session, "/clients_api/ring_devices", bearer | {"hardware_id": "abc"})
    assert (status, told) == (404, {"error": "Session not found for abc"})
    assert await send(session, "POST", "/clients_api/session", bearer) == 200
    assert (await get(session, "/clients_api/ring_devices", bearer))[0] == 200
    assert (await get(session, "/clients_api/doorbots/1/health", bearer))[0] == 404
    assert (await get(session, "/clients_api/nothing", bearer))[0] == 404
    service.faults.down = True
    with pytest.raises(aiohttp.ClientError):
        await get(session, "/clients_api/ring_devices", bearer)


async def test_health_and_settings(
    service: RingSimulator, session: aiohttp.ClientSession, bearer: dict[str, str]
) -> None:
    _, told = await get(session, f"/clients_api/doorbots/{BACK_DOOR}/health", bearer)
    assert told["device_health"]["battery_percentage"] == "87"
    volume = {"doorbot[settings][doorbell_volume]": "9"}
    assert await send(session, "PUT", f"/clients_api/doorbots/{FRONT_DOOR}", bearer, **volume) == 204
    assert [each["settings"]["doorbell_volume"] for each in service.home.lists["doorbots"]] == [9]
    assert service.home.lists["stickup_cams"][0]["settings"]["doorbell_volume"] == 9
    off = {"motion_settings": {"motion_detection_enabled": False}}
    assert await send(session, "PATCH", f"/devices/v1/devices/{GARDEN}/settings", bearer, off) == 204
    assert service.device(GARDEN)["settings"]["motion_detection_enabled"] is False
    assert await send(session, "PUT", f"/clients_api/doorbots/{DRIVE}/floodlight_light_on", bearer) == 204
    assert await send(session, "PUT", f"/clients_api/doorbots/{DRIVE}/siren_on", bearer, duration="20") == 200
    assert service.device(DRIVE)["led_status"] == "on"
    assert service.device(DRIVE)["siren_status"] == {"seconds_remaining": 20}
    assert await send(session, "PUT", f"/clients_api/doorbots/{DRIVE}/siren_off", bearer) == 200
    assert service.device(DRIVE)["siren_status"] == {"seconds_remaining": 0}
    assert await send(session, "POST", f"/clients_api/chimes/{HALL}/play_sound", bearer, kind="ding") == 204
    assert service.home.sounded == [(HALL, "ding")]
    assert await send(session, "POST", f"/clients_api/doorbots/{DRIVE}/motions_subscribe", bearer) == 204


async def test_history_by_pages(
    service: RingSimulator, session: aiohttp.ClientSession, bearer: dict[str, str], clock: FakeClock
) -> None:
    numbers = []
    for _ in range(3):
        numbers.append(service.see(DRIVE, person=True))
        await clock.advance(10)
    path = f"/clients_api/doorbots/{DRIVE}/history"
    _, told = await get(session, path, bearer, limit="2")
    assert [each["id"] for each in told] == numbers[:0:-1]
    assert told[0]["created_at"] == "2026-01-02T03:04:25.000Z"
    _, told = await get(session, path, bearer, older_than=str(numbers[1]))
    assert [each["id"] for each in told] == numbers[:1]
    with pytest.raises(LookupError):
        service.see(1)


async def test_pictures_old_and_new(
    service: RingSimulator, session: aiohttp.ClientSession, bearer: dict[str, str]
) -> None:
    service.faults.old_snapshot_s = 90
    async with session.get(f"https://{PICTURES}/snapshots/next/{DRIVE}", headers=bearer) as response:
        assert (await response.read())[:2] == b"\xff\xd8"
        assert response.headers["date"] == "Fri, 02 Jan 2026 03:04:05 GMT"
        assert int(response.headers["x-time-millis"]) == 1767322955000
    service.faults.no_snapshot = True
    async with session.get(f"https://{PICTURES}/snapshots/next/{DRIVE}", headers=bearer) as response:
        assert response.status == 404
    url = f"https://{API}/clients_api/snapshots/timestamps"
    async with session.post(url, headers=bearer, json={"doorbot_ids": [DRIVE]}) as response:
        assert await response.json() == {"timestamps": [{"timestamp": 1767322955000, "doorbot_id": DRIVE}]}
    assert (await get(session, f"/clients_api/snapshots/image/{DRIVE}", bearer))[0] == 200
    service.see(DRIVE, pictured=True)
    assert (await get(session, "/clients_api/snapshots/uuid", bearer, uuid="picture-0"))[0] == 200
    assert (await get(session, "/clients_api/snapshots/uuid", bearer, uuid="other"))[0] == 404


async def test_films_in_parts_behind_addresses_that_end(
    service: RingSimulator, session: aiohttp.ClientSession, bearer: dict[str, str], clock: FakeClock
) -> None:
    number = service.see(DRIVE)
    path = f"/clients_api/dings/{number}/share/play"
    service.films.films[number] = Endless(200_000)
    _, told = await get(session, path, bearer)
    async with session.get(told["url"]) as response:
        whole = await response.read()
        assert (response.status, len(whole), whole[4:8]) == (200, 200_000, b"ftyp")
    async with session.get(told["url"], headers={"Range": "bytes=10-"}) as response:
        assert response.headers["Content-Range"] == "bytes 10-199999/200000"
        assert await response.read() == whole[10:]
    async with session.get(told["url"], headers={"Range": "bytes=0-3"}) as response:
        assert (response.status, await response.read()) == (206, whole[:4])
    service.faults.cut_film_at = 1000
    async with session.get(told["url"]) as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
    await clock.advance(901)
    async with session.get(told["url"]) as response:
        assert response.status == 403
    service.faults.no_film = True
    fresh = {"Authorization": bearer["Authorization"]}
    assert (await get(session, path, fresh))[1] == {"url": None}
    late = service.happenings.record(service.device(DRIVE), "motion", status="processing")
    assert (await get(session, f"/clients_api/dings/{late['id']}/share/play", bearer))[0] == 404


def test_a_film_that_plays() -> None:
    film = Stored(encode("x", seconds=1))
    assert film.read(4, 4) == b"ftyp"
    assert 1000 < film.size < 100_000


class Phone:
    """A push client of the library, as an app would run one."""

    def __init__(self, session: aiohttp.ClientSession, credentials: Any = None) -> None:
        config = FcmRegisterConfig("ring-17770", "1:876313859327:android:0123456789abcdef", "key", "876313859327")
        quick = FcmPushClientConfig(
            connection_retry_count=1,
            start_seconds_before_retry_connect=0,
            reset_interval=0,
            abort_on_sequential_error_count=1,
        )
        self.heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.client = FcmPushClient(
            lambda told, *_: self.heard.put_nowait(told),
            config,
            credentials,
            config=quick,
            http_client_session=session,
        )

    async def start(self) -> str:
        token = await self.client.checkin_or_register()
        await self.client.start()
        return token

    async def stop(self) -> None:
        await self.client.stop()
        await asyncio.gather(*self.client.tasks, return_exceptions=True)


async def test_push_reaches_the_library_and_comes_again_until_it_is_acknowledged(
    service: RingSimulator, session: aiohttp.ClientSession, bearer: dict[str, str]
) -> None:
    phone = Phone(session)
    token = await phone.start()
    await service.wait_until(lambda: service.push.listeners == 1)
    said = {"device": {"push_notification_token": token}}
    assert await send(session, "PATCH", "/clients_api/device", bearer, said) == 204
    service.see(FRONT_DOOR, "ding")
    told = await phone.heard.get()
    assert json.loads(told["data"]["android_config"])["category"] == "com.ring.pn.live-event.ding"
    await service.wait_until(lambda: len(service.push.acknowledged) == 1)
    await phone.stop()
    await service.wait_until(lambda: service.push.listeners == 0)
    service.see(DRIVE, person=True)
    again = Phone(session, phone.client.credentials)
    assert await again.start() == token
    told = await again.heard.get()
    assert json.loads(told["data"]["data"])["event"]["ding"]["subtype"] == "human"
    assert (service.push.registered, service.push.logins) == (1, 2)
    service.push.dismiss()
    await service.wait_until(lambda: service.push.listeners == 0)
    await again.stop()


async def test_push_can_be_refused(
    service: RingSimulator, session: aiohttp.ClientSession, bearer: dict[str, str]
) -> None:
    service.faults.registration_refused = True
    async with session.post("https://firebaseinstallations.googleapis.com/v1/projects/x/installations") as response:
        assert response.status == 403
    service.faults.subscription_refused = True
    said = {"device": {"push_notification_token": "t"}}
    assert await send(session, "PATCH", "/clients_api/device", bearer, said) == 400
    service.faults.registration_refused = False
    service.faults.push_login_refused = True
    phone = Phone(session)
    await phone.start()
    await asyncio.wait(phone.client.tasks)
    await phone.stop()
    service.faults.push_login_refused, service.faults.push_refused = False, True
    again = Phone(session, phone.client.credentials)
    await again.start()
    await asyncio.wait(again.client.tasks)
    await again.stop()
    assert service.push.logins == 0
    service.push.send("nobody", {})


async def dial(session: aiohttp.ClientSession, ticket: str) -> aiohttp.ClientWebSocketResponse:
    url = URL(f"wss://{SIGNALLING}:443/ws").with_query(api_version="4.0", token=ticket)
    return await session.ws_connect(url, headers={"User-Agent": "test"})


async def a_ticket(session: aiohttp.ClientSession, bearer: dict[str, str]) -> str:
    url = f"https://{APP}/api/v1/clap/ticket/request/signalsocket"
    async with session.post(url, headers=bearer) as response:
        return str((await response.json())["ticket"])


def said(method: str, **body: Any) -> dict[str, Any]:
    return {"method": method, "dialog_id": "d1", "body": {"doorbot_id": DRIVE, **body}}


async def test_a_live_view_shows_a_picture(
    service: RingSimulator, session: aiohttp.ClientSession, bearer: dict[str, str]
) -> None:
    ticket = await a_ticket(session, bearer)
    socket = await dial(session, ticket)
    peer = RTCPeerConnection()
    peer.addTransceiver("video", direction="recvonly")
    await peer.setLocalDescription(await peer.createOffer())
    await socket.send_json(said("live_view", sdp=peer.localDescription.sdp, type="offer"))
    heard = {}
    while "sdp" not in heard:
        told = await socket.receive_json()
        heard[told["method"]] = told["body"]
    assert list(heard) == ["session_created", "session_started", "ice", "sdp"]
    assert "a=sendrecv" in heard["sdp"]["sdp"]
    own = heard["sdp"]["session_id"]
    await socket.send_json(said("activate_session", session_id=own))
    await socket.send_json(said("ping", session_id=own))
    mended = heard["sdp"]["sdp"].replace("a=sendrecv", "a=sendonly")
    await peer.setRemoteDescription(RTCSessionDescription(mended, "answer"))
    track = peer.getReceivers()[0].track
    first, second = await track.recv(), await track.recv()
    assert isinstance(first, VideoFrame)
    assert isinstance(second, VideoFrame)
    assert read_counter(second.to_ndarray(format="gray")) > read_counter(first.to_ndarray(format="gray"))
    await socket.send_json({"method": "close", "dialog_id": "d1", "reason": {"code": 0, "text": ""}})
    await socket.close()
    await service.wait_until(lambda: service.signalling.views == 0)
    assert service.signalling.closed == [{"code": 0, "text": ""}]
    await peer.close()
    used = await dial(session, ticket)
    assert (await used.receive()).type is aiohttp.WSMsgType.CLOSE


async def test_a_live_view_that_is_not_activated_ends(
    service: RingSimulator, session: aiohttp.ClientSession, bearer: dict[str, str], clock: FakeClock
) -> None:
    service.faults.live_mute = True
    socket = await dial(session, await a_ticket(session, bearer))
    await socket.send_json(said("live_view", sdp="v=0", type="offer"))
    assert (await socket.receive_json())["method"] == "session_created"
    await socket.receive_json()
    await settle()
    await clock.advance(71)
    told = await socket.receive_json()
    assert (told["method"], told["body"]["reason"]["code"]) == ("close", 6)
    await socket.close()


async def test_a_live_view_that_is_kept_alive_goes_on_until_it_is_not(
    service: RingSimulator, session: aiohttp.ClientSession, bearer: dict[str, str], clock: FakeClock
) -> None:
    service.faults.live_mute = True
    socket = await dial(session, await a_ticket(session, bearer))
    await socket.send_json(said("live_view", sdp="v=0", type="offer"))
    own = (await socket.receive_json())["body"]["session_id"]
    await socket.receive_json()
    await socket.send_json(said("activate_session", session_id=own))
    await service.wait_until(lambda: "activate_session" in service.signalling.said)
    await clock.advance(71)
    for _ in range(3):
        await socket.send_json(said("ping", session_id=own))
        assert (await socket.receive_json())["method"] == "pong"
        await clock.advance(15)
    await clock.advance(15)
    assert (await socket.receive_json())["body"]["reason"] == {"code": 6, "text": "Timeout waiting for ping"}
    await socket.close()


async def test_live_views_can_be_refused_and_ended(
    service: RingSimulator, session: aiohttp.ClientSession, bearer: dict[str, str]
) -> None:
    service.faults.live_close = (5, "Authentication failed: -1")
    socket = await dial(session, await a_ticket(session, bearer))
    await socket.send_json(said("live_view", sdp="v=0", type="offer"))
    methods = [(await socket.receive_json())["method"] for _ in range(3)]
    assert methods == ["session_created", "session_started", "close"]
    await socket.close()
    service.faults.live_close = None
    socket = await dial(session, await a_ticket(session, bearer))
    await socket.send_json(said("live_view", sdp="v=0", type="offer"))
    for _ in range(2):
        await socket.receive_json()
    assert (await socket.receive_json())["body"]["text"] == "negotiate codecs failed"
    assert (await socket.receive_json())["body"]["reason"]["text"] == "negotiate codecs failed"
    await socket.close()
