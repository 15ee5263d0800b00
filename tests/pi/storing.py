"""A store over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
import hashlib
import json
from pathlib import Path
from typing import Any

from camhub_pi.recorder import Recorder
from camhub_pi.settings import StoreSettings
from camhub_pi.store import Store
from camhub_pi.store_server import StoreServer

from .serving import HOST, Answer, Client

MP4 = b"\x00\x00\x00\x18ftypisom" + bytes(range(256)) * 40
WEBM = b"\x1a\x45\xdf\xa3" + bytes(5000)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Storing:
    server: StoreServer
    store: Store
    recorder: Recorder
    folder: Path
    port: int

    async def connect(self) -> Client:
        return Client(*await asyncio.open_connection(HOST, self.port, limit=2**16))

    async def ask(self, line: str, *headers: str, body: bytes = b"", read: bool = True) -> Answer:
        async with await self.connect() as client:
            await client.send(line, *headers)
            if body:
                client.writer.write(body)
            return await client.answer(body=read)

    async def upload(self, name: str, content: bytes, *headers: str, told: str | None = None) -> Answer:
        return await self.ask(
            f"POST /upload?name={name}",
            f"Content-Length: {len(content)}",
            f"X-Content-SHA256: {told or sha256(content)}",
            *headers,
            body=content,
        )

    def left(self) -> list[str]:
        """Return all files of the folder but the log, also hidden ones and those on their way."""
        found = (each for each in self.folder.rglob("*") if not each.is_dir())
        return sorted(each.name for each in found if each.name != "upload_log.json")

    @staticmethod
    def names(folder: Path) -> list[str]:
        return sorted(each.name for each in folder.iterdir())

    def log(self) -> Any:
        return json.loads((self.folder / "upload_log.json").read_text())

    def put(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path


@asynccontextmanager
async def storing(folder: Path, *, programs: dict[str, Any] | None = None, **settings: Any) -> AsyncIterator[Storing]:
    told = StoreSettings(videos=folder, host=HOST, port=0, **{"spare": 0, **settings})
    store = Store(told)
    recorder = Recorder(told, store, **(programs or {}))
    server = StoreServer(told, store, recorder)
    held = Storing(server, store, recorder, folder, await server.start())
    try:
        yield held
    finally:
        await server.stop()
