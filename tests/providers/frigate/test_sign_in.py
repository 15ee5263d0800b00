import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
import socket
from typing import override

import aiohttp
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
import pytest
from yarl import URL

from custom_components.camhub.kernel.model import Account, JsonValue
from custom_components.camhub.kernel.signin import Answers
from custom_components.camhub.providers.frigate import SPEC
from simulators.authority import Authority
from simulators.frigate import FrigateSimulator
from simulators.names import Address
from tests.conftest import MakeContext
from tests.script import Enough, Script

from .conftest import PASSWORD, USER, MakeServer, Serve


def server_page(address: str, **others: JsonValue) -> tuple[str, Answers]:
    return "server", {"address": address, "verify_tls": True, "live": "auto", **others}


RIGHT: tuple[str, Answers] = ("login", {"username": USER, "password": PASSWORD})


@pytest.mark.parametrize("version", ["0.14", "0.16", "0.18"])
async def test_with_a_login(make_server: MakeServer, make_context: MakeContext, version: str) -> None:
    server = await make_server(version)
    script = Script(server_page(server.url), RIGHT)
    account = await SPEC.sign_in(make_context(), script)
    assert account == Account(
        title="Frigate",
        unique_id=None,
        match=server.url.removeprefix("http://"),
        credentials={
            "address": f"{server.url}/",
            "username": USER,
            "password": PASSWORD,
            "verify_tls": True,
            "proxy_secret": "",
            "live": "auto",
            "rtsp_template": "",
        },
    )
    assert server.login.attempts == 1
    assert script.forms[0].placeholders == {"example": "rtsp://{host}:8554/{name}"}


@pytest.mark.parametrize("version", ["0.14", "0.17"])
async def test_a_wrong_password(make_server: MakeServer, make_context: MakeContext, version: str) -> None:
    server = await make_server(version)
    wrong: tuple[str, Answers] = ("login", {"username": USER, "password": "wrong"})
    script = Script(server_page(server.url), wrong, RIGHT)
    await SPEC.sign_in(make_context(), script)
    assert script.errors == [{"base": "invalid_auth"}]
    assert server.login.attempts == 2


async def test_without_a_login_on_this_machine(server: FrigateSimulator, make_context: MakeContext) -> None:
    account = await SPEC.sign_in(make_context(), Script(server_page(server.open_url)))
    assert (account.credentials["username"], account.credentials["password"]) == ("", "")


class OwnNames(AbstractResolver):
    """Finds this machine under every name."""

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0)]

    @override
    async def close(self) -> None:
        pass


async def test_without_a_login_elsewhere_is_warned_of(server: FrigateSimulator, make_context: MakeContext) -> None:
    elsewhere = server.open_url.replace("127.0.0.1", "cams.example")
    script = Script(server_page(elsewhere), ("unprotected", {}))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=OwnNames())) as session:
        account = await SPEC.sign_in(replace(make_context(), session=lambda **_: session), script)
    assert script.forms[1].placeholders == {"host": "cams.example"}
    assert script.forms[1].fields == ()
    assert account.credentials["address"] == f"{elsewhere}/"


async def test_signing_in_again(server: FrigateSimulator, make_context: MakeContext) -> None:
    first = await SPEC.sign_in(make_context(), Script(server_page(server.url, proxy_secret=""), RIGHT))
    kept: tuple[str, Answers] = ("login", {"username": USER, "password": ""})
    script = Script(server_page(server.url), kept)
    assert await SPEC.sign_in(make_context(first.credentials), script) == first
    other: tuple[str, Answers] = ("login", {"username": "someone", "password": ""})
    nobody: tuple[str, Answers] = ("login", {"username": " ", "password": "x"})
    script = Script(server_page(server.url), other, nobody)
    with pytest.raises(Enough):
        await SPEC.sign_in(make_context(first.credentials), script)
    assert script.errors == [{"base": "password_missing"}, {"base": "username_missing"}]
    elsewhere = Script(server_page(server.url.replace("127.0.0.1", "localhost")), kept)
    with pytest.raises(Enough):
        await SPEC.sign_in(make_context(first.credentials), elsewhere)
    assert elsewhere.errors == [{"base": "password_missing"}], "a password goes to its own server only"


async def test_a_proxy_secret(server: FrigateSimulator, make_context: MakeContext) -> None:
    server.login.proxy_secret = "an example"
    script = Script(server_page(server.url, proxy_secret="wrong"), RIGHT)
    with pytest.raises(Enough):
        await SPEC.sign_in(make_context(), script)
    script = Script(server_page(server.open_url, proxy_secret="an example"))
    account = await SPEC.sign_in(make_context(), script)
    assert account.credentials["proxy_secret"] == "an example"
    again = Script(server_page(server.open_url))
    assert await SPEC.sign_in(make_context(account.credentials), again) == account


async def test_a_role_without_cameras(server: FrigateSimulator, make_context: MakeContext) -> None:
    server.login.roles = {"family": ("none_there",)}
    server.login.users[USER].role = "family"
    script = Script(server_page(server.url), RIGHT)
    with pytest.raises(Enough):
        await SPEC.sign_in(make_context(), script)
    assert script.errors == [{"base": "role_sees_nothing"}]


async def test_what_is_wrong_with_the_server(make_server: MakeServer, make_context: MakeContext) -> None:
    old, new = await make_server("0.13"), await make_server()
    new.faults.restarting = True
    script = Script(
        server_page("two words"),
        server_page("ftp://192.0.2.1"),
        server_page(new.url, rtsp_template="http://{name}"),
        server_page(old.open_url),
        server_page(new.url),
    )
    with pytest.raises(Enough):
        await SPEC.sign_in(make_context(), script)
    reasons = ["invalid_address", "invalid_address", "unsupported_rtsp_template", "version_unsupported"]
    assert script.errors == [{"base": reason} for reason in [*reasons, "server_starting"]]
    assert script.forms[4].placeholders == {"example": "rtsp://{host}:8554/{name}", "version": "0.13"}


@pytest.mark.parametrize("status", [200, 404])
async def test_something_else_answers(server: FrigateSimulator, make_context: MakeContext, status: int) -> None:
    for place in ("version", "config"):
        server.faults.answers[f"/api/{place}"] = (status, "text/html", "<html>")
    script = Script(server_page(server.open_url))
    with pytest.raises(Enough):
        await SPEC.sign_in(make_context(), script)
    assert script.errors == [{"base": "not_this_device"}]


async def test_a_port_is_looked_for(server: FrigateSimulator, make_context: MakeContext) -> None:
    """Without a scheme the port with a login is tried with TLS first; here nobody listens there."""
    script = Script(server_page("127.0.0.1:1"))
    with pytest.raises(Enough):
        await SPEC.sign_in(make_context(), script)
    assert script.errors == [{"base": "cannot_connect"}]
    account = await SPEC.sign_in(make_context(), Script(server_page(server.open_url.removeprefix("http://"))))
    assert account.credentials["address"] == f"{server.open_url}/"


@pytest.fixture
async def encrypted(authority: Authority, servers: AsyncExitStack) -> Callable[[str], Awaitable[Address]]:
    """Return a starter of a server that speaks TLS under a name and asks for no login."""

    async def answer(request: web.Request) -> web.Response:
        told: dict[str, JsonValue] = {"cameras": {}, "version": "0.17-0", "username": "anonymous"}
        return web.Response(text="0.17.0-abc") if request.path == "/api/version" else web.json_response(told)

    async def start(name: str) -> Address:
        app = web.Application()
        app.router.add_get("/{path:.*}", answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        servers.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=authority.server(name)).start()
        return "127.0.0.1", runner.addresses[0][1]

    return start


async def test_the_usual_port_speaks_tls_whatever_was_typed(
    encrypted: Callable[[str], Awaitable[Address]], names: dict[str, Address], make_context: MakeContext
) -> None:
    names["cams.example"] = await encrypted("cams.example")
    names["other.example"] = await encrypted("cams.example")
    script = Script(
        server_page("http://other.example:8971"), server_page("http://cams.example:8971"), ("unprotected", {})
    )
    account = await SPEC.sign_in(make_context(), script)
    assert script.errors == [{"base": "tls_untrusted"}]
    assert account.credentials["address"] == "https://cams.example:8971/"


async def test_a_proxy_that_leads_to_https_is_followed(
    encrypted: Callable[[str], Awaitable[Address]], names: dict[str, Address], make_context: MakeContext
) -> None:
    """The secret of an address goes to that address: not to the one without TLS, which is asked first."""
    names["cams.example"] = await encrypted("cams.example")
    stored: dict[str, JsonValue] = {"address": "https://cams.example/", "proxy_secret": "an example"}
    script = Script(server_page("http://cams.example"), ("unprotected", {}))
    account = await SPEC.sign_in(make_context(stored), script)
    assert (account.credentials["address"], account.credentials["proxy_secret"]) == ("https://cams.example/", "")


async def test_what_answered_is_told_rather_than_that_it_speaks_no_tls(
    serve: Serve, names: dict[str, Address], make_context: MakeContext
) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=400, text="<html>400 Bad Request</html>")

    url = URL(await serve(answer))
    names["cams.example"] = (str(url.host), url.port or 0)
    script = Script(server_page("http://cams.example:8971"), server_page("https://cams.example:5000"))
    with pytest.raises(Enough):
        await SPEC.sign_in(make_context(), script)
    assert script.errors == [{"base": "malformed"}, {"base": "tls_failed"}]


async def test_a_login_that_is_refused_for_another_reason(server: FrigateSimulator, make_context: MakeContext) -> None:
    server.faults.answers["/api/config"] = (403, "application/json", '{"detail": "Role not provided"}')
    script = Script(server_page(server.open_url), server_page(server.url), RIGHT)
    with pytest.raises(Enough):
        await SPEC.sign_in(make_context(), script)
    assert script.errors == [{"base": "insufficient_permission"}, {"base": "insufficient_permission"}]


async def test_a_sign_in_may_be_given_up(make_context: MakeContext) -> None:
    signing = asyncio.ensure_future(SPEC.sign_in(make_context(), Script()))
    with pytest.raises(Enough):
        await signing
