"""Nothing is lost, doubled or left, wherever the process is killed."""

import asyncio
from pathlib import Path
import subprocess
import sys

import aiobotocore.session

from .clip_world import KEYS, NAME
from .films import film
from .killed_clips import PART, STAGES
from .s3_store import store

ROOT = Path(__file__).parents[2]


# Without the hub around it there is no Home Assistant to load, nor a thread that a fork would lose.
CHILD = """
import runpy, sys, types
sys.path.insert(0, "")
for name in ("custom_components", "custom_components.camhub"):
    package = sys.modules[name] = types.ModuleType(name)
    package.__path__ = [name.replace(".", "/")]
runpy.run_module("tests.recording.killed_clips", run_name="__main__")
"""


def play(folder: Path, rounds: int, padding: int, *more: str) -> int:
    (folder / "made").mkdir()
    # More than is kept in memory, so that there is half a file to leave behind.
    (folder / "made" / "plays").write_bytes(film() + bytes(padding))
    (folder / "made" / "odd").write_bytes(film("mpeg4") + bytes(padding))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CHILD, str(folder), str(rounds), *more],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return int(done.stdout)


def test_killed_at_every_stage_on_the_way_to_a_folder(tmp_path: Path) -> None:
    assert play(tmp_path, 20, 2**20) == 20 * len(STAGES)


def test_killed_at_every_stage_on_the_way_to_a_bucket(tmp_path: Path) -> None:
    async def look(endpoint: str) -> tuple[int, int]:
        async with aiobotocore.session.AioSession().create_client(
            "s3",
            region_name="us-east-1",
            endpoint_url=endpoint,
            aws_access_key_id=KEYS[0],
            aws_secret_access_key=KEYS[1],
        ) as client:
            there = await client.list_objects_v2(Bucket=NAME)
            begun = await client.list_multipart_uploads(Bucket=NAME)
        return len(there.get("Contents", ())), len(begun.get("Uploads", ()))

    with store() as endpoint:
        asyncio.run(made(endpoint))
        assert play(tmp_path, 2, PART, endpoint) == 2 * len(STAGES)
        assert asyncio.run(look(endpoint)) == (2, 0)


async def made(endpoint: str) -> None:
    async with aiobotocore.session.AioSession().create_client(
        "s3", region_name="us-east-1", endpoint_url=endpoint, aws_access_key_id=KEYS[0], aws_secret_access_key=KEYS[1]
    ) as client:
        await client.create_bucket(Bucket=NAME)
