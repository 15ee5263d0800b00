import asyncio
import base64
import json

from aiohttp import web
import pytest

from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable
from custom_components.camhub.providers.frigate.auth import EARLY_S
from custom_components.camhub.providers.frigate.client import ANSWER_S, JSON_LIMIT
from custom_components.camhub.providers.frigate.topics import say
from simulators.frigate import FrigateSimulator
from tests.fake_clock import FakeClock, settle

from .conftest import MakeClient, MakeServer, Serve


async def test_one_login_for_all_who_ask(server: FrigateSimulator, make_client: MakeClient) -> None:
    client = make_client(server.url)
    await asyncio.gather(*(client.json("api/config") for _ in range(10)))
    assert server.login.attempts == 1


async def test_one_refusal_for_all_who_ask(server: FrigateSimulator, make_client: MakeClient) -> None:
    client = make_client(server.url, password="wrong")
    found = await asyncio.gather(*(client.json("api/config") for _ in range(10)), return_exceptions=True)
    assert {type(each) for each in found} == {AuthError}
    assert server.login.attempts == 1


async def test_a_token_is_replaced_before_its_end(
    server: FrigateSimulator, make_client: MakeClient, clock: FakeClock
) -> None:
    server.login.refresh_s = 0
    client = make_client(server.url)
    await client.json("api/config")
    await clock.advance(server.login.session_s - EARLY_S - 1)
    await client.json("api/config")
    assert server.login.attempts == 1
    await clock.advance(1)
    await client.json("api/config")
    assert server.login.attempts == 2


async def test_a_renewed_cookie_is_taken(server: FrigateSimulator, make_client: MakeClient, clock: FakeClock) -> None:
    client = make_client(server.url)
    await client.json("api/config")
    for _ in range(100):
        await clock.advance(1500)
        await client.json("api/config")
    assert server.login.attempts == 1


async def test_a_token_that_is_refused_is_replaced_once(
    server: FrigateSimulator, make_client: MakeClient, clock: FakeClock
) -> None:
    client = make_client(server.url)
    await client.json("api/config")
    server.login.forget_tokens()
    await asyncio.gather(*(client.json("api/config") for _ in range(5)))
    assert server.login.attempts == 2
    await clock.advance(3600)
    server.login.forget_tokens()
    await client.json("api/config")
    assert server.login.attempts == 3


async def test_a_cookie_of_another_name(server: FrigateSimulator, make_client: MakeClient) -> None:
    server.login.cookie = "cams"
    assert await make_client(server.url).json("api/profile")


async def test_a_server_that_keeps_no_login(serve: Serve, make_client: MakeClient) -> None:
    """Never a loop: a token for a refused one that is refused as well is the last."""
    logins = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal logins
        if request.path != "/api/login":
            return web.Response(status=401)
        logins += 1
        response = web.Response()
        response.set_cookie("other", "x")
        response.set_cookie("token", f"a.{logins}.c")
        return response

    client = make_client(await serve(answer))
    for _ in range(3):
        with pytest.raises(AuthError) as caught:
            await client.json("api/config")
        assert caught.value.reason == "session_refused"
    assert logins == 2
    with pytest.raises(AuthError):
        async with client.socket():
            pass


def token(**claims: float) -> str:
    return f"a.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.c"


@pytest.mark.parametrize(
    ("value", "life"), [("opaque", 86400), ("a.!.c", 86400), (token(exp=1767323045 + 1000), 1000), ("a.eA.c", 86400)]
)
async def test_the_life_of_other_tokens(
    serve: Serve, make_client: MakeClient, clock: FakeClock, value: str, life: float
) -> None:
    logins = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal logins
        response = web.json_response({})
        if request.path == "/api/login":
            logins += 1
            response.set_cookie("token", value)
        return response

    client = make_client(await serve(answer))
    await client.json("api/config")
    await clock.advance(life - min(EARLY_S, life / 10) - 1)
    await client.json("api/config")
    assert logins == 1
    await clock.advance(2)
    await client.json("api/config")
    assert logins == 2


async def test_a_cookie_that_is_sent_again_lives_no_longer(
    serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    logins = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal logins
        logins += request.path == "/api/login"
        response = web.json_response({})
        response.set_cookie("token", token(iat=0, exp=1000))
        return response

    client = make_client(await serve(answer))
    for _ in range(4):
        await client.json("api/config")
        await clock.advance(299)
    assert logins == 1
    await client.json("api/config")
    assert logins == 2


async def test_a_login_without_a_token(serve: Serve, make_client: MakeClient) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=200)

    with pytest.raises(Malformed) as caught:
        await make_client(await serve(answer)).json("api/config")
    assert caught.value.reason == "not_this_device"


async def test_the_login_is_switched_off(make_server: MakeServer, make_client: MakeClient) -> None:
    server = await make_server("0.18")
    server.login.enabled = False
    client = make_client(server.url)
    assert await client.json("api/profile")
    assert await client.json("api/profile")
    assert server.requests["/api/login"] == 1


async def test_the_login_is_throttled(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    asked = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response(status=429, headers={"Retry-After": "7"})

    client = make_client(await serve(answer))
    for left, passed in ((7, 0), (7, 2), (5, 0)):
        with pytest.raises(Throttled) as caught:
            await client.json("api/config")
        assert caught.value.retry_after == left
        await clock.advance(passed)
    assert asked == 1


async def test_a_login_while_the_server_restarts(server: FrigateSimulator, make_client: MakeClient) -> None:
    server.faults.restarting = True
    client = make_client(server.url)
    with pytest.raises(Unreachable):
        await client.json("api/config")
    server.faults.restarting = False
    assert await client.json("api/config")


async def test_no_answer_in_time(server: FrigateSimulator, make_client: MakeClient, clock: FakeClock) -> None:
    client = make_client(server.url)
    await client.json("api/config")
    server.faults.slow_s = 86400
    asked = server.requests.total()
    asking = asyncio.ensure_future(client.json("api/config"))
    await server.wait_until(lambda: server.requests.total() > asked)
    await clock.advance(ANSWER_S)
    with pytest.raises(Unreachable) as caught:
        await asking
    assert caught.value.reason == "timeout"


async def test_a_connection_that_is_cut(server: FrigateSimulator, make_client: MakeClient) -> None:
    client = make_client(server.url)
    await client.json("api/config")
    server.faults.down = True
    with pytest.raises(Unreachable):
        await client.json("api/config")
    with pytest.raises(Unreachable):
        async with client.socket():
            pass


async def test_an_answer_without_end(serve: Serve, make_client: MakeClient) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=bytes(JSON_LIMIT + 1))

    with pytest.raises(Malformed):
        await make_client(await serve(answer), username="").json("api/config")


async def test_an_answer_that_breaks_off(make_client: MakeClient) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    client = make_client(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", username="")
    with pytest.raises(Unreachable):
        await client.json("api/config")
    server.close()
    server.close_clients()


@pytest.mark.parametrize(
    ("answer", "error"),
    [(b"220 not the web\r\n", Malformed), (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", Unreachable)],
)
async def test_a_stream_of_something_else_or_that_breaks_off(
    make_client: MakeClient, answer: bytes, error: type[HubError]
) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    client = make_client(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", username="")

    async def watch() -> None:
        async with client.stream("api/driveway") as response:
            while await client.read_chunk(response):
                pass

    with pytest.raises(error):
        await watch()
    server.close()
    server.close_clients()


async def test_tls_that_is_none(server: FrigateSimulator, make_client: MakeClient) -> None:
    with pytest.raises(Unreachable) as caught:
        await make_client(server.url.replace("http:", "https:")).json("api/config")
    assert caught.value.reason == "tls_failed"


async def test_below_a_path(serve: Serve, make_client: MakeClient) -> None:
    paths: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        paths.append(request.path)
        return web.json_response({})

    url = await serve(answer)
    await make_client(f"{url}/cams/", username="").json("api/config")
    assert paths == ["/cams/api/config"]


async def test_a_websocket_that_ends_while_being_spoken_to(server: FrigateSimulator, make_client: MakeClient) -> None:
    client = make_client(server.url)
    async with client.socket() as socket:
        await socket.close()
        with pytest.raises(HubError):
            await say(socket, "onConnect", "")


async def test_the_websocket_logs_in_again(server: FrigateSimulator, make_client: MakeClient) -> None:
    client = make_client(server.url)
    await client.json("api/config")
    server.login.forget_tokens()
    async with client.socket():
        await settle()
    assert server.login.attempts == 2
