"""Where cameras are known to have their picture, so that a host alone is enough."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from yarl import URL

from .address import on_port


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A stream worth trying and the single picture that such servers have beside it."""

    url: URL
    still: URL | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    port: int
    path: str
    still: str = ""
    still_port: int | None = None


# Most likely first. Paths of reference seeds and of the servers' own documentation.
_KNOWN: Final = (
    _Known(port=8000, path="/stream.mjpg", still="/snapshot.jpg"),
    _Known(port=8080, path="/stream", still="/snapshot"),
    _Known(port=8080, path="/?action=stream", still="/?action=snapshot"),
    _Known(port=80, path="/mjpeg"),
    _Known(port=80, path="/video.cgi"),
    _Known(port=80, path="/axis-cgi/mjpg/video.cgi", still="/axis-cgi/jpg/image.cgi"),
    _Known(port=80, path="/mjpg/video.mjpg", still="/jpg/image.jpg"),
    _Known(port=80, path="/stream.mjpg", still="/snapshot.jpg"),
    _Known(port=80, path="/webcam/?action=stream", still="/webcam/?action=snapshot"),
    _Known(port=81, path="/stream", still="/capture", still_port=80),
    _Known(port=8080, path="/video", still="/shot.jpg"),
    _Known(port=8080, path="/", still="/", still_port=8081),
    _Known(port=8081, path="/"),
    _Known(port=8081, path="/0/stream"),
)
_RTSP_PATHS: Final = (
    "/Streaming/Channels/101",
    "/cam/realmonitor?channel=1&subtype=0",
    "/axis-media/media.amp",
    "/stream1",
    "/live",
)


def streams(host: URL, *, port_given: bool) -> list[Candidate]:
    """Return what to try on a host: the known ports, or every known path on the one that was given."""
    if not port_given:
        return [_candidate(on_port(host, each.port), each) for each in _KNOWN]
    by_path: dict[str, Candidate] = {}
    for each in _for_port(host):
        by_path.setdefault(each.path, _candidate(host, each))
    return list(by_path.values())


def rtsp_streams(host: URL) -> list[URL]:
    """Return the RTSP addresses to try on a host, one after the other."""
    return [host.join(URL(path)) for path in _RTSP_PATHS]


def known_still(url: URL) -> URL | None:
    """Return where the single picture beside a known stream is, None for a stream that is not known."""
    return next(_stills(url), None)


def _stills(url: URL) -> Iterator[URL]:
    for each in _for_port(url):
        found = _candidate(url, each)
        if found.url == url and found.still is not None:
            yield found.still


def _for_port(url: URL) -> list[_Known]:
    """Return what is known, the servers that usually have this port first."""
    return sorted(_KNOWN, key=lambda each: each.port != url.port)


def _candidate(host: URL, known: _Known) -> Candidate:
    url = host.join(URL(known.path))
    still = url.join(URL(known.still)) if known.still else None
    if still is not None and known.still_port is not None:
        # On a port of its own the picture is where it always is; on any other port nothing is known of it.
        still = on_port(still, known.still_port) if host.port == known.port else None
    return Candidate(url=url, still=still)
