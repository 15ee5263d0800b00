"""What a user types as an address, taken apart; what may be shown of it."""

from dataclasses import dataclass
from ipaddress import IPv6Address
import re
from typing import Final
from urllib.parse import parse_qsl

from yarl import URL

from ...kernel.addresses import checked, parsed
from ...kernel.errors import Unsupported
from ...kernel.secret import Secret

HTTP: Final = frozenset({"http", "https"})
RTSP: Final = frozenset({"rtsp", "rtsps"})
_PORTS: Final = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322}
# Cameras that take a login in the query string; these never leave the credentials.
_SECRET_NAMES: Final = frozenset(
    {
        *("auth", "authtoken", "accesstoken", "apikey", "jwt", "key", "secret", "token"),
        *("session", "sessionid", "sid", "signature", "stmkey"),
        *("loginuse", "user", "username", "usr"),
        *("loginpas", "pass", "passwd", "password", "psw", "pw", "pwd"),
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Typed:
    """An address without the login that stood in it, and that login; `port_given` tells that a port was meant."""

    url: URL
    port_given: bool
    username: str
    password: Secret

    @property
    def bare(self) -> bool:
        """Return whether only a host (and perhaps a port) was given, so that the path has to be found."""
        return self.url.path in {"", "/"} and not self.url.query_string

    @property
    def rtsp(self) -> bool:
        """Return whether it is for a video player and not for HTTP."""
        return self.url.scheme in RTSP


def read(text: str) -> Typed:
    """Take an address or a bare host apart; raises Unsupported for what is neither, or may not be asked."""
    text = text.strip()
    if _is_ipv6(text):
        text = f"[{text}]"
    url = parsed(text if "://" in text else f"http://{text}")
    if url is None or url.scheme not in HTTP | RTSP or not _is_host(url.host or ""):
        raise Unsupported("not an http or rtsp address", reason="unsupported_address")
    checked(url)
    return Typed(
        url=on_port(url.with_user(None).with_fragment(None), url.port),
        port_given=url.explicit_port is not None or url.scheme == "https",
        username=url.user or "",
        password=Secret(url.password or ""),
    )


def _is_ipv6(text: str) -> bool:
    """Return whether it is an IPv6 address as it is told everywhere but in a URL: without brackets."""
    try:
        return bool(IPv6Address(text))
    except ValueError:
        return False


def _is_host(host: str) -> bool:
    """Return whether a host can be written into another address."""
    try:
        return bool(host) and " " not in host and bool(URL.build(scheme="http", host=host))
    except ValueError:
        return False


def on_port(url: URL, port: int | None) -> URL:
    """Return an address on a port, the scheme's own left out: an address has one spelling only."""
    return url.with_port(None if port == _PORTS.get(url.scheme) else port)


def port_of(url: URL) -> int:
    """Return the TCP port of an address, written or not."""
    return url.port or _PORTS[url.scheme]


def origin_of(url: URL) -> str:
    """Return `scheme://host:port`, which may be shown to everybody."""
    return str(URL.build(scheme=url.scheme, host=url.host or "", port=port_of(url)))


def shown(url: URL) -> str:
    """Return an address without whatever in it may be a login: for people, and to compare by."""
    pairs = url.raw_query_string.split("&") if url.raw_query_string else []
    kept = [pair for pair in pairs if not _secret(pair)]
    return f"{origin_of(url)}{url.raw_path}" + (f"?{'&'.join(kept)}" if kept else "")


def _secret(pair: str) -> bool:
    # Some makers put dashes or underlines before or between.
    names = (re.sub(r"[-_]", "", name).lower() for name, _ in parse_qsl(pair, keep_blank_values=True))
    return any(name in _SECRET_NAMES for name in names)


def with_login(url: URL, username: str, password: Secret) -> str:
    """Return an address with the login in it, as video players want it; never to be shown."""
    if not username:
        return str(url)
    return str(url.with_user(username).with_password(password.reveal()))
