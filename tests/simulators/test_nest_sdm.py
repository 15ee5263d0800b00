import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
import io
import json
from typing import Any

import aiohttp
import av
from google import pubsub_v1
from google.api_core.exceptions import (
    GoogleAPICallError,
    NotFound,
    PermissionDenied,
    ServiceUnavailable,
    Unauthenticated,
)
from google.oauth2.credentials import Credentials
import pytest
from yarl import URL

from simulators.authority import Authority
from simulators.names import Address
from simulators.nest_sdm import NestSimulator
from simulators.nest_sdm.oauth import EMAIL, PUBSUB, SDM
from simulators.nest_sdm.pubsub import PUBLISHER, ROLE
from simulators.nest_sdm.server import CLIENT_ID, CLOUD_PROJECT, PROJECT
from simulators.webrtc import Codec
from tests.conftest import MakeContext
from tests.fake_clock import FakeClock
from tests.webrtc_viewer import Viewer

API = "https://smartdevicemanagement.googleapis.com/v1"
PUSH = "https://pubsub.googleapis.com/v1"
TOKEN = "https://www.googleapis.com/oauth2/v4/token"
BACK = "https://home.example/auth/external/callback"
SECRET = "GOCSPX-of-the-test"
WIRED, BATTERY, DOORBELL = "AVPHw-wired-0001", "AVPHw-battery-0002", "AVPHw-doorbell-0003"
LIVE = "sdm.devices.commands.CameraLiveStream."
TOPIC = f"projects/{CLOUD_PROJECT}/topics/home"
# FFmpeg as it opens a stream soonest; the certificate names no address.
QUICK = {"rtsp_transport": "tcp", "tls_verify": "0", "analyzeduration": "100000", "fpsprobesize": "0"}
SUBSCRIPTION = f"projects/{CLOUD_PROJECT}/subscriptions/home"


@pytest.fixture
async def service(
    authority: Authority, names: dict[str, Address], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[NestSimulator]:
    service = NestSimulator(authority, secret=SECRET, redirects=(BACK,), now=clock.now, monotonic=clock.monotonic)
    async with service:
        names.update(service.names)
        monkeypatch.setenv("grpc_proxy", service.proxy)
        monkeypatch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(authority.file))
        yield service


class Caller:
    """A client of the service, once it has a token."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self.token = ""

    async def ask(self, method: str, url: str, said: object = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self.session.request(method, url, json=said, headers=headers) as response:
            return response.status, await response.json(content_type=None)

    async def trade(self, **form: str) -> tuple[int, Any]:
        async with self.session.post(TOKEN, data={"client_id": CLIENT_ID, "client_secret": SECRET, **form}) as answer:
            return answer.status, await answer.json()

    async def consent(self, choice: str = "allow", devices: tuple[str, ...] = (), **query: str) -> URL:
        page = consent_page(**query)
        async with self.session.get(page) as shown:
            assert shown.status == 200
            text = await shown.text()
            assert "Garden shed" in text
        form = [("choice", choice), *(("device", each) for each in devices or (WIRED, BATTERY, DOORBELL))]
        async with self.session.post(page, data=form, allow_redirects=False) as sent:
            assert sent.status == 303
            return URL(sent.headers["Location"])

    async def sign_in(self, **query: Any) -> Mapping[str, Any]:
        back = await self.consent(**query)
        code, redirect = back.query["code"], str(back.with_query(None))
        status, told = await self.trade(grant_type="authorization_code", code=code, redirect_uri=redirect)
        assert status == 200
        self.token = told["access_token"]
        return dict(told)

    async def command(self, device: str, name: str, **params: str) -> tuple[int, Any]:
        url = f"{API}/enterprises/{PROJECT}/devices/{device}:executeCommand"
        return await self.ask("POST", url, {"command": f"sdm.devices.commands.{name}", "params": params})

    async def listen(self) -> None:
        assert (await self.ask("GET", f"{API}/enterprises/{PROJECT}/devices"))[0] == 200
        assert (await self.ask("PUT", f"{PUSH}/{TOPIC}"))[0] == 200
        policy = {"policy": {"bindings": [{"members": [PUBLISHER], "role": ROLE}]}}
        assert (await self.ask("POST", f"{PUSH}/{TOPIC}:setIamPolicy", policy))[0] == 200
        assert (await self.ask("PUT", f"{PUSH}/{SUBSCRIPTION}", {"topic": TOPIC}))[0] == 200


def consent_page(project: str = PROJECT, **query: str) -> URL:
    wanted = {
        "client_id": CLIENT_ID,
        "redirect_uri": BACK,
        "response_type": "code",
        "scope": f"{SDM} {PUBSUB} {EMAIL}",
        "state": "state-1",
    }
    return URL(f"https://nestservices.google.com/partnerconnections/{project}/auth").with_query(wanted | query)


@pytest.fixture
async def caller(service: NestSimulator, make_context: MakeContext) -> Caller:
    return Caller(make_context().session())


@pytest.fixture
async def user(caller: Caller) -> Caller:
    await caller.sign_in()
    return caller


async def test_consent_leads_to_tokens(caller: Caller, service: NestSimulator) -> None:
    told = await caller.sign_in()
    assert told["expires_in"] == 3599
    assert set(told["scope"].split()) == {SDM, PUBSUB, EMAIL}
    status, listed = await caller.ask("GET", f"{API}/enterprises/{PROJECT}/devices")
    assert (status, len(listed["devices"])) == (200, 3)
    assert {each["type"] for each in listed["devices"]} == {"sdm.devices.types.CAMERA", "sdm.devices.types.DOORBELL"}
    status, mail = await caller.ask("GET", "https://www.googleapis.com/oauth2/v3/userinfo")
    assert mail["email"] == service.user


async def test_a_user_may_refuse(caller: Caller) -> None:
    back = await caller.consent("cancel")
    assert dict(back.query) == {"error": "access_denied", "state": "state-1"}


@pytest.mark.parametrize(
    ("query", "status", "shown"),
    [
        ({"client_id": "another"}, 401, "invalid_client"),
        ({"redirect_uri": "https://elsewhere.example"}, 400, "redirect_uri_mismatch"),
        ({"project": "another"}, 404, "partner"),
    ],
)
async def test_the_pages_that_lead_nowhere(caller: Caller, query: dict[str, str], status: int, shown: str) -> None:
    async with caller.session.get(consent_page(**query)) as page:
        assert page.status == status
        assert shown in await page.text()


async def test_a_project_may_admit_nobody(caller: Caller, service: NestSimulator) -> None:
    service.faults.no_consent = True
    async with caller.session.get(consent_page()) as page:
        assert (page.status, "access_denied" in await page.text()) == (403, True)


async def test_a_token_ends_and_is_renewed(user: Caller, clock: FakeClock) -> None:
    told = await user.sign_in()
    await clock.advance(3600)
    status, error = await user.ask("GET", f"{API}/enterprises/{PROJECT}/devices")
    assert (status, error["error"]["status"]) == (401, "UNAUTHENTICATED")
    status, renewed = await user.trade(grant_type="refresh_token", refresh_token=told["refresh_token"])
    assert status == 200
    assert "refresh_token" not in renewed
    user.token = renewed["access_token"]
    assert (await user.ask("GET", f"{API}/enterprises/{PROJECT}/devices"))[0] == 200


async def test_refresh_tokens_may_rotate(user: Caller, service: NestSimulator) -> None:
    told = await user.sign_in()
    service.tokens.rotates = True
    _, renewed = await user.trade(grant_type="refresh_token", refresh_token=told["refresh_token"])
    assert renewed["refresh_token"] != told["refresh_token"]
    assert (await user.trade(grant_type="refresh_token", refresh_token=told["refresh_token"]))[0] == 400
    assert (await user.trade(grant_type="refresh_token", refresh_token=renewed["refresh_token"]))[0] == 200


async def test_what_the_token_endpoint_refuses(caller: Caller, service: NestSimulator, clock: FakeClock) -> None:
    back = await caller.consent()
    code = back.query["code"]
    exchange = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
    for change, status, error in (
        ({"client_id": "another"}, 401, "invalid_client"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"code": "4/wrong"}, 400, "invalid_grant"),
        ({"redirect_uri": "https://elsewhere.example"}, 400, "redirect_uri_mismatch"),
    ):
        told = await caller.trade(**{**exchange, **change})
        assert (told[0], told[1]["error"]) == (status, error)
    assert service.tokens.refused == 2
    assert (await caller.trade(**exchange))[1]["error"] == "invalid_grant", "a code serves once, right or wrong"
    late = (await caller.consent()).query["code"]
    await clock.advance(601)
    assert (await caller.trade(**{**exchange, "code": late}))[0] == 400


async def test_a_login_of_a_testing_project_lasts_a_week(
    caller: Caller, service: NestSimulator, clock: FakeClock
) -> None:
    service.tokens.testing = True
    told = await caller.sign_in()
    assert told["refresh_token_expires_in"] == 7 * 86400
    refresh = {"grant_type": "refresh_token", "refresh_token": told["refresh_token"]}
    await clock.advance(7 * 86400 - 1)
    assert (await caller.trade(**refresh))[0] == 200
    await clock.advance(1)
    assert await caller.trade(**refresh) == (
        400,
        {"error": "invalid_grant", "error_description": "Token has been expired or revoked."},
    )


async def test_only_what_was_shared_is_there(caller: Caller, service: NestSimulator) -> None:
    back = await caller.consent(devices=(WIRED,))
    _, told = await caller.trade(grant_type="authorization_code", code=back.query["code"], redirect_uri=BACK)
    caller.token = told["access_token"]
    devices = f"{API}/enterprises/{PROJECT}/devices"
    assert [each["name"] for each in (await caller.ask("GET", devices))[1]["devices"]] == [
        f"enterprises/{PROJECT}/devices/{WIRED}"
    ]
    assert (await caller.ask("GET", f"{devices}/{BATTERY}"))[0] == 404
    assert (await caller.ask("GET", f"{devices}/{WIRED}"))[1]["type"] == "sdm.devices.types.CAMERA"
    service.faults.missing.add(WIRED)
    assert await caller.ask("GET", devices) == (200, {})


async def test_structures_and_what_is_not_there(user: Caller, service: NestSimulator) -> None:
    base = f"{API}/enterprises/{PROJECT}/structures"
    _, told = await user.ask("GET", base)
    assert told["structures"][0]["traits"]["sdm.structures.traits.Info"] == {"customName": "Example House"}
    assert (await user.ask("GET", f"{base}/home"))[0] == 200
    assert (await user.ask("GET", f"{base}/other"))[0] == 404
    status, error = await user.ask("GET", f"{API}/enterprises/other/devices")
    assert (status, error["error"]["message"]) == (404, "Enterprise enterprises/other not found.")
    assert (await user.ask("GET", f"{API}/enterprises/{PROJECT}/rooms"))[0] == 404
    assert (await user.ask("GET", "https://www.googleapis.com/nothing"))[0] == 404
    assert (await user.command(WIRED, ""))[0] == 404
    service.client.enterprise = "another project's client"
    assert (await user.ask("GET", base))[0] == 404


async def test_a_token_without_the_scope(caller: Caller) -> None:
    await caller.sign_in(scope=EMAIL)
    status, error = await caller.ask("GET", f"{API}/enterprises/{PROJECT}/devices")
    assert (status, error["error"]["status"]) == (403, "PERMISSION_DENIED")


async def test_quota_by_user_and_by_device(user: Caller, service: NestSimulator, clock: FakeClock) -> None:
    devices = f"{API}/enterprises/{PROJECT}/devices"
    assert [(await user.ask("GET", devices))[0] for _ in range(6)] == [200] * 5 + [429]
    name = "CameraLiveStream.StopRtspStream"
    assert [(await user.command(WIRED, name))[0] for _ in range(6)] == [400] * 5 + [429]
    assert [(await user.command(WIRED, "CameraLiveStream.ExtendRtspStream"))[0] for _ in range(5)] == [400] * 5
    status, error = await user.command(BATTERY, name)
    assert (status, error["error"]["errors"][0]["reason"]) == (429, "rateLimitExceeded")
    assert service.quota.refused == 3
    await clock.advance(60)
    assert (await user.ask("GET", devices))[0] == 200
    service.faults.throttled = True
    assert (await user.ask("GET", f"{API}/enterprises/{PROJECT}/structures"))[0] == 429


def watching(codec: Codec = "H264") -> Viewer:
    """Return a viewer who offers what the service wants: audio, video and data."""
    viewer = Viewer(codec, "audio", "video")
    viewer.peer.createDataChannel("dataSendChannel")
    return viewer


def picture_at(address: str) -> int:
    with av.open(address, "r", options=QUICK, timeout=60) as container:
        return next(container.decode(video=0)).width


async def test_rtsp_by_tokens_that_end(user: Caller, service: NestSimulator, clock: FakeClock) -> None:
    status, told = await user.command(WIRED, "CameraLiveStream.GenerateRtspStream")
    results = told["results"]
    first = results["streamUrls"]["rtspUrl"]
    assert (status, results["expiresAt"]) == (200, "2026-01-02T03:09:05.000Z")
    assert first.endswith(f"auth={results['streamToken']}")
    assert await asyncio.to_thread(picture_at, first) == 320
    await clock.advance(200)
    status, told = await user.command(
        WIRED, "CameraLiveStream.ExtendRtspStream", streamExtensionToken=results["streamExtensionToken"]
    )
    newer = told["results"]
    second = first.replace(results["streamToken"], newer["streamToken"])
    assert newer["expiresAt"] == "2026-01-02T03:12:25.000Z"
    assert await asyncio.to_thread(picture_at, second) == 320
    old = {"streamExtensionToken": results["streamExtensionToken"]}
    assert (await user.command(WIRED, "CameraLiveStream.ExtendRtspStream", **old))[0] == 400
    await clock.advance(300)
    service.streams.expire()
    with pytest.raises(av.error.HTTPNotFoundError):
        await asyncio.to_thread(picture_at, second)


async def test_rtsp_is_stopped_and_whoever_watches_is_cut_off(user: Caller, service: NestSimulator) -> None:
    _, told = await user.command(WIRED, "CameraLiveStream.GenerateRtspStream")
    address = told["results"]["streamUrls"]["rtspUrl"]

    def watch() -> int:
        with av.open(address, "r", options=QUICK, timeout=60) as container:
            return sum(1 for _ in container.demux(video=0))

    watching = asyncio.create_task(asyncio.to_thread(watch))
    await service.streams.rtsp.played.wait()
    token = {"streamExtensionToken": told["results"]["streamExtensionToken"]}
    assert await user.command(WIRED, "CameraLiveStream.StopRtspStream", **token) == (200, {})
    await watching
    assert service.streams.sessions == {}


async def test_a_camera_that_is_off_has_an_address_with_nothing_behind(user: Caller, service: NestSimulator) -> None:
    service.faults.offline.add(WIRED)
    _, told = await user.command(WIRED, "CameraLiveStream.GenerateRtspStream")
    with pytest.raises(av.error.HTTPNotFoundError):
        await asyncio.to_thread(picture_at, told["results"]["streamUrls"]["rtspUrl"])
    service.faults.offline.add(BATTERY)
    async with watching() as viewer:
        offer = await viewer.offer()
        status, error = await user.command(BATTERY, "CameraLiveStream.GenerateWebRtcStream", offerSdp=offer)
    assert (status, error["error"]["status"]) == (400, "FAILED_PRECONDITION")


@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_webrtc_sends_a_picture(user: Caller, service: NestSimulator, codec: Codec) -> None:
    service.device(BATTERY).codec = codec
    async with watching(codec) as viewer:
        offer = await viewer.offer()
        status, told = await user.command(BATTERY, "CameraLiveStream.GenerateWebRtcStream", offerSdp=offer)
        answer = told["results"]["answerSdp"]
        assert status == 200
        assert "a=candidate: " in answer
        assert "a=sendonly" not in answer
        await viewer.take(answer.replace("a=candidate: ", "a=candidate:1 ").replace("a=sendrecv", "a=sendonly"))
        first, *_, last = await viewer.numbers(3)
        assert first < last
        session = {"mediaSessionId": told["results"]["mediaSessionId"]}
        status, extended = await user.command(BATTERY, "CameraLiveStream.ExtendWebRtcStream", **session)
        assert (status, extended["results"].keys()) == (200, {"expiresAt", "mediaSessionId"})
        assert await user.command(BATTERY, "CameraLiveStream.StopWebRtcStream", **session) == (200, {})
    await service.streams.senders.idle()


async def test_what_webrtc_refuses(user: Caller, service: NestSimulator, clock: FakeClock) -> None:
    generate = "CameraLiveStream.GenerateWebRtcStream"
    async with watching() as viewer:
        offer = await viewer.offer()
        for wrong, status in (
            (offer.replace("m=audio", "m=text"), 400),
            (offer.rstrip(), 400),
            ("\r\n".join(each for each in offer.split("\r\n") if "a=candidate" not in each), 500),
            (offer.replace("H264/90000", "H265/90000"), 400),
        ):
            assert (await user.command(DOORBELL, generate, offerSdp=wrong))[0] == status
        await clock.advance(60)
        _, told = await user.command(DOORBELL, generate, offerSdp=offer)
        session = {"mediaSessionId": told["results"]["mediaSessionId"]}
        status, error = await user.command(DOORBELL, "CameraLiveStream.ExtendWebRtcStream", **session)
        assert (status, error["error"]["message"]) == (400, "Command is not supported for doorbell.")
        assert (await user.command(DOORBELL, "CameraLiveStream.GenerateRtspStream"))[0] == 400
        assert (await user.command(BATTERY, "CameraLiveStream.StopWebRtcStream", **session))[0] == 400
        await clock.advance(300)
        service.streams.expire()
        await service.streams.senders.idle()


class Pull:
    """A streaming pull of a subscription."""

    def __init__(self, token: str, subscription: str = SUBSCRIPTION) -> None:
        self.client = pubsub_v1.SubscriberAsyncClient(credentials=Credentials(token=token))
        self.subscription = subscription
        self.acks: asyncio.Queue[list[str]] = asyncio.Queue()

    async def requests(self) -> AsyncIterator[pubsub_v1.StreamingPullRequest]:
        yield pubsub_v1.StreamingPullRequest(subscription=self.subscription, stream_ack_deadline_seconds=180)
        while True:
            yield pubsub_v1.StreamingPullRequest(ack_ids=await self.acks.get(), stream_ack_deadline_seconds=180)

    async def messages(self) -> AsyncGenerator[tuple[str, dict[str, Any]]]:
        try:
            async for response in await self.client.streaming_pull(self.requests(), retry=None, timeout=None):
                for each in response.received_messages:
                    yield each.ack_id, json.loads(each.message.data)
        finally:
            await self.client.transport.close()


async def test_what_is_seen_is_pushed_until_it_is_acknowledged(
    user: Caller, service: NestSimulator, clock: FakeClock
) -> None:
    await user.listen()
    doorbell = service.device("doorbell")
    seen = service.happenings.begin(doorbell, "chime", zones=("Path",))
    service.happenings.clip(seen)
    service.happenings.end(seen)
    service.happenings.trait(service.device("wired"), "Connectivity", {"status": "OFFLINE"})
    service.happenings.relation(doorbell)
    messages = Pull(user.token).messages()
    told = [(await anext(messages))[1] for _ in range(5)]
    assert [each.get("eventThreadState") for each in told] == ["STARTED", "UPDATED", "ENDED", None, None]
    assert told[0]["resourceUpdate"]["events"]["sdm.devices.events.DoorbellChime.Chime"]["zones"] == ["Path"]
    assert told[3]["resourceUpdate"]["traits"] == {"sdm.devices.traits.Connectivity": {"status": "OFFLINE"}}
    assert told[4]["relationUpdate"]["type"] == "CREATED"
    await messages.aclose()
    await service.wait_until(lambda: service.push.listeners == 0)
    await clock.advance(181)
    pull = Pull(user.token)
    messages = pull.messages()
    again = [await anext(messages) for _ in range(5)]
    assert [each for _, each in again] == told, "what nobody acknowledged comes again"
    pull.acks.put_nowait([key for key, _ in again])
    await service.wait_until(lambda: not service.pubsub.subscriptions[SUBSCRIPTION].messages)
    service.faults.duplicates = True
    service.happenings.begin(doorbell, "motion", threaded=False)
    twice = [(await anext(messages))[1] for _ in range(2)]
    assert twice[0] == twice[1]
    assert "eventThreadState" not in twice[0]
    waiting = asyncio.ensure_future(anext(messages))
    service.push.drop()
    with pytest.raises(GoogleAPICallError):
        await waiting


async def test_nobody_who_never_listed_is_told_anything(user: Caller, service: NestSimulator) -> None:
    service.pubsub.managed.add("projects/sdm-prod/topics/enterprise-x")
    body = {"topic": "projects/sdm-prod/topics/enterprise-x"}
    assert (await user.ask("PUT", f"{PUSH}/{SUBSCRIPTION}", body))[0] == 200
    service.happenings.begin(service.device("wired"), "motion")
    assert service.pubsub.subscriptions[SUBSCRIPTION].messages == {}
    await user.ask("GET", f"{API}/enterprises/{PROJECT}/devices")
    service.happenings.begin(service.device("wired"), "motion")
    assert len(service.pubsub.subscriptions[SUBSCRIPTION].messages) == 1


async def test_whom_push_refuses(caller: Caller, service: NestSimulator) -> None:
    async def outcome(token: str, subscription: str = SUBSCRIPTION) -> None:
        await anext(Pull(token, subscription).messages())

    await caller.sign_in(scope=SDM)
    for token, expected in (("wrong", Unauthenticated), (caller.token, PermissionDenied)):
        with pytest.raises(expected):
            await outcome(token)
    await caller.sign_in()
    with pytest.raises(NotFound):
        await outcome(caller.token, f"projects/{CLOUD_PROJECT}/subscriptions/none")
    await service.push.stop()
    with pytest.raises(ServiceUnavailable):
        await outcome(caller.token)


async def test_topics_and_subscriptions_are_managed(user: Caller, service: NestSimulator) -> None:
    mine = f"{PUSH}/projects/{CLOUD_PROJECT}"
    assert await user.ask("GET", f"{mine}/topics") == (200, {})
    assert await user.ask("GET", f"{mine}/subscriptions") == (200, {})
    await user.listen()
    assert await user.ask("GET", f"{mine}/topics") == (200, {"topics": [{"name": TOPIC}]})
    assert (await user.ask("GET", f"{PUSH}/{TOPIC}"))[0] == 200
    assert (await user.ask("GET", f"{mine}/subscriptions"))[1]["subscriptions"][0]["topic"] == TOPIC
    for method, path, body, status in (
        ("PUT", TOPIC, None, 409),
        ("PUT", SUBSCRIPTION, {"topic": TOPIC}, 409),
        ("PUT", f"{SUBSCRIPTION}2", {"topic": f"{TOPIC}2"}, 404),
        ("GET", f"{SUBSCRIPTION}2", None, 404),
        ("GET", f"{TOPIC}2", None, 404),
        ("GET", "projects/another/topics", None, 403),
        ("GET", "nothing", None, 404),
        ("GET", "projects/sdm-prod/topics/enterprise-x", None, 404),
        ("DELETE", SUBSCRIPTION, None, 200),
        ("DELETE", TOPIC, None, 200),
    ):
        assert (await user.ask(method, f"{PUSH}/{path}", body))[0] == status
    service.pubsub.managed.add("projects/sdm-prod/topics/enterprise-x")
    assert (await user.ask("GET", f"{PUSH}/projects/sdm-prod/topics/enterprise-x"))[0] == 403
    service.faults.pubsub_disabled = True
    status, error = await user.ask("GET", f"{mine}/topics")
    assert (status, "has not been used" in error["error"]["message"]) == (403, True)


async def test_pictures_of_events_last_half_a_minute(user: Caller, service: NestSimulator, clock: FakeClock) -> None:
    wired = service.device("wired")
    seen = service.happenings.begin(wired, "motion")
    event = seen.events["sdm.devices.events.CameraMotion.Motion"]["eventId"]
    status, told = await user.command(WIRED, "CameraEventImage.GenerateImage", eventId=event)
    assert status == 200
    url, headers = told["results"]["url"], {"Authorization": f"Basic {told['results']['token']}"}
    async with user.session.get(url, params={"width": "640"}, headers=headers) as picture:
        assert (await picture.read()).startswith(b"\xff\xd8")
    assert (await user.ask("GET", url))[0] == 401
    assert (await user.command(BATTERY, "CameraEventImage.GenerateImage", eventId=event))[0] == 400
    assert (await user.command(WIRED, "CameraEventImage.GenerateImage", eventId="other"))[0] == 400
    await clock.advance(30)
    async with user.session.get(url, headers=headers) as late:
        assert late.status == 504
    assert (await user.command(WIRED, "CameraEventImage.GenerateImage", eventId=event))[0] == 504
    assert (await user.ask("GET", "https://media.nestservices.google.com/sdm_event/none"))[0] == 404


async def test_clips_are_short_films(user: Caller, service: NestSimulator) -> None:
    seen = service.happenings.begin(service.device("doorbell"), "person")
    service.happenings.clip(seen)
    url = seen.events["sdm.devices.events.CameraClipPreview.ClipPreview"]["previewUrl"]
    async with user.session.get(url, headers={"Authorization": f"Bearer {user.token}"}) as answer:
        film = await answer.read()
    with av.open(io.BytesIO(film), "r") as container:
        assert sum(1 for _ in container.decode(video=0)) == 10


async def test_faults_by_path_and_by_command(user: Caller, service: NestSimulator) -> None:
    service.faults.commands["GenerateRtspStream"] = (502, "")
    assert (await user.command(WIRED, "CameraLiveStream.GenerateRtspStream"))[0] == 502
    admin = "https://www.googleapis.com/_simulator"
    assert (await user.ask("POST", f"{admin}/faults", {"unknown": 1}))[0] == 400
    assert (await user.ask("POST", f"{admin}/faults", {"offline": [WIRED]}))[0] == 204
    assert service.faults.offline == {WIRED}
    assert (await user.ask("POST", f"{admin}/event", {"device": "wired"}))[0] == 204
    _, counts = await user.ask("GET", f"{admin}/counts")
    assert counts["commands"] == [[WIRED, "GenerateRtspStream"]]
    service.faults.answers["/v1/x"] = (503, "{}")
    assert (await user.ask("GET", f"{API}/x"))[0] == 503
    service.faults.down = True
    with pytest.raises(aiohttp.ClientError):
        await user.ask("GET", f"{API}/x")
    assert PROJECT in repr(service)


async def test_silence(user: Caller, service: NestSimulator) -> None:
    service.faults.slow_s = 86400
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await user.ask("GET", f"{API}/x")
    service.faults.silent_push = True
    messages = Pull(user.token).messages()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await anext(messages)
