"""Who is asked for what (protocols.md 3.1), and what a browser or the app says of itself there."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from yarl import URL

from ...kernel.addresses import parsed

ISSUE_JWT: Final = URL("https://nestauthproxyservice-pa.googleapis.com/v1/issue_jwt")
ACCOUNTS: Final = "accounts.google.com"
RPC_PATH: Final = "/o/oauth2/iframerpc"
# Where a camera does not name its own.
DEFAULT_REGION: Final = URL("https://nexusapi-us1.camera.home.nest.com")
_OURS: Final = (".nest.com", ".dropcam.com")
_TLS: Final = 443


@dataclass(frozen=True, kw_only=True, slots=True)
class Hosts:
    """The hosts of one kind of account; `cookie` is what the camera hosts call a session token."""

    home: URL
    cameras: URL
    cookie: str


PRODUCTION: Final = Hosts(
    home=URL("https://home.nest.com"), cameras=URL("https://webapi.camera.home.nest.com"), cookie="website_2"
)
FIELD_TEST: Final = Hosts(
    home=URL("https://home.ft.nest.com"), cameras=URL("https://webapi.camera.home.ft.nest.com"), cookie="website_ft"
)

# What goes to Google with the cookies. The first set is what the seed project proved to work, the second what the
# homebridge plug-in sends now; the second is tried where the first is answered with 403 or no JSON (peers.md 0.1).
AGENTS: Final[tuple[Mapping[str, str], ...]] = (
    MappingProxyType(
        {
            "Referer": "https://accounts.google.com/",
            "User-Agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_0) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/77.0.3865.120 Safari/537.36",
            "Sec-Fetch-Mode": "cors",
            "Sec-Fetch-Site": "same-origin",
            "X-Requested-With": "XmlHttpRequest",
        }
    ),
    MappingProxyType(
        {
            "Referer": "https://accounts.google.com/o/oauth2/iframe",
            "User-Agent": "Nest/5.87.0 (iOScom.nestlabs.jasper.release) os=26.4",
            "Sec-Fetch-Mode": "cors",
            "Sec-Fetch-Site": "same-origin",
            "X-Requested-With": "XmlHttpRequest",
        }
    ),
)


def at_home(agent: int) -> Mapping[str, str]:
    """Return what goes to every host but Google's sign-in."""
    return {"Referer": "https://home.nest.com/", "User-Agent": AGENTS[agent]["User-Agent"]}


def region(told: str | None) -> URL:
    """Return the address that a camera names for its pictures, the default for none or for somebody else's.

    The login goes there, so no other company's host is taken from an answer.
    """
    text = (told or "").strip()
    url = parsed(text if "://" in text else f"https://{text}")
    if url is None or url.scheme != "https" or not (url.host or "").endswith(_OURS) or url.port != _TLS:
        return DEFAULT_REGION
    return url.origin()
