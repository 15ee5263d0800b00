from collections.abc import AsyncIterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import aiohttp
from aiohttp import web
import pytest
from yarl import URL

from custom_components.camhub.kernel.errors import Unsupported
from custom_components.camhub.kernel.redirects import RedirectRefused, guard, onward
from simulators.names import NOWHERE, Address, Names

ASKED = URL("https://camera.example:8443/picture")


@pytest.mark.parametrize(
    ("location", "led"),
    [
        ("/other", "https://camera.example:8443/other"),
        ("other?width=5", "https://camera.example:8443/other?width=5"),
        ("https://camera.example/picture", "https://camera.example/picture"),
        ("https://CAMERA.example/picture", "https://camera.example/picture"),
        ("//camera.example:9443/x", "https://camera.example:9443/x"),
        ("http://camera.example/picture", None),
        ("https://elsewhere.example/picture", None),
        ("//elsewhere.example/picture", None),
        ("https://camera.example@elsewhere.example/", None),
        ("http://127.0.0.1/", None),
        ("http://[::1]/", None),
        ("http://169.254.169.254/latest/meta-data/", None),
        ("http://2852039166/", None),
        ("file:///etc/passwd", None),
        ("gopher://camera.example/", None),
        ("https://[", None),
        ("", None),
    ],
)
def test_only_the_host_that_was_asked_is_asked_again(location: str, led: str | None) -> None:
    assert onward(ASKED, location) == (None if led is None else URL(led))


def test_a_device_may_lead_to_its_own_safe_port() -> None:
    assert onward(URL("http://192.0.2.4/x"), "https://192.0.2.4/x") == URL("https://192.0.2.4/x")
    assert onward(URL("http://192.0.2.4/x"), "http://169.254.169.254/x") is None
    assert onward(URL("http://192.0.2.4/x"), "http://192.0.2.5/x") is None


class Leading:
    """A server that leads `/there` to itself and everything else to `elsewhere`."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.elsewhere = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        if request.path == "/end":
            return web.Response(text="the end")
        location = "/end" if request.path == "/there" else self.elsewhere
        return web.Response(status=HTTPStatus.TEMPORARY_REDIRECT, headers={"Location": location} if location else {})


@pytest.fixture
async def servers() -> AsyncIterator[Sequence[tuple[Leading, URL]]]:
    """Return two servers; they are two hosts by name."""
    made: list[tuple[Leading, URL]] = []
    runners: list[web.AppRunner] = []
    for host in ("127.0.0.1", "localhost"):
        leading, application = Leading(), web.Application()
        application.router.add_route("*", "/{rest:.*}", leading.answer)
        runners.append(web.AppRunner(application, access_log=None))
        await runners[-1].setup()
        await web.TCPSite(runners[-1], "127.0.0.1", 0).start()
        made.append((leading, URL(f"http://{host}:{runners[-1].addresses[0][1]}")))
    yield made
    for runner in runners:
        await runner.cleanup()


async def test_a_session_with_the_guard_stays_with_its_host(servers: Sequence[tuple[Leading, URL]]) -> None:
    (one, here), (other, there) = servers
    one.elsewhere = str(there / "end")
    async with aiohttp.ClientSession(trace_configs=[guard()]) as session:
        async with session.get(here / "there") as answer:
            assert await answer.text() == "the end"
        with pytest.raises(RedirectRefused) as caught:
            await session.post(here / "away", data={"token": "example"}, headers={"Authorization": "Bearer example"})
        assert "localhost" not in f"{caught.value} {caught.value!r}"
        assert other.asked == []
        async with session.get(here / "away", allow_redirects=False) as answer:
            assert answer.status == HTTPStatus.TEMPORARY_REDIRECT, "who reads redirects is not disturbed"


async def test_a_redirect_to_nowhere_is_refused(servers: Sequence[tuple[Leading, URL]]) -> None:
    (_, here), _ = servers
    async with aiohttp.ClientSession(trace_configs=[guard()]) as session:
        with pytest.raises(RedirectRefused):
            await session.get(here / "away")


class Resolving(aiohttp.TCPConnector):
    """Tells where names lead, as Home Assistant's connector does, and notes what it is to connect to."""

    def __init__(self, mapping: Mapping[str, Address]) -> None:
        names = Names(mapping)
        super().__init__(resolver=names)
        self._names = names

    async def async_resolve_host(self, host: str) -> Sequence[Mapping[str, Any]]:
        return await self._names.resolve(host)


@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "[fd00:ec2::254]", "metadata.google.internal"])
async def test_nobody_is_led_to_a_metadata_service(host: str) -> None:
    async with aiohttp.ClientSession(trace_configs=[guard()]) as session:
        with pytest.raises(Unsupported) as caught:
            await session.get(f"http://{host}/latest/meta-data/")
    assert caught.value.reason == "address_forbidden"


async def test_nor_by_a_name_that_leads_there(servers: Sequence[tuple[Leading, URL]]) -> None:
    (_, here), _ = servers
    connector = Resolving(
        {
            "rebound.example.com": ("169.254.169.254", 80),
            "yard.example.com": ("127.0.0.1", here.port or 0),
            "gone.example.com": NOWHERE,
        }
    )
    async with aiohttp.ClientSession(connector=connector, trace_configs=[guard()]) as session:
        with pytest.raises(Unsupported) as caught:
            await session.post("http://rebound.example.com/latest/api/token", data="example")
        assert caught.value.reason == "address_forbidden"
        async with session.get("http://yard.example.com/end") as answer:
            assert await answer.text() == "the end"
        with pytest.raises(aiohttp.ClientConnectorDNSError):
            await session.get("http://gone.example.com/")
