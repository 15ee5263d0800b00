"""Against a server that is not ours: lighttpd's mod_auth, which signs by MD5 and SHA-256."""

import asyncio
from collections.abc import Callable, Iterator
import hashlib
import os
from pathlib import Path
import secrets
import shutil
import socket
import subprocess

import aiohttp
import pytest

from custom_components.camhub.kernel.http_auth import HttpAuth
from custom_components.camhub.kernel.secret import Secret
from tests.conftest import MakeContext

USER = "camhub"
PASSWORD = "example-password"
REALM = "front gate"


class Lighttpd:
    """A running server with `/picture.jpg` behind a password and `/open.jpg` without."""

    def __init__(self, folder: Path, method: str, algorithm: str) -> None:
        self.picture = secrets.token_bytes(20_000)
        self._folder = folder
        (folder / "www").mkdir()
        for name in ("picture.jpg", "open.jpg"):
            (folder / "www" / name).write_bytes(self.picture)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            self.url = f"http://127.0.0.1:{port}"
            self._process = _start(self._configure(port, method, algorithm), listening)

    def stop(self) -> list[int]:
        """Stop the server, which writes out its log, and return the status of each request."""
        self._process.terminate()
        self._process.wait(10)
        return [int(line.split()[0]) for line in (self._folder / "access.log").read_text().splitlines()]

    def _configure(self, port: int, method: str, algorithm: str) -> Path:
        folder, backend = self._folder, "htdigest" if method == "digest" else "plain"
        key = hashlib.new(algorithm.replace("-", ""), f"{USER}:{REALM}:{PASSWORD}".encode()).hexdigest()
        (folder / "users").write_text(f"{USER}:{REALM}:{key}\n" if method == "digest" else f"{USER}:{PASSWORD}\n")
        config = folder / "lighttpd.conf"
        config.write_text(f"""
            server.modules = ("mod_auth", "mod_authn_file", "mod_accesslog")
            server.document-root = "{folder}/www"
            server.systemd-socket-activation = "enable"
            server.bind = "127.0.0.1"
            server.port = {port}
            server.errorlog = "{folder}/error.log"
            server.max-keep-alive-requests = 1000
            accesslog.filename = "{folder}/access.log"
            accesslog.format = "%s %U"
            auth.backend = "{backend}"
            auth.backend.{backend}.userfile = "{folder}/users"
            auth.require = ("/picture" => (
                "method" => "{method}", "algorithm" => "{algorithm}", "realm" => "{REALM}", "require" => "valid-user"
            ))
        """)
        return config


def _start(config: Path, listening: socket.socket) -> subprocess.Popen[bytes]:
    """Hand a socket that already listens to lighttpd: no port is guessed and nobody waits for it to be up."""
    binary = shutil.which("lighttpd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    assert binary is not None, "lighttpd is missing: run script/setup"
    activated = 'exec 3<&0; LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" -D -f "$1"'
    return subprocess.Popen(["/bin/sh", "-c", activated, binary, str(config)], stdin=listening.fileno())


type Start = Callable[[str, str], Lighttpd]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Lighttpd] = []

    def make(method: str, algorithm: str) -> Lighttpd:
        started.append(Lighttpd(tmp_path, method, algorithm))
        return started[-1]

    yield make
    for server in started:
        server.stop()


@pytest.fixture
async def session(make_context: MakeContext) -> aiohttp.ClientSession:
    return make_context().session(middlewares=(HttpAuth(USER, Secret(PASSWORD)),))


async def take(session: aiohttp.ClientSession, url: str) -> tuple[int, bytes]:
    async with session.get(url) as response:
        return response.status, await response.read()


ALGORITHMS = pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])


@ALGORITHMS
async def test_a_hundred_pictures_cost_a_hundred_and_one_requests(
    start: Start, session: aiohttp.ClientSession, algorithm: str
) -> None:
    server = start("digest", algorithm)
    for place in range(100):
        assert await take(session, f"{server.url}/picture.jpg?at={place}") == (200, server.picture)
    assert server.stop() == [401] + [200] * 100


@ALGORITHMS
async def test_eight_at_once_share_one_refusal(start: Start, session: aiohttp.ClientSession, algorithm: str) -> None:
    server = start("digest", algorithm)
    for _ in range(5):
        taken = await asyncio.gather(*(take(session, f"{server.url}/picture.jpg") for _ in range(8)))
        assert taken == [(200, server.picture)] * 8
    statuses = server.stop()
    assert (statuses.count(401), statuses.count(200)) == (1, 40)


async def test_a_wrong_password_is_one_refused_signature(start: Start, make_context: MakeContext) -> None:
    server = start("digest", "MD5")
    session = make_context().session(middlewares=(HttpAuth(USER, Secret("wrong")),))
    status, _ = await take(session, f"{server.url}/picture.jpg")
    assert status == 401
    assert server.stop() == [401, 401]


async def test_basic(start: Start, session: aiohttp.ClientSession) -> None:
    server = start("basic", "MD5")
    for _ in range(3):
        assert await take(session, f"{server.url}/picture.jpg") == (200, server.picture)
    assert server.stop() == [401, 200, 200, 200]


async def test_nothing_is_signed_where_nothing_is_asked(start: Start, session: aiohttp.ClientSession) -> None:
    server = start("digest", "MD5")
    assert await take(session, f"{server.url}/open.jpg") == (200, server.picture)
    assert await take(session, f"{server.url}/picture.jpg") == (200, server.picture)
    assert server.stop() == [200, 401, 200]
