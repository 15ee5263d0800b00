"""A web server that is not ours, started as a process: what signs in there was not judged by its own author."""

import hashlib
import os
from pathlib import Path
import shutil
import socket
import subprocess
from typing import Final, Literal

REALM: Final = "front gate"
SEARCHED: Final = "/usr/sbin:/usr/local/sbin"


class Lighttpd:
    """Serves a body as `/picture.jpg` behind a password and as `/open.jpg` without, on a free loopback port."""

    def __init__(
        self,
        folder: Path,
        body: bytes,
        user: str,
        password: str,
        *,
        method: Literal["digest", "basic"] = "digest",
        algorithm: Literal["MD5", "SHA-256"] = "MD5",
    ) -> None:
        """Start in an empty folder; raises FileNotFoundError where lighttpd is not installed."""
        self._folder = folder
        (folder / "www").mkdir()
        for name in ("picture.jpg", "open.jpg"):
            (folder / "www" / name).write_bytes(body)
        key = hashlib.new(algorithm.replace("-", ""), f"{user}:{REALM}:{password}".encode()).hexdigest()
        (folder / "users").write_text(f"{user}:{REALM}:{key}\n" if method == "digest" else f"{user}:{password}\n")
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            self.url = f"http://127.0.0.1:{port}"
            self._process = _start(_configuration(folder, port, method, algorithm), listening)

    def stop(self) -> list[tuple[int, str]]:
        """Stop the server, which writes out its log, and return the status and query (without `?`) of each request."""
        self._process.terminate()
        self._process.wait(10)
        lines = (self._folder / "access.log").read_text().splitlines()
        return [(int(status), query) for status, _, query in (line.partition(" ") for line in lines)]


def _configuration(folder: Path, port: int, method: str, algorithm: str) -> Path:
    backend = "htdigest" if method == "digest" else "plain"
    written = folder / "lighttpd.conf"
    written.write_text(f"""
        server.modules = ("mod_auth", "mod_authn_file", "mod_accesslog")
        server.document-root = "{folder}/www"
        server.systemd-socket-activation = "enable"
        server.bind = "127.0.0.1"
        server.port = {port}
        server.errorlog = "{folder}/error.log"
        server.max-keep-alive-requests = 100000
        accesslog.filename = "{folder}/access.log"
        accesslog.format = "%s %q"
        auth.backend = "{backend}"
        auth.backend.{backend}.userfile = "{folder}/users"
        auth.require = ("/picture" => (
            "method" => "{method}", "algorithm" => "{algorithm}", "realm" => "{REALM}", "require" => "valid-user"
        ))
    """)
    return written


def _start(configuration: Path, listening: socket.socket) -> subprocess.Popen[bytes]:
    """Hand over a socket that already listens: no port is guessed and nobody waits for the server to be up."""
    binary = shutil.which("lighttpd", path=f"{os.environ.get('PATH', '')}:{SEARCHED}")
    if binary is None:
        raise FileNotFoundError("lighttpd is not installed; script/setup does it")
    activated = 'exec 3<&0; LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" -D -f "$1"'
    return subprocess.Popen(  # noqa: S603 - our own words and the binary just found
        ["/bin/sh", "-c", activated, binary, str(configuration)], stdin=listening.fileno()
    )
