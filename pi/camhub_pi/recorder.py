"""Records the camera on command: a supervised ffmpeg makes WebM of the stream, and only what can be played is kept."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
import logging
from pathlib import Path
import signal
from typing import TYPE_CHECKING, Any, cast

from .picture_source import open_source
from .store_names import Refused, recording_name

if TYPE_CHECKING:
    from .settings import StoreSettings
    from .store import Kept, Store

LOG = logging.getLogger(__name__)
# SIGINT lets ffmpeg finish the file; one that has not after so long is killed, and all is over soon after.
INTERRUPT_S = 5.0
STOP_S = 15.0
PROBE_S = 5.0
SILENCE_S = 10.0
PIECE = 2**16
SAID = 2000
# A second of film at a time goes to the disk: that is what a killed ffmpeg, or a pulled plug, may cost.
SOON = ("-cluster_time_limit", "1000", "-flush_packets", "1")


class Recorder:
    """At most one recording at a time."""

    def __init__(
        self,
        settings: StoreSettings,
        store: Store,
        *,
        program: str = "ffmpeg",
        prober: str = "ffprobe",
        interrupt_s: float = INTERRUPT_S,
    ) -> None:
        """Take the settings; the programs and the patience with ffmpeg are for tests to choose."""
        self._settings = settings
        self._store = store
        self._program = program
        self._prober = prober
        self._interrupt_s = interrupt_s
        self._turn = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[Kept] | None = None
        self._name = ""
        self._began = ""
        self._failure = ""

    def state(self) -> dict[str, Any]:
        """Return what is going on, and why the last recording failed, if it did."""
        if self._task is not None and not self._task.done():
            return {"recording": True, "name": self._name, "startedAt": self._began}
        return {"recording": False, **({"failure": self._failure} if self._failure else {})}

    async def start(self, seconds: float) -> dict[str, Any]:
        """Begin to record for so long at most; raises Refused (409, 503, 507)."""
        async with self._turn:
            if self._task is not None and not self._task.done():
                raise Refused(HTTPStatus.CONFLICT, f"{self._name} is being recorded")
            if await asyncio.to_thread(self._store.free) < self._settings.spare:
                raise Refused(HTTPStatus.INSUFFICIENT_STORAGE, "the disk is full")
            reader, writer = await open_source(self._settings.source, self._settings.source_token)
            now = datetime.now(UTC)
            self._name, self._began, self._failure = recording_name(now), now.isoformat(timespec="milliseconds"), ""
            part = self._store.incoming / f"{self._name}.part"
            try:
                process = await self._spawn(self.command(part, min(seconds, self._settings.longest)))
            except OSError as error:
                writer.close()
                words = f"ffmpeg cannot be started ({error.strerror}): sudo apt install ffmpeg"
                raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, words) from error
            self._stopping.clear()
            self._task = asyncio.create_task(self._record(process, reader, writer, part))
            # Nobody may ever ask for the result.
            self._task.add_done_callback(lambda task: task.cancelled() or task.exception())
            return self.state()

    async def stop(self) -> Kept:
        """End the recording and return what was kept, within 15 seconds; raises Refused (409, 422, 504)."""
        task = self._task
        if task is None or task.done():
            raise Refused(HTTPStatus.CONFLICT, "nothing is being recorded")
        self._stopping.set()
        try:
            async with asyncio.timeout(STOP_S):
                return await asyncio.shield(task)
        except TimeoutError as error:
            raise Refused(HTTPStatus.GATEWAY_TIMEOUT, "the recording does not end") from error

    async def close(self) -> None:
        """End the recording, if there is one, and keep it."""
        with suppress(Refused, OSError):
            await self.stop()

    def command(self, part: Path, seconds: float) -> list[str]:
        """Return ffmpeg's command line: VP8, which a Pi Zero 2 W encodes in time at a few pictures a second."""
        read = ["-use_wallclock_as_timestamps", "1", "-f", "mpjpeg", "-i", "pipe:0"]
        threads = ["-threads", "4"]
        code = [
            "-c:v",
            "libvpx",
            "-deadline",
            "realtime",
            "-cpu-used",
            "8",
            *threads,
            "-b:v",
            "1M",
            "-pix_fmt",
            "yuv420p",
        ]
        write = ["-t", f"{seconds:g}", "-fs", str(self._settings.largest), *SOON, "-f", "webm", "-y", str(part)]
        start = [self._program, "-hide_banner", "-loglevel", "error"]
        return [*start, *read, "-an", "-vf", f"fps={self._settings.fps}", *code, *write]

    async def _spawn(self, command: list[str]) -> asyncio.subprocess.Process:
        # A session of its own: Ctrl+C in a terminal is for us to hand on.
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=PIPE,
            stdout=DEVNULL,
            stderr=PIPE,
            start_new_session=True,
        )

    async def _record(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        part: Path,
    ) -> Kept:
        heard = asyncio.create_task(_tail(cast("asyncio.StreamReader", process.stderr)))
        feeding = asyncio.create_task(_feed(reader, cast("asyncio.StreamWriter", process.stdin)))
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({feeding, stopping, heard}, return_when=asyncio.FIRST_COMPLETED)
            await self._end(process, feeding)
            words = await heard
            if not await self._playable(part):
                self._failure = f"nothing was recorded{f': {words}' if words else ''}"
                raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, self._failure)
            return await asyncio.to_thread(self._store.adopt, part, self._name)
        except OSError as error:
            self._failure = f"the recording could not be kept: {error.strerror}"
            raise
        finally:
            for task in (stopping, feeding, heard):
                task.cancel()
            writer.transport.abort()
            await asyncio.to_thread(part.unlink, missing_ok=True)
            if self._failure:
                LOG.warning("%s: %s", self._name, self._failure)

    async def _end(self, process: asyncio.subprocess.Process, feeding: asyncio.Task[None]) -> None:
        """End ffmpeg: SIGINT and no more pictures, and SIGKILL when it has not ended in time."""
        # Already ended is as good.
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        feeding.cancel()
        try:
            async with asyncio.timeout(self._interrupt_s):
                await process.wait()
        except TimeoutError:
            LOG.warning("ffmpeg does not end; killing it")
            process.kill()
            await process.wait()

    async def _playable(self, part: Path) -> bool:
        """Return whether there is a picture in a file."""
        shown = ["-select_streams", "v:0", "-read_intervals", "%+#1", "-show_entries", "packet=size", "-of", "csv=p=0"]
        try:
            probe = await asyncio.create_subprocess_exec(
                self._prober, "-v", "error", *shown, str(part), stdout=PIPE, stderr=DEVNULL, stdin=DEVNULL
            )
        except OSError:
            return False
        try:
            async with asyncio.timeout(PROBE_S):
                said, _ = await probe.communicate()
        except TimeoutError:
            probe.kill()
            await probe.wait()
            return False
        return bool(said.strip())


async def _feed(reader: asyncio.StreamReader, pipe: asyncio.StreamWriter) -> None:
    """Hand pictures on until the camera falls silent or ffmpeg has gone; ffmpeg then comes to its end."""
    try:
        with suppress(OSError, TimeoutError):
            while True:
                async with asyncio.timeout(SILENCE_S):
                    piece = await reader.read(PIECE)
                if not piece:
                    break
                pipe.write(piece)
                await pipe.drain()
    finally:
        pipe.close()


async def _tail(pipe: asyncio.StreamReader) -> str:
    """Return the end of what ffmpeg said, once it has ended."""
    said = b""
    while piece := await pipe.read(PIECE):
        said = (said + piece)[-SAID:]
    return " / ".join(said.decode(errors="replace").split("\n")[-3:]).strip(" /")
