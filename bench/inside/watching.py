"""What a long run is watched by: who holds the loop up, what event entities tell, what there is in the process."""

import asyncio
from collections import Counter
import ctypes
import gc
from pathlib import Path
import sys
import threading
import time
from types import FrameType, TracebackType
from typing import Any, Final

from homeassistant.components import websocket_api
from homeassistant.components.websocket_api import ActiveConnection
from homeassistant.const import EVENT_STATE_CHANGED, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
import probatio

DOMAIN: Final = "bench_inside"
TICK: Final = 0.005
# Who is at work when the loop is so late, in seconds, is written down every TICK.
SLOW: Final = 0.02
# Lateness is counted in tenths of a millisecond up to a second, so that watching takes no more memory as it goes on.
_BINS: Final = 10_000
_PER_S: Final = 10_000
_DEPTH: Final = 7
_STACKS: Final = 300
_SAMPLES: Final = 12
_WAY: Final = 14
_OTHERS: Final = frozenset({STATE_UNAVAILABLE, STATE_UNKNOWN})
_NAMES: Final = frozenset({"who", "plate", "name"})


class Stalls:
    """How late a timer of the loop fires, and whose work is under way meanwhile."""

    def __init__(self) -> None:
        """Watch from now on."""
        self._late = [0] * (_BINS + 1)
        self._own = [0] * (_BINS + 1)
        self._worst = self._beat = 0.0
        self._overlooked = False
        self._stacks: Counter[str] = Counter()
        self._over = threading.Event()
        self._task = asyncio.get_running_loop().create_task(self._tick())
        threading.Thread(target=self._watch, args=(threading.get_ident(),), daemon=True).start()

    async def _tick(self) -> None:
        while True:
            begun, queued = time.perf_counter(), _queued()
            self._beat = begun
            await asyncio.sleep(TICK)
            late = time.perf_counter() - begun - TICK
            if self._overlooked:
                self._overlooked = False
                continue
            own = max(0.0, late - (_queued() - queued))
            self._late[min(_BINS, int(late * _PER_S))] += 1
            self._own[min(_BINS, int(own * _PER_S))] += 1
            self._worst = max(self._worst, late)

    def _watch(self, loop_thread: int) -> None:
        while not self._over.wait(TICK):
            if self._beat and time.perf_counter() - self._beat > TICK + SLOW:
                frame = sys._current_frames().get(loop_thread)  # noqa: SLF001 - there is no other way to look
                if frame is not None and len(self._stacks) < _STACKS:
                    self._stacks[stack(frame)] += 1

    def told(self) -> dict[str, Any]:
        """Return percentiles in milliseconds, also less what the thread waited for a processor, and who was at work."""
        raw, own = ({"p50": _at(each, 0.5), "p99": _at(each, 0.99)} for each in (self._late, self._own))
        who = [f"{count} x {each}" for each, count in self._stacks.most_common(12)]
        return {**raw, "max": self._worst * 1000, "own_p99": own["p99"], "who": who}

    def overlook(self) -> None:
        """Leave out the stall that is under way: the bench itself makes it."""
        self._overlooked = True

    def stop(self) -> None:
        """Watch no more."""
        self._task.cancel()
        self._over.set()


def _queued() -> float:
    """Return the seconds that this thread has waited for a processor."""
    return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9


def _at(bins: list[int], part: float) -> float:
    """Return a percentile of what was counted, in milliseconds."""
    left = sum(bins) * part
    for number, count in enumerate(bins):
        left -= count
        if left < 0:
            return (number + 1) * 1000 / _PER_S
    return _BINS * 1000 / _PER_S


def stack(frame: FrameType | None) -> str:
    """Return the innermost calls of a thread, the last one first."""
    found: list[str] = []
    while frame is not None and len(found) < _DEPTH:
        code = frame.f_code
        found.append(f"{'/'.join(Path(code.co_filename).parts[-2:])}:{frame.f_lineno} {code.co_name}")
        frame = frame.f_back
    return " < ".join(found)


class Heard:
    """What event entities told, by provider and type: what an automation that waits for their states sees."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Listen from now on."""
        self.counts: Counter[str] = Counter()
        self._marks: dict[str, tuple[str, object]] = {}
        self._hass = hass
        for state in hass.states.async_all("event"):
            self._marks[state.entity_id] = (state.state, state.attributes.get("event_id"))
        self.stop = hass.bus.async_listen(EVENT_STATE_CHANGED, self._changed)

    @callback
    def _changed(self, event: Event[EventStateChangedData]) -> None:
        state = event.data["new_state"]
        if state is None or state.domain != "event" or state.state in _OTHERS:
            return
        mark = (state.state, state.attributes.get("event_id"))
        kind = state.attributes.get("event_type")
        if self._marks.get(state.entity_id) == mark or kind in _NAMES:
            return
        self._marks[state.entity_id] = mark
        self.counts[f"{self._provider(state.entity_id)} {kind}"] += 1

    def _provider(self, entity_id: str) -> str:
        listed = er.async_get(self._hass).async_get(entity_id)
        entry = self._hass.config_entries.async_get_entry(listed.config_entry_id or "") if listed else None
        return str(entry.data.get("provider")) if entry else "?"


def _allocated() -> dict[str, int]:
    """Give free memory back to the system; return the KiB that the process's allocator has given out, if it tells."""
    process = ctypes.CDLL(None)
    if hasattr(process, "mallctl"):
        # jemalloc(3): the number stands for all arenas, and numbers are of the last epoch.
        process.mallctl(b"arena.4096.purge", None, None, None, ctypes.c_size_t(0))
        epoch, told = ctypes.c_uint64(1), ctypes.c_size_t()
        process.mallctl(b"epoch", None, None, ctypes.byref(epoch), ctypes.c_size_t(ctypes.sizeof(epoch)))
        size = ctypes.c_size_t(ctypes.sizeof(told))
        process.mallctl(b"stats.allocated", ctypes.byref(told), ctypes.byref(size), None, ctypes.c_size_t(0))
        return {"malloc_kb": told.value // 1024}
    if hasattr(process, "mallinfo2"):
        # glibc keeps what was freed, in pieces between what is in use.
        process.malloc_trim(0)
        process.mallinfo2.restype = MallInfo
        told_by_glibc = process.mallinfo2()
        return {"malloc_kb": (told_by_glibc.uordblks + told_by_glibc.hblkhd) // 1024}
    return {}


class MallInfo(ctypes.Structure):
    """What glibc's mallinfo2 says, in bytes (mallinfo(3))."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )


@callback
def async_register(hass: HomeAssistant) -> None:
    """Register the commands."""
    for command in (ws_watch, ws_watched, ws_trim, ws_stalls_anew, ws_objects, ws_holders, ws_garbage):
        websocket_api.async_register_command(hass, command)


@websocket_api.websocket_command({probatio.Required("type"): "bench_inside/watch"})
@callback
def ws_watch(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
    """Begin to watch, anew where something was watched before."""
    if (before := hass.data[DOMAIN].get("watch")) is not None:
        before[0].stop()
        before[1].stop()
    hass.data[DOMAIN]["watch"] = (Stalls(), Heard(hass))
    connection.send_result(msg["id"])


@websocket_api.websocket_command({probatio.Required("type"): "bench_inside/watched"})
@callback
def ws_watched(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
    """Return what was seen since."""
    stalls, heard = hass.data[DOMAIN]["watch"]
    states = Counter(str(entry.state) for entry in hass.config_entries.async_entries("camhub"))
    told = {
        "stalls": stalls.told(),
        "events": dict(heard.counts),
        "tasks": len(asyncio.all_tasks()),
        "threads": threading.active_count(),
        "entries": dict(states),
        "flows": len(hass.config_entries.flow.async_progress_by_handler("camhub")),
    }
    connection.send_result(msg["id"], told)


@websocket_api.websocket_command({probatio.Required("type"): "bench_inside/trim"})
@callback
def ws_trim(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
    """Give back to the system what is garbage or free, so that the memory that remains is in use; return whose it is.

    CPython collects cycles of long life only once they are a quarter of all that is alive, which takes longer than a
    run: until then garbage looks like growth.
    """
    hass.data[DOMAIN]["watch"][0].overlook()
    gc.collect()
    connection.send_result(msg["id"], {"python_blocks": sys.getallocatedblocks(), **_allocated()})


@websocket_api.websocket_command({probatio.Required("type"): "bench_inside/stalls_anew"})
@callback
def ws_stalls_anew(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
    """Forget the stalls until now."""
    stalls, heard = hass.data[DOMAIN]["watch"]
    stalls.stop()
    hass.data[DOMAIN]["watch"] = (Stalls(), heard)
    connection.send_result(msg["id"])


@websocket_api.websocket_command({probatio.Required("type"): "bench_inside/objects"})
@callback
def ws_objects(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
    """Return how many objects of each type there are; the loop stands still meanwhile."""
    gc.collect()
    kinds = Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects())
    connection.send_result(msg["id"], dict(kinds))


@websocket_api.websocket_command({probatio.Required("type"): "bench_inside/holders", probatio.Required("of"): str})
@callback
def ws_holders(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
    """Return who holds objects of a type, step by step outwards, each way with how many it holds."""
    gc.collect()
    there = gc.get_objects()
    known = {id(each) for each in there}
    found = [each for each in there if type(each).__qualname__ == msg["of"]][-_SAMPLES:]
    del there
    ways = Counter(_way(each, known) for each in found)
    connection.send_result(msg["id"], [f"{count} x {way}" for way, count in ways.most_common(12)])


def _way(held: object, known: set[int]) -> str:
    """Return the types on one way from an object outwards; `known` are the ids of what there was before."""
    steps: list[str] = []
    seen = {id(held)}
    while len(steps) < _WAY:
        holders = [each for each in gc.get_referrers(held) if id(each) in known and id(each) not in seen]
        # What holds on for long first.
        holders.sort(key=lambda each: isinstance(each, FrameType | TracebackType))
        if not holders:
            break
        held = holders[0]
        seen.add(id(held))
        del holders
        steps.append(_called(held))
    return " < ".join(steps)


def _called(held: object) -> str:
    """Return what an object is."""
    match held:
        case FrameType():
            return f"frame {held.f_code.co_qualname}:{held.f_lineno}"
        case dict():
            return f"dict({', '.join(map(str, list(held)[:3]))[:60]})"
        case asyncio.Task():
            return f"Task {held.get_name()} {getattr(held.get_coro(), '__qualname__', '')} {held.done()}"
        case _:
            return f"{type(held).__qualname__} {getattr(held, '__qualname__', '')}".strip()


@websocket_api.websocket_command(
    {probatio.Required("type"): "bench_inside/garbage", probatio.Required("seconds"): float}
)
@websocket_api.async_response
async def ws_garbage(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
    """Return of what the cycles are made that only the collector can free: types, and whose frames they hold."""
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        await asyncio.sleep(msg["seconds"])
        gc.collect()
    finally:
        gc.set_debug(0)
    kept = list(gc.garbage)
    gc.garbage.clear()
    kinds = Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in kept)
    frames = Counter(_called(each) for each in kept if isinstance(each, FrameType))
    errors = Counter(f"{type(each).__qualname__} {_raised(each)}" for each in kept if isinstance(each, BaseException))
    told = {"kinds": kinds.most_common(60), "frames": frames.most_common(60), "errors": errors.most_common(60)}
    connection.send_result(msg["id"], {"objects": len(kept), **told})


def _raised(error: BaseException) -> str:
    """Return the way of an error, from where it was caught to where it was raised."""
    steps = []
    trace = error.__traceback__
    while trace is not None:
        steps.append(trace.tb_frame.f_code.co_qualname)
        trace = trace.tb_next
    return " > ".join(steps[-_DEPTH:])
