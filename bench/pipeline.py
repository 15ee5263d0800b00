"""Memory that one large clip takes on its way through the pipeline, to a folder and to a bucket."""

import asyncio
import json
from pathlib import Path
import subprocess
import sys
import tempfile
from typing import Final

from moto.server import ThreadedMotoServer

from simulators.film import encode

from .figure import Figure
from .plan import Plan

ROOT: Final = Path(__file__).parents[1]
LARGE: Final = 500
# The goal, in MiB above what the same process takes after a small clip.
GOAL: Final = 32.0
# Without the hub around it there is no Home Assistant to load.
CHILD: Final = """
import runpy, sys, types
sys.path.insert(0, "")
for name in ("custom_components", "custom_components.camhub"):
    package = sys.modules[name] = types.ModuleType(name)
    package.__path__ = [name.replace(".", "/")]
runpy.run_module("bench.one_clip", run_name="__main__")
"""


async def figures(plan: Plan) -> list[Figure]:
    """Bring a clip of 500 MB to each kind of archive, once for each round; the worst counts."""
    megabytes = 50 if plan.quick else LARGE
    worst = dict.fromkeys(("folder", "bucket"), 0.0)
    for _ in range(plan.rounds):
        for kind, seen in worst.items():
            worst[kind] = max(seen, await asyncio.to_thread(_once, kind, megabytes))
    return [
        Figure(
            figure="peak_mb" if kind == "bucket" else f"peak_{kind}_mb",
            value=peak,
            unit="MiB",
            goal=GOAL,
            better="lower",
            against=f"the same process after a small clip; a clip of {megabytes} MiB to a {kind}",
        )
        for kind, peak in worst.items()
    ]


def _once(kind: str, megabytes: int) -> float:
    """Return the MiB that a clip adds at most."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "film.mp4").write_bytes(encode("bench", seconds=1))
        if kind == "folder":
            (kept := Path(folder) / "kept").mkdir()
            return _child(folder, str(kept), megabytes)
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        try:
            host, port = server.get_host_and_port()
            return _child(folder, f"http://{host}:{port}", megabytes)
        finally:
            server.stop()


def _child(folder: str, place: str, megabytes: int) -> float:
    arguments = [sys.executable, "-c", CHILD, folder, place, str(megabytes)]
    done = subprocess.run(arguments, cwd=ROOT, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout)["peak_mb"])
