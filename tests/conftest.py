"""What all tests share: options, sockets on loopback only, a clock that stands still."""

from pathlib import Path

import custom_components.camhub.const  # noqa: F401  # before the Home Assistant harness puts its own custom_components first
import pytest
import pytest_socket

from .fake_clock import FakeClock

LOOPBACK = ["127.0.0.1", "localhost", "::1"]
DEFAULT_RECORDINGS = Path(__file__).parents[2] / "shared" / "fixtures"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--recorded DIR`: recorded answers to run every parser over."""
    parser.addoption("--recorded", type=Path, default=DEFAULT_RECORDINGS, help="folder of recorded answers")


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
