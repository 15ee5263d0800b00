"""What all tests share: options, sockets on loopback only, a clock that stands still."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
import socket

import pytest
import pytest_socket

# Imported here, before the Home Assistant harness puts a `custom_components` of its own first.
from custom_components.camhub.kernel.provider import Context
from simulators.authority import Authority
from simulators.names import Address, Names

from .contexts import Contexts
from .fake_clock import FakeClock
from .sentinel import sentinel  # noqa: F401 - a fixture of all tests

LOOPBACK = ["127.0.0.1", "localhost", "::1"]
LONGEST_NAME = 80
DEFAULT_RECORDINGS = Path(__file__).parents[2] / "shared" / "fixtures"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--recorded DIR`: recorded answers to run every parser over."""
    parser.addoption("--recorded", type=Path, default=DEFAULT_RECORDINGS, help="folder of recorded answers")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Call long values by their argument: names of tests are read, and have to be the same in each process."""
    return argname if isinstance(val, str | bytes) and len(val) > LONGEST_NAME else None


@pytest.fixture(autouse=True)
def sockets(request: pytest.FixtureRequest) -> None:
    """Open sockets to loopback for tests that talk to local servers; Home Assistant's harness closes them all."""
    if request.node.path.is_relative_to(Path(__file__).parent / "hub"):
        return
    pytest_socket.enable_socket()
    pytest_socket.socket_allow_hosts(LOOPBACK, allow_unix_socket=True)


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock that stands still until it is advanced."""
    return FakeClock()


type MakeContext = Callable[..., Context]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return who signs the certificates of simulators that speak TLS under their real names."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def names() -> dict[str, Address]:
    """Return what host names lead to in sessions of `make_context`: none until a test adds them."""
    return {}


@pytest.fixture
def named_sockets(authority: Authority, names: dict[str, Address], monkeypatch: pytest.MonkeyPatch) -> None:
    """Lead `names` for libraries that open sockets themselves, and let them trust the certificates there."""
    monkeypatch.setattr(socket, "getaddrinfo", Names(names).led(socket.getaddrinfo))
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))


@pytest.fixture
async def make_context(clock: FakeClock, authority: Authority, names: dict[str, Address]) -> AsyncIterator[MakeContext]:
    """Return a maker of contexts with plain aiohttp sessions: `make_context({"url": ...}, clock=..., grabber=...)`.

    Its sessions find `names` and trust their certificates.
    """
    contexts = Contexts(clock, authority, names)
    yield contexts.make
    await contexts.close()
