"""Run the simulated RTSP camera until it is interrupted."""

import argparse
import asyncio
import contextlib

from .server import RtspServer


async def _serve(arguments: argparse.Namespace) -> None:
    paths = (path.partition("=") for path in arguments.path or ["/live"])
    server = RtspServer({path: label or path for path, _, label in paths}, arguments.user, arguments.password)
    port = await server.start(arguments.port, arguments.host)
    for path in server.paths:
        print(f"rtsp://{arguments.host}:{port}{path}", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await server.stop()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m simulators.rtsp", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8554)
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    parser.add_argument("--path", action="append", metavar="PATH[=LABEL]", help="a stream; may be given several times")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
