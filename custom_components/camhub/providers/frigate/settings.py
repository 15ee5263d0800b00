"""What is stored of a server, and what a user types as its address."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import ip_address
import re
from typing import Final, Self
from urllib.parse import quote

from yarl import URL

from ...kernel.addresses import checked, parsed
from ...kernel.errors import Unreachable, Unsupported
from ...kernel.model import JsonValue
from ...kernel.secret import Credentials, Secret

# With a login, and without (protocols.md 5.1).
GUARDED_PORT: Final = 8971
OPEN_PORT: Final = 5000
_PLAIN_PORT: Final = 80
# Where streams usually are.
TEMPLATE: Final = "rtsp://{host}:8554/{name}"
_RTSP: Final = re.compile(r"rtsps?://\S+", re.IGNORECASE)


class Live(StrEnum):
    """How a camera is watched live: whatever it offers, or one way only."""

    AUTO = "auto"
    RTSP = "rtsp"
    WEBRTC = "webrtc"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """One server; `username` is empty where it asks for no login, `template` where streams are at the usual place."""

    base: URL
    username: str = ""
    password: Secret
    verify_tls: bool = True
    proxy_secret: Secret
    live: Live = Live.AUTO
    template: str = ""

    @classmethod
    def load(cls, stored: Credentials) -> Self:
        """Read what was stored or typed; raises Unreachable for no address, Unsupported for no stream address."""
        template = stored.text("rtsp_template").strip()
        if template and not (_RTSP.fullmatch(template) and "{name}" in template):
            raise Unsupported("no template of stream addresses", reason="unsupported_rtsp_template")
        checked(parsed(template.replace("{host}", "host")) or URL())
        return cls(
            base=candidates(stored.text("address"))[0],
            username=stored.text("username").strip(),
            password=stored.secret("password"),
            verify_tls=stored.flag("verify_tls", default=True),
            proxy_secret=stored.secret("proxy_secret"),
            live=Live(stored.text("live", Live.AUTO)),
            template=template,
        )

    def stored(self) -> Mapping[str, JsonValue]:
        """Return what `load` reads."""
        return {
            "address": str(self.base),
            "username": self.username,
            "password": self.password.reveal(),
            "verify_tls": self.verify_tls,
            "proxy_secret": self.proxy_secret.reveal(),
            "live": self.live.value,
            "rtsp_template": self.template,
        }

    def at(self, base: URL) -> Settings:
        """Return the same with another address."""
        return replace(self, base=base)

    def stream_address(self, name: str) -> str:
        """Return the RTSP address of a stream; it may hold what the user put into the template."""
        host = self.base.host_subcomponent or ""
        template = self.template or TEMPLATE
        return template.replace("{host}", host).replace("{name}", quote(name, safe=""))


def candidates(typed: str) -> list[URL]:
    """Return the addresses that may be meant, the one with a login first; a path is kept; raises Unreachable.

    One that names its scheme or its port is taken by its word. But the usual port of the login speaks TLS unless told
    otherwise, and proxies lead from http to https.
    """
    scheme, found, rest = typed.strip().rpartition("://")
    scheme = scheme.rpartition("://")[2].lower() or "http"
    if scheme not in {"http", "https"}:
        raise _no_address()
    url = _parsed(scheme, rest)
    if found:
        may_be_tls = scheme == "http" and url.port in {GUARDED_PORT, _PLAIN_PORT}
        return [url, url.with_scheme("https")] if may_be_tls else [url]
    if url.explicit_port:
        return [url.with_scheme("https"), url] if url.explicit_port == GUARDED_PORT else [url]
    guarded = url.with_port(GUARDED_PORT)
    return [guarded.with_scheme("https"), guarded, url.with_port(OPEN_PORT)]


def is_loopback(url: URL) -> bool:
    """Return whether an address is this machine's own."""
    host = url.host or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _parsed(scheme: str, rest: str) -> URL:
    host, _, path = re.split(r"[?#\\]", rest, maxsplit=1)[0].partition("/")
    host = host.rpartition("@")[2]
    if host.count(":") > 1 and not host.startswith("["):
        host = f"[{host}]"
    url = parsed(f"{scheme}://{host}/{path.strip('/')}")
    if url is None or not url.host or not url.port or re.search(r"\s", host):
        raise _no_address()
    return checked(url)


def _no_address() -> Unreachable:
    return Unreachable("no usable address", reason="invalid_address")
