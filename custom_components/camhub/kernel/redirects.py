"""Redirects are followed only to the same host, and metadata services are refused.

A compromised service or device, or a captive portal, could otherwise redirect CamHub with its login to any host in the
local network or to a cloud's metadata service. Users may enter any local address; nobody else may name one.
"""

from types import SimpleNamespace
from typing import override

import aiohttp
from aiohttp import hdrs
from yarl import URL

from .addresses import checked, parsed, refuse
from .resolving import places_of


class RedirectRefused(aiohttp.ClientError):
    """A redirect that is not followed; its text holds no address."""

    @override
    def __str__(self) -> str:
        return "a redirect to somewhere else is not followed"


def onward(asked: URL, location: str) -> URL | None:
    """Return the target of a redirect if it may be followed: the same host, and not from https to http.

    Another port of the same host is allowed: devices redirect from http to https that way.
    """
    wanted = parsed(location)
    target = None if wanted is None else parsed(str(asked.join(wanted)))
    if target is None or target.scheme not in {"http", "https"}:
        return None
    if asked.scheme == "https" and target.scheme == "http":
        return None
    return target if location and target.host == asked.host else None


def guard() -> aiohttp.TraceConfig:
    """Return a trace config that keeps a session from any other redirect and from metadata services.

    A refused redirect raises RedirectRefused, a forbidden host Unsupported (`address_forbidden`) before connecting.
    Callers that disable redirects and read them as responses are not affected.
    """
    config = aiohttp.TraceConfig()
    config.on_request_start.append(_begin)
    config.on_request_redirect.append(_judge)
    config.on_connection_create_start.append(_look_up)
    return config


async def _begin(
    _session: aiohttp.ClientSession, context: SimpleNamespace, request: aiohttp.TraceRequestStartParams
) -> None:
    context.host = checked(request.url).host


async def _judge(
    _session: aiohttp.ClientSession, _context: SimpleNamespace, redirect: aiohttp.TraceRequestRedirectParams
) -> None:
    response = redirect.response
    if onward(response.url, response.headers.get(hdrs.LOCATION, "")) is None:
        response.close()
        raise RedirectRefused


async def _look_up(
    session: aiohttp.ClientSession, context: SimpleNamespace, _made: aiohttp.TraceConnectionCreateStartParams
) -> None:
    # Redirects stay on the same host.
    try:
        found = await places_of(session, context.host or "")
    except OSError:
        # The connection attempt reports it.
        return
    refuse(found or ())
