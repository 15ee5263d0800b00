"""Where an answer may lead on to: nowhere but to the host that was asked.

A service or a device that was broken into, or a login page of a network in between, could else send CamHub, its login
included, to whatever listens at home or at a cloud's own addresses. A user may name any address of a network at home;
what is not allowed is that somebody else names one.
"""

from types import SimpleNamespace
from typing import override

import aiohttp
from aiohttp import hdrs
from yarl import URL

from .addresses import parsed


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
    """Return what keeps a session from following any other redirect; who asks gets RedirectRefused.

    It is for libraries that follow by themselves. Those who read redirects as answers are not disturbed.
    """
    config = aiohttp.TraceConfig()
    config.on_request_redirect.append(_judge)
    return config


async def _judge(
    _session: aiohttp.ClientSession, _context: SimpleNamespace, redirect: aiohttp.TraceRequestRedirectParams
) -> None:
    response = redirect.response
    if onward(response.url, response.headers.get(hdrs.LOCATION, "")) is None:
        response.close()
        raise RedirectRefused
