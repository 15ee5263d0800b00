import asyncio
from collections.abc import AsyncIterator, Callable

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest
from yarl import URL

from custom_components.camhub.kernel.errors import AuthError
from custom_components.camhub.kernel.http_auth import HttpAuth
from custom_components.camhub.kernel.secret import Secret
from simulators.hikvision import HikvisionSimulator
from simulators.hikvision.login import Mode
from tests.conftest import MakeContext
from tests.fake_clock import settle

USER = "camhub"
PASSWORD = "pa:ss wörd"
INFO = "/ISAPI/System/deviceInfo"
PICTURE = "/ISAPI/Streaming/channels/101/picture"


class Client:
    """A session with an account, and what it really sent."""

    def __init__(self, make_context: MakeContext, auth: HttpAuth) -> None:
        self.auth = auth
        self.sent: list[str | None] = []
        self.answered = asyncio.Event()
        self.session = make_context().session(middlewares=(auth, self._record))

    async def _record(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        self.sent.append(request.headers.get("Authorization"))
        response = await handler(request)
        self.answered.set()
        return response

    async def get(self, url: str | URL) -> int:
        async with self.session.get(url) as response:
            await response.read()
            return response.status

    def schemes(self) -> list[str]:
        return [each.split()[0] if each else "" for each in self.sent]


type MakeClient = Callable[..., Client]


@pytest.fixture
def make_client(make_context: MakeContext) -> MakeClient:
    def make(username: str = USER, password: str = PASSWORD, *, allow_basic: bool = True) -> Client:
        return Client(make_context, HttpAuth(username, Secret(password), allow_basic=allow_basic))

    return make


@pytest.fixture
async def client(make_client: MakeClient) -> Client:
    return make_client()


@pytest.fixture
async def device() -> AsyncIterator[HikvisionSimulator]:
    async with HikvisionSimulator(model="camera", user=USER, password=PASSWORD) as running:
        yield running


async def test_sends_nothing_before_it_is_asked_then_keeps_one_nonce(
    device: HikvisionSimulator, client: Client
) -> None:
    assert client.auth.scheme is None
    assert [await client.get(device.url + PICTURE) for _ in range(100)] == [200] * 100
    assert client.sent[0] is None
    assert client.auth.scheme == "digest"
    assert (device.requests[PICTURE], device.refusals, len(device.peers)) == (101, 1, 1)


async def test_eight_at_once_cost_one_refusal(device: HikvisionSimulator, client: Client) -> None:
    assert await asyncio.gather(*(client.get(device.url + PICTURE) for _ in range(8))) == [200] * 8
    assert (device.requests[PICTURE], device.refusals) == (9, 1)


@pytest.mark.parametrize("mode", ["digest", "digest-basic", "basic-digest", "combined"])
async def test_digest_is_preferred_whatever_the_order(device: HikvisionSimulator, client: Client, mode: Mode) -> None:
    device.login.mode = mode
    assert await client.get(device.url + INFO) == 200
    assert client.schemes() == ["", "Digest"]


@pytest.mark.parametrize(
    "algorithm", ["", "MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-SESS"]
)
@pytest.mark.parametrize("qop", [None, "auth", "auth,auth-int"])
async def test_algorithms_and_qualities(
    device: HikvisionSimulator, client: Client, algorithm: str, qop: str | None
) -> None:
    device.login.algorithms = (algorithm,)
    device.login.qop = qop
    assert [await client.get(f"{device.url}{INFO}?a=1%2F2&b=%20x") for _ in range(3)] == [200] * 3
    assert device.refusals == 1


async def test_takes_the_strongest_algorithm(device: HikvisionSimulator, client: Client) -> None:
    device.login.algorithms = ("MD5", "SHA-256", "TOKEN")
    assert await client.get(device.url + INFO) == 200
    assert client.sent[1] is not None
    assert "algorithm=SHA-256" in client.sent[1]


@pytest.mark.parametrize("opaque", ["", None, "799d5"])
@pytest.mark.parametrize("domain", ["::", "/", None, "http://192.0.2.1/"])
@pytest.mark.parametrize("quoted", [True, False])
async def test_the_rest_of_a_challenge(
    device: HikvisionSimulator, client: Client, opaque: str | None, domain: str | None, quoted: bool
) -> None:
    device.login.opaque, device.login.domain, device.login.quoted = opaque, domain, quoted
    assert await client.get(device.url + INFO) == 200
    assert await client.get(device.url + PICTURE) == 200
    assert device.refusals == 1


async def test_a_body_is_sent_again(device: HikvisionSimulator, client: Client) -> None:
    async with client.session.put(f"{device.url}/ISAPI/System/reboot", data=b"<reboot/>") as response:
        assert response.status == 200
    assert device.reboots == 1
    assert await client.get(device.url + INFO) == 200
    assert client.schemes() == ["", "Digest", "Digest", "Digest"]


async def test_a_spent_nonce_costs_one_refusal(device: HikvisionSimulator, client: Client) -> None:
    device.login.nonce_uses = 5
    assert [await client.get(device.url + INFO) for _ in range(20)] == [200] * 20
    assert (device.refusals, device.login.failures) == (4, 0)


async def test_an_announced_nonce_costs_none(device: HikvisionSimulator, client: Client) -> None:
    device.login.nonce_uses = 5
    device.login.next_nonce_at = 5
    assert [await client.get(device.url + INFO) for _ in range(20)] == [200] * 20
    assert device.refusals == 1


async def test_a_restart_under_load(device: HikvisionSimulator, client: Client) -> None:
    assert await client.get(device.url + INFO) == 200
    device.reboot()
    assert await asyncio.gather(*(client.get(device.url + INFO) for _ in range(8))) == [200] * 8
    assert device.refusals <= 1 + 8
    assert device.login.failures == 0
    assert await asyncio.gather(*(client.get(device.url + INFO) for _ in range(8))) == [200] * 8
    assert device.refusals <= 1 + 8


async def test_counts_out_of_order(device: HikvisionSimulator, client: Client) -> None:
    device.login.ordered = True
    for _ in range(5):
        assert await asyncio.gather(*(client.get(device.url + INFO) for _ in range(4))) == [200] * 4


async def test_a_wrong_password_is_tried_once_and_its_refusal_can_be_read(
    device: HikvisionSimulator, make_client: MakeClient
) -> None:
    client = make_client(password="wrong")
    async with client.session.get(device.url + INFO) as response:
        assert response.status == 401
        assert "<retryLoginTime>6</retryLoginTime>" in await response.text()
    assert client.schemes() == ["", "Digest"]
    assert client.auth.scheme is None
    assert await client.get(device.url + INFO) == 401
    assert client.schemes() == ["", "Digest", "", "Digest"]


async def test_a_wrong_password_is_tried_once_however_many_ask(
    device: HikvisionSimulator, make_client: MakeClient
) -> None:
    client = make_client(password="wrong")
    assert await asyncio.gather(*(client.get(device.url + INFO) for _ in range(8))) == [401] * 8
    assert (device.login.failures, device.signed) == (1, 1)
    assert await asyncio.gather(*(client.get(device.url + INFO) for _ in range(8))) == [401] * 8
    assert (device.login.failures, device.signed) == (2, 2)


async def test_a_lock_is_told(device: HikvisionSimulator, make_client: MakeClient) -> None:
    device.login.lock_after = 1
    assert await make_client(password="wrong").get(device.url + INFO) == 401
    async with make_client().session.get(device.url + INFO) as response:
        assert response.status == 401
        assert "<unlockTime>1800</unlockTime>" in await response.text()


async def test_a_password_changed_meanwhile(device: HikvisionSimulator, client: Client) -> None:
    assert await client.get(device.url + INFO) == 200
    device.login.password = "another"
    assert await asyncio.gather(*(client.get(device.url + INFO) for _ in range(2))) == [401] * 2
    assert client.schemes()[-1] == ""
    assert device.login.failures <= 3
    device.login.password = PASSWORD
    assert await client.get(device.url + INFO) == 200


async def test_the_same_nonce_again_is_a_refusal(device: HikvisionSimulator, client: Client) -> None:
    device.login.one_nonce = True
    assert await client.get(device.url + INFO) == 200
    device.login.password = "another"
    assert await client.get(device.url + INFO) == 401
    assert client.schemes() == ["", "Digest", "Digest"]


async def test_a_device_whose_nonces_are_always_stale(device: HikvisionSimulator, client: Client) -> None:
    device.login.nonce_uses = 0
    assert await client.get(device.url + INFO) == 401
    assert client.schemes() == ["", "Digest", "Digest"]


async def test_nonces_that_die_while_many_ask(device: HikvisionSimulator, client: Client) -> None:
    device.login.nonce_uses = 1
    statuses = await asyncio.gather(*(client.get(device.url + INFO) for _ in range(6)))
    assert statuses.count(200) >= 3
    assert len(client.sent) <= 6 * 5


async def test_basic_where_nothing_else_is_offered(device: HikvisionSimulator, client: Client) -> None:
    device.login.mode = "basic"
    assert [await client.get(device.url + INFO) for _ in range(3)] == [200] * 3
    assert client.schemes() == ["", "Basic", "Basic", "Basic"]
    assert client.auth.scheme == "basic"
    device.login.password = "another"
    assert await client.get(device.url + INFO) == 401
    assert len(client.sent) == 5


async def test_basic_can_be_forbidden(device: HikvisionSimulator, make_client: MakeClient) -> None:
    device.login.mode = "basic"
    client = make_client(allow_basic=False)
    assert await client.get(device.url + INFO) == 401
    assert client.sent == [None]


async def test_basic_is_not_sent_where_digest_was_in_use(device: HikvisionSimulator, client: Client) -> None:
    assert await client.get(device.url + INFO) == 200
    device.login.mode = "basic"
    assert await client.get(device.url + INFO) == 401
    assert client.schemes() == ["", "Digest", "Digest"]


async def test_from_basic_to_digest(device: HikvisionSimulator, client: Client) -> None:
    device.login.mode = "basic"
    assert await client.get(device.url + INFO) == 200
    device.login.mode = "digest"
    assert await client.get(device.url + INFO) == 200
    assert client.schemes() == ["", "Basic", "Basic", "Digest"]
    assert client.auth.scheme == "digest"


@pytest.mark.parametrize("challenge", [("TOKEN", "auth"), ("MD5", "auth-int")])
async def test_a_digest_nobody_can_answer_does_not_lead_to_basic(
    device: HikvisionSimulator, client: Client, challenge: tuple[str, str]
) -> None:
    device.login.mode = "basic-digest"
    device.login.algorithms, device.login.qop = challenge[:1], challenge[1]
    assert await asyncio.gather(*(client.get(device.url + INFO) for _ in range(2))) == [401] * 2
    assert client.sent == [None, None]


async def test_an_open_device_is_asked_side_by_side(device: HikvisionSimulator, client: Client) -> None:
    device.login.mode = "open"
    assert await client.get(device.url + INFO) == 200
    device.hold()
    taken = [asyncio.create_task(client.get(device.url + PICTURE)) for _ in range(3)]
    await device.wait_until(lambda: device.busiest == 3)
    device.release()
    assert await asyncio.gather(*taken) == [200] * 3
    assert client.sent == [None] * 4
    device.login.mode = "digest"
    assert await asyncio.gather(*(client.get(device.url + INFO) for _ in range(3))) == [200] * 3
    assert client.schemes().count("Digest") == 3


async def test_a_failure_in_the_handshake_lets_the_next_one_begin(device: HikvisionSimulator, client: Client) -> None:
    device.faults.down = True
    with pytest.raises(aiohttp.ClientError):
        await client.get(device.url + INFO)
    device.faults.down = False
    assert await client.get(device.url + INFO) == 200


async def test_a_colon_cannot_go_by_basic(device: HikvisionSimulator, make_client: MakeClient) -> None:
    device.login.mode = "basic"
    with pytest.raises(AuthError) as caught:
        await make_client("a:b").get(device.url + INFO)
    assert caught.value.reason == "username_unusable"
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("username", ["a\r\nX: y", "a\x00", "\ud800"])
def test_a_name_that_no_header_can_hold(username: str) -> None:
    with pytest.raises(AuthError) as caught:
        HttpAuth(username, Secret("p"))
    assert caught.value.reason == "username_unusable"


class Elsewhere:
    """A server of one's own making."""

    def __init__(self) -> None:
        self.authorizations: list[str | None] = []
        self.body = b"no"
        self.chunked = False
        self.redirect: str | None = None
        self.hangs = False
        self.over = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.authorizations.append(request.headers.get("Authorization"))
        if self.redirect:
            raise web.HTTPFound(self.redirect)
        if request.headers.get("Authorization"):
            return web.Response()
        headers = {"WWW-Authenticate": 'Digest realm="x", nonce="1"'}
        if self.hangs:
            begun = web.StreamResponse(status=401, headers={**headers, "Content-Length": "9"})
            await begun.prepare(request)
            await self.over.wait()
            return begun
        response = web.Response(status=401, headers=headers, body=self.body)
        if self.chunked:
            response.enable_chunked_encoding()
        return response


@pytest.fixture
def elsewhere() -> Elsewhere:
    return Elsewhere()


@pytest.fixture
async def server(elsewhere: Elsewhere) -> AsyncIterator[TestServer]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", elsewhere.handle)
    running = TestServer(app)
    async with running:
        yield running


async def test_credentials_do_not_leave_their_origin(
    device: HikvisionSimulator, client: Client, elsewhere: Elsewhere, server: TestServer
) -> None:
    assert await client.get(device.url + INFO) == 200
    assert await client.get(server.make_url("/")) == 401
    assert elsewhere.authorizations == [None]


async def test_credentials_do_not_follow_a_redirect_to_another_origin(
    device: HikvisionSimulator, client: Client, elsewhere: Elsewhere, server: TestServer
) -> None:
    elsewhere.redirect = device.url + INFO
    assert await client.get(server.make_url("/")) == 401
    assert (device.signed, device.refusals) == (0, 1)


async def test_a_redirect_within_the_origin_is_signed_for_its_own_path(
    client: Client, elsewhere: Elsewhere, server: TestServer
) -> None:
    assert await client.get(server.make_url("/a")) == 200
    elsewhere.redirect = "/b?c=d"
    with pytest.raises(aiohttp.TooManyRedirects):
        await client.get(server.make_url("/a"))
    assert 'uri="/b?c=d"' in (elsewhere.authorizations[-1] or "")


@pytest.mark.parametrize("chunked", [False, True])
async def test_an_endless_refusal_is_cut_off(
    client: Client, elsewhere: Elsewhere, server: TestServer, chunked: bool
) -> None:
    elsewhere.body, elsewhere.chunked = b"x" * 2**22, chunked
    assert await client.get(server.make_url("/")) == 200


async def test_a_refusal_that_hangs_can_be_given_up(client: Client, elsewhere: Elsewhere, server: TestServer) -> None:
    elsewhere.hangs = True
    asked = asyncio.create_task(client.get(server.make_url("/")))
    await client.answered.wait()
    await settle()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert client.session.connector is not None
    assert not client.session.connector._acquired
    elsewhere.over.set()
    elsewhere.hangs = False
    assert await client.get(server.make_url("/")) == 200


async def test_another_announced_nonce_is_taken_only_from_the_signer_in_use(
    device: HikvisionSimulator, client: Client
) -> None:
    assert await client.get(device.url + PICTURE) == 200
    device.hold()
    device.login.next_nonce_at = 2
    first, second = (asyncio.create_task(client.get(device.url + PICTURE)) for _ in range(2))
    await device.wait_until(lambda: device.busiest == 2)
    device.release()
    assert (await first, await second) == (200, 200)
    assert await client.get(device.url + INFO) == 200
    assert device.refusals == 1


async def test_a_refusal_without_length_is_not_waited_for(client: Client) -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        if b"Authorization" in asked:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        else:
            # It neither says how long its answer is nor hangs up.
            writer.write(b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm="a", nonce="b"\r\n\r\n')
        await reader.read()
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        assert await client.get(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/") == 200
    finally:
        server.close()
        server.close_clients()
