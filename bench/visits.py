"""Viewers that come and go, and clients that ask for pictures."""

import asyncio
from collections import Counter
from random import Random
from typing import Any, Final, override

import aiohttp

from .homes import Home
from .worker import Worker

WATCHING: Final = 20
ASKING: Final = 4
PATIENCE_S: Final = 30.0
WATCHED_S: Final = (2.0, 30.0)
AWAY_S: Final = (0.0, 5.0)
PAUSE_S: Final = (0.0, 0.4)
HLS_S: Final = (10.0, 20.0)
# A viewer on a slow line takes so many bytes a second.
SLOW_RATE: Final = 50_000.0


class Visits:
    """All who look; `str()` says what came of it."""

    def __init__(self, home: Home, viewers: Worker, chance: Random) -> None:
        """Nobody looks yet."""
        self._home = home
        self._viewers = viewers
        self._chance = chance
        self._turn = asyncio.Lock()
        self._live: list[str] = []
        self._stills: list[str] = []
        self._hls: list[str] = []
        self._shown: list[str] = []
        self._seen: Counter[str] = Counter()
        self._had: set[str] = set()
        self.missing = 0
        self.why: Counter[str] = Counter()

    async def prepare(self) -> None:
        """Learn what there is to look at."""
        listed = (await self._home.get("/api/camhub/streams"))["streams"]
        for each in listed:
            ways: dict[str, str] = each["formats"]
            for kind, paths in (("mjpeg", self._live), ("snapshot", self._stills), ("hls", self._hls)):
                if kind in ways:
                    paths.append(ways[kind])
        # Without its token, which changes: the clients are signed in.
        self._shown = [path.partition("?")[0] for path in (await self._home.shown()).values()]
        self._live = [await self._home.signed(path) for path in self._live]

    async def live(self) -> None:
        """Let them look until this is cancelled."""
        session = aiohttp.ClientSession(
            self._home.url, headers=self._home.authorization, timeout=aiohttp.ClientTimeout(total=PATIENCE_S)
        )
        async with session, asyncio.TaskGroup() as group:
            for number in range(WATCHING):
                group.create_task(self._watch(f"viewer-{number}"))
            for _ in range(ASKING):
                group.create_task(self._ask(session))
            if self._hls:
                group.create_task(self._play(session))

    @override
    def __str__(self) -> str:
        """Say what was seen."""
        return ", ".join(f"{count} {what}" for what, count in sorted(self._seen.items()))

    async def _tell(self, **command: Any) -> Any:
        async with self._turn:
            return await self._viewers.tell(command)

    async def _watch(self, group: str) -> None:
        while True:
            await asyncio.sleep(self._chance.uniform(*AWAY_S))
            (kind,) = self._chance.choices(("drain", "slow", "stalled"), weights=(16, 3, 1))
            path = self._chance.choice(self._live)
            where = {"port": self._home.port, "path": path}
            await self._tell(do="open", group=group, kind=kind, rate=SLOW_RATE, **where)
            await asyncio.sleep(self._chance.uniform(*WATCHED_S))
            self._seen["views"] += 1
            await self._tell(do="leave", group=group)

    async def _ask(self, session: aiohttp.ClientSession) -> None:
        while True:
            await asyncio.sleep(self._chance.uniform(*PAUSE_S))
            try:
                path = self._chance.choice(self._chance.choice((self._stills, self._shown)))
                async with session.get(path) as answer:
                    content = await answer.read()
                    self._seen[f"stills {answer.status}"] += 1
                    if answer.ok:
                        self._had.add(path)
                    elif path in self._had and path in self._shown:
                        # There has been a picture: on a dashboard it stays, whatever happens.
                        self.missing += 1
                        self.why[content.decode(errors="replace")[:200]] += 1
            except (aiohttp.ClientError, TimeoutError) as error:
                self._seen[f"stills {type(error).__name__}"] += 1

    async def _play(self, session: aiohttp.ClientSession) -> None:
        """Have one player at a time."""
        while True:
            await asyncio.sleep(self._chance.uniform(*HLS_S))
            try:
                async with session.get(self._chance.choice(self._hls)) as answer:
                    await answer.read()
                    self._seen[f"playlists {answer.status}"] += 1
            except (aiohttp.ClientError, TimeoutError) as error:
                self._seen[f"playlists {type(error).__name__}"] += 1
