"""A camera that only speaks WebRTC, in a process of its own.

`python -m bench.live` answers each line with its port and how many sessions are open, as JSON. `POST /CODEC/SESSION`
takes an offer and answers it, `DELETE /CODEC/SESSION` hangs up. The picture is 720p; its counter proves that what was
taken is of this moment.
"""

import asyncio
import json
import sys
from typing import Any, Final, cast

from aiohttp import web

from simulators.webrtc import Codec, Sender

WIDTH: Final = 1280
HEIGHT: Final = 720
FPS: Final = 30


class Cameras:
    """Answers each offer with a sender of its own."""

    def __init__(self) -> None:
        """Begin with nobody watching."""
        self._senders: dict[str, Sender] = {}
        self._ended: set[str] = set()

    @property
    def open(self) -> int:
        """Return how many sessions nobody has ended yet."""
        return len(self._senders)

    async def answer(self, request: web.Request) -> web.Response:
        """Answer an offer."""
        codec, session = cast("Codec", request.match_info["codec"]), request.match_info["session"]
        sender = self._senders[session] = Sender(codec, label=codec, width=WIDTH, height=HEIGHT, fps=FPS)
        answer = await sender.answer(await request.text())
        if session in self._ended:
            # It was ended before it had begun: the two came on connections of their own.
            self._senders.pop(session, None)
            await sender.close()
        return web.Response(text=answer)

    async def hang_up(self, request: web.Request) -> web.Response:
        """End a session, also one that has not been answered yet."""
        session = request.match_info["session"]
        self._ended.add(session)
        if (sender := self._senders.pop(session, None)) is not None:
            await sender.close()
        return web.Response()


async def serve() -> None:
    """Serve until the line to us is closed."""
    cameras = Cameras()
    app = web.Application()
    app.router.add_post("/{codec}/{session}", cameras.answer)
    app.router.add_delete("/{codec}/{session}", cameras.hang_up)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port: Any = runner.addresses[0][1]
    while await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps({"port": port, "open": cameras.open}), flush=True)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve())
