"""A picture behind Digest: ours beside the ways of Home Assistant's own integrations, on one lighttpd."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
import secrets
from statistics import median
from tempfile import TemporaryDirectory
import time
from typing import Final

import aiohttp
import httpx
import requests
from requests.auth import HTTPDigestAuth

from custom_components.camhub.kernel.http_auth import HttpAuth
from custom_components.camhub.kernel.secret import Secret
from simulators.lighttpd import Lighttpd

from .figure import Figure
from .plan import FULL, Plan

type Take = Callable[[str], Awaitable[bytes]]

USER: Final = "camhub"
PASSWORD: Final = "example-password"
PICTURE_SIZE: Final = 248 * 1024
PICTURES: Final = 100
WARM_UP: Final = 10
ROUNDS: Final = 30
IN_A_ROUND: Final = 10
OURS: Final = "ours"
NO_AUTH: Final = "no_auth"
RIVALS: Final = {
    "core_generic": (0.35, "httpx with one kept httpx.DigestAuth, as core's generic camera takes stills"),
    "core_mjpeg": (0.22, "httpx with a new httpx.DigestAuth for each picture, as core's mjpeg camera does"),
    "pyhik": (0.45, "requests with one kept HTTPDigestAuth in an executor, as pyHik under core does"),
    NO_AUTH: (1.5, "aiohttp on the same picture without a password"),
}


async def run(plan: Plan = FULL) -> list[Figure]:
    """Measure in interleaved rounds, so that all meet the same noise of the machine."""
    picture = b"\xff\xd8" + secrets.token_bytes(PICTURE_SIZE - 4) + b"\xff\xd9"
    with TemporaryDirectory() as folder:
        server = Lighttpd(Path(folder), picture, USER, PASSWORD)
        try:
            counted = await _requests_for_a_hundred(server.url)
            times = await _times(server.url, picture, 2 if plan.quick else ROUNDS)
        finally:
            log = server.stop()
    requested = sum(query == counted for _, query in log)
    if requested < PICTURES:
        raise RuntimeError(f"the log knows of {requested} requests for {PICTURES} pictures")
    figures = [
        Figure(
            figure="requests_per_100",
            value=requested,
            unit="requests",
            goal=101,
            better="lower",
            against="lighttpd's access log, the handshake included",
        )
    ]
    for rival, (goal, against) in RIVALS.items():
        figures.append(
            Figure(
                figure=f"p50_vs_{rival}",
                value=median(times[OURS]) / median(times[rival]),
                unit="ratio",
                goal=goal,
                better="lower",
                against=f"{against} ({median(times[rival]) * 1000:.2f} ms; ours {median(times[OURS]) * 1000:.2f} ms)",
            )
        )
    return figures


async def _requests_for_a_hundred(url: str) -> str:
    """Take a hundred pictures and return the query by which the log knows them."""
    query = "counted"
    async with _session() as session:
        for _ in range(PICTURES):
            async with session.get(f"{url}/picture.jpg?{query}") as response:
                response.raise_for_status()
                await response.read()
    return query


async def _times(url: str, picture: bytes, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each picture by each way."""
    times: dict[str, list[float]] = {}
    async with _ways() as ways:
        for place in range(WARM_UP + rounds):
            for name, take in ways.items():
                path = "/open.jpg" if name == NO_AUTH else "/picture.jpg"
                for _ in range(1 if place < WARM_UP else IN_A_ROUND):
                    begun = time.perf_counter()
                    taken = await take(url + path)
                    spent = time.perf_counter() - begun
                    if taken != picture:
                        raise RuntimeError(f"{name} was given something else")
                    if place >= WARM_UP:
                        times.setdefault(name, []).append(spent)
    return times


@asynccontextmanager
async def _ways() -> AsyncGenerator[dict[str, Take]]:
    kept_httpx, kept_requests = httpx.DigestAuth(USER, PASSWORD), requests.Session()
    kept_requests.auth = HTTPDigestAuth(USER, PASSWORD)
    async with _session() as ours, aiohttp.ClientSession() as plain, httpx.AsyncClient() as client:

        async def core_generic(url: str) -> bytes:
            return (await client.get(url, auth=kept_httpx)).content

        async def core_mjpeg(url: str) -> bytes:
            return (await client.get(url, auth=httpx.DigestAuth(USER, PASSWORD))).content

        async def pyhik(url: str) -> bytes:
            return await asyncio.to_thread(lambda: kept_requests.get(url, timeout=10).content)

        yield {
            OURS: _by(ours),
            "core_generic": core_generic,
            "core_mjpeg": core_mjpeg,
            "pyhik": pyhik,
            NO_AUTH: _by(plain),
        }
    kept_requests.close()


def _by(session: aiohttp.ClientSession) -> Take:
    async def take(url: str) -> bytes:
        async with session.get(url) as response:
            return await response.read()

    return take


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(middlewares=(HttpAuth(USER, Secret(PASSWORD)),))
