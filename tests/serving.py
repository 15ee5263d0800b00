"""A server of plain handlers, for answers that no simulator gives."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from aiohttp import web

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def serve_all(servers: AsyncExitStack, handler: Handler) -> str:
    """Answer everything with one handler until `servers` is closed; return the address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    servers.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"
