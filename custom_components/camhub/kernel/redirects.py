"""Where a request may go, and where its answer may lead on to: nowhere but to the host that was asked.

A service or a device that was broken into, or a login page of a network in between, could else send CamHub, its login
included, to whatever listens at home or at a cloud's own addresses. A user may name any address of a network at home;
what is not allowed is that somebody else names one. Where clouds keep passwords (`addresses`) nobody is led at all.
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
    """Return where a redirect leads if it may be followed: to the same host, by no less safe a line.

    Another port of the same host will do: devices lead from http to https so.
    """
    wanted = parsed(location)
    target = None if wanted is None else parsed(str(asked.join(wanted)))
    if target is None or target.scheme not in {"http", "https"}:
        return None
    if asked.scheme == "https" and target.scheme == "http":
        return None
    return target if location and target.host == asked.host else None


def guard() -> aiohttp.TraceConfig:
    """Return what keeps a session from following any other redirect, and from metadata services.

    Who asks gets RedirectRefused, or Unsupported (`address_forbidden`) before anything is connected. The first is for
    libraries that follow by themselves; those who read redirects as answers are not disturbed.
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
    # Redirects stay with the host.
    try:
        found = await places_of(session, context.host or "")
    except OSError:
        # The connection itself says so.
        return
    refuse(found or ())
