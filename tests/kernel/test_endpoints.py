import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
import errno
import socket
import ssl

import pytest
from yarl import URL

from custom_components.camhub.kernel.endpoints import Endpoint, _fault, connect, handshake, resolve
from custom_components.camhub.kernel.errors import Unreachable
from simulators.authority import Authority


@asynccontextmanager
async def listening(context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Accept connections and hang up."""

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


def trusting(authority: Authority) -> Callable[[Endpoint], ssl.SSLContext]:
    def contexts(endpoint: Endpoint) -> ssl.SSLContext:
        context = authority.client()
        context.check_hostname = endpoint.verify
        context.verify_mode = ssl.CERT_REQUIRED if endpoint.verify else ssl.CERT_NONE
        return context

    return contexts


def test_an_endpoint_is_where_an_address_leads_and_does_not_show_it() -> None:
    endpoint = Endpoint.at(URL("https://192.0.2.7/path"), verify=False, cloud=True)
    assert (endpoint.host, endpoint.port, endpoint.tls, endpoint.verify, endpoint.cloud) == (
        "192.0.2.7",
        443,
        True,
        False,
        True,
    )
    assert "192.0.2.7" not in repr(endpoint)
    assert Endpoint.at(URL("http://192.0.2.7:8080")) == Endpoint(host="192.0.2.7", port=8080)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_name_that_leads_somewhere(host: str) -> None:
    await resolve(Endpoint(host=host, port=80))


@pytest.mark.parametrize("host", ["no such name", "a" * 70 + ".invalid", "x.invalid"])
async def test_a_name_that_leads_nowhere(host: str) -> None:
    with pytest.raises(Unreachable) as caught:
        await resolve(Endpoint(host=host, port=80))
    assert caught.value.reason == "name_unknown"
    assert host not in str(caught.value)


async def test_somebody_opens() -> None:
    async with listening() as port:
        await connect(Endpoint(host="127.0.0.1", port=port))


async def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoint = Endpoint(host="127.0.0.1", port=unused.getsockname()[1])
        with pytest.raises(Unreachable) as caught:
            await connect(endpoint)
    assert caught.value.reason == "port_closed"
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.EHOSTUNREACH, "x"), "no_route"),
        (OSError(errno.ENETUNREACH, "x"), "no_route"),
        (OSError("Multiple exceptions"), "cannot_connect"),
        (UnicodeError("x"), "cannot_connect"),
    ],
)
def test_what_the_network_says(error: OSError | UnicodeError, reason: str) -> None:
    assert _fault(error, tls=False).reason == reason


async def test_tls_that_is_trusted(authority: Authority) -> None:
    async with listening(authority.server("localhost")) as port:
        await handshake(Endpoint(host="localhost", port=port, tls=True), trusting(authority))


@pytest.mark.parametrize(
    ("name", "left", "verify", "reason"),
    [
        ("other.example.com", timedelta(days=1), True, "tls_untrusted"),
        ("localhost", timedelta(hours=-1), True, "tls_expired"),
        ("localhost", timedelta(hours=-1), False, None),
    ],
)
async def test_certificates(authority: Authority, name: str, left: timedelta, verify: bool, reason: str | None) -> None:
    async with listening(authority.server(name, left=left)) as port:
        endpoint = Endpoint(host="localhost", port=port, tls=True, verify=verify)
        if reason is None:
            await handshake(endpoint, trusting(authority))
            return
        with pytest.raises(Unreachable) as caught:
            await handshake(endpoint, trusting(authority))
    assert caught.value.reason == reason


async def test_a_port_that_speaks_no_tls(authority: Authority) -> None:
    async with listening() as port:
        with pytest.raises(Unreachable) as caught:
            await handshake(Endpoint(host="localhost", port=port, tls=True), trusting(authority))
    assert caught.value.reason == "tls_failed"
