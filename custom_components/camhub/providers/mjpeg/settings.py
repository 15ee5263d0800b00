"""What is stored of a camera."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from yarl import URL

from ...kernel.model import JsonValue
from ...kernel.secret import Credentials, Secret
from .address import read


class Kind(StrEnum):
    """How a camera gives its pictures."""

    STREAM = "stream"
    STILL = "still"
    RTSP = "rtsp"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """One camera: addresses without logins, the login, and what was found out; `page` is None if nobody looked."""

    url: URL
    still: URL | None = None
    username: str = ""
    password: Secret
    verify_tls: bool = True
    kind: Kind = Kind.STREAM
    name: str = ""
    page: str | None = None

    @classmethod
    def load(cls, stored: Credentials) -> Settings:
        """Read what was stored; raises Unsupported if there is no address in it."""
        typed = read(stored.text("address"))
        still = stored.text("still_address")
        return cls(
            url=typed.url,
            still=URL(still) if still else None,
            username=stored.text("username"),
            password=stored.secret("password"),
            verify_tls=stored.flag("verify_tls", default=True),
            kind=Kind.RTSP if typed.rtsp else Kind(stored.text("kind", Kind.STREAM)),
            name=stored.text("name") or typed.url.host or "",
            page=stored.text("page") if stored.get("page") is not None else None,
        )

    def stored(self) -> Mapping[str, JsonValue]:
        """Return what `load` reads."""
        return {
            "address": str(self.url),
            "still_address": str(self.still) if self.still else "",
            "username": self.username,
            "password": self.password.reveal(),
            "verify_tls": self.verify_tls,
            "kind": self.kind.value,
            "name": self.name,
            "page": self.page,
        }
