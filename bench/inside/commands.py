"""The websocket commands: loop lag, set-up of entries, state writes, sweeps, forgetting pictures, a proxy."""

import asyncio
from collections.abc import Sequence
import gc
import time
from typing import Any, Final

from homeassistant.components import websocket_api
from homeassistant.components.websocket_api import ActiveConnection
from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.const import EVENT_STATE_CHANGED, EVENT_STATE_REPORTED
from homeassistant.core import Event, EventStateChangedData, EventStateReportedData, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.util.async_ import create_eager_task
import probatio

from custom_components.camhub.coordinator import CamHubCoordinator

from .proxying import Constant, PassOn

DOMAIN: Final = "bench_inside"
LAG_TICK: Final = 0.005


@callback
def async_register(hass: HomeAssistant) -> None:
    """Register them all."""
    for command in (ws_lag_start, ws_lag_stop, ws_started, ws_set_up, ws_forget, ws_sweep, ws_proxy):
        websocket_api.async_register_command(hass, command)


class Lag:
    """How much later than asked a timer fires, in milliseconds."""

    def __init__(self) -> None:
        """Start sampling."""
        self._seen: list[float] = []
        self._task = asyncio.get_running_loop().create_task(self._sample())

    async def _sample(self) -> None:
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(LAG_TICK)
            self._seen.append((time.perf_counter() - begun - LAG_TICK) * 1000)

    def stop(self) -> dict[str, float]:
        """Return median, 99th percentile and maximum."""
        self._task.cancel()
        seen = sorted(self._seen) or [0.0]
        return {"p50": _at(seen, 0.5), "p99": _at(seen, 0.99), "max": seen[-1]}


def _at(ordered: Sequence[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


@websocket_api.websocket_command({probatio.Required("type"): "bench_inside/lag_start"})
@callback
def ws_lag_start(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
    """Begin to sample the loop's lag."""
    hass.data[DOMAIN]["lag"] = Lag()
    connection.send_result(msg["id"])


@websocket_api.websocket_command({probatio.Required("type"): "bench_inside/lag_stop"})
@callback
def ws_lag_stop(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
    """Return what was sampled."""
    connection.send_result(msg["id"], hass.data[DOMAIN].pop("lag").stop())


@websocket_api.websocket_command({probatio.Required("type"): "bench_inside/started"})
@callback
def ws_started(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
    """Return after how many seconds Home Assistant was running."""
    connection.send_result(msg["id"], hass.data[DOMAIN].get("started"))


@websocket_api.websocket_command(
    {
        probatio.Required("type"): "bench_inside/set_up",
        probatio.Required("domain"): str,
        probatio.Required("prefix"): str,
        probatio.Required("new"): bool,
    }
)
@websocket_api.async_response
async def ws_set_up(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
    """Unload all entries of a domain whose title begins so, set them up together; `new`: with an empty registry."""
    entries = [
        entry for entry in hass.config_entries.async_entries(msg["domain"]) if entry.title.startswith(msg["prefix"])
    ]
    for entry in entries:
        if entry.state is not ConfigEntryState.NOT_LOADED:
            await hass.config_entries.async_unload(entry.entry_id)
        if msg["new"]:
            er.async_get(hass).async_clear_config_entry(entry.entry_id)
            dr.async_get(hass).async_clear_config_entry(entry.entry_id)
    await hass.async_block_till_done()
    # What unloading left behind is not to be cleared away on set-up's account.
    gc.collect()
    begun, spent = time.perf_counter(), time.thread_time()
    # As Home Assistant itself does when it starts.
    await asyncio.gather(*(create_eager_task(hass.config_entries.async_setup(entry.entry_id)) for entry in entries))
    seconds, cpu = time.perf_counter() - begun, time.thread_time() - spent
    loaded = sum(entry.state is ConfigEntryState.LOADED for entry in entries)
    result = {"seconds": seconds, "cpu": cpu, "entries": len(entries), "loaded": loaded}
    connection.send_result(msg["id"], result)


def _coordinator(hass: HomeAssistant, title: str) -> CamHubCoordinator:
    entry: ConfigEntry[CamHubCoordinator]
    (entry,) = (entry for entry in hass.config_entries.async_entries("camhub") if entry.title == title)
    return entry.runtime_data


@websocket_api.websocket_command({probatio.Required("type"): "bench_inside/forget", probatio.Required("titles"): [str]})
@websocket_api.async_response
async def ws_forget(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
    """Forget the pictures of accounts, as if there had never been any."""
    for title in msg["titles"]:
        coordinator = _coordinator(hass, title)
        await coordinator.album.forget([coordinator.picture_key(camera) for camera in coordinator.data])
    connection.send_result(msg["id"])


@websocket_api.websocket_command({probatio.Required("type"): "bench_inside/sweep", probatio.Required("title"): str})
@websocket_api.async_response
async def ws_sweep(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
    """Have an account look at all its cameras; return the time, the loop's CPU, its lag and the state writes."""
    coordinator = _coordinator(hass, msg["title"])
    if coordinator.sweep is not None:
        await asyncio.wait({coordinator.sweep})
    await hass.async_block_till_done()
    writes = {"changed": 0, "reported": 0}

    @callback
    def changed(_event: Event[EventStateChangedData]) -> None:
        writes["changed"] += 1

    @callback
    def reported(_event: Event[EventStateReportedData]) -> None:
        writes["reported"] += 1

    @callback
    def every(_data: object) -> bool:
        return True

    undo = [
        hass.bus.async_listen(EVENT_STATE_CHANGED, changed),
        hass.bus.async_listen(EVENT_STATE_REPORTED, reported, event_filter=every),
    ]
    lag = Lag()
    begun, spent, process = time.perf_counter(), time.thread_time(), time.process_time()
    await coordinator.async_refresh()
    if coordinator.sweep is not None:
        await asyncio.wait({coordinator.sweep})
    result = {
        "seconds": time.perf_counter() - begun,
        "cpu": time.thread_time() - spent,
        "process_cpu": time.process_time() - process,
        "lag": lag.stop(),
        "cameras": len(coordinator.data),
    }
    for each in undo:
        each()
    connection.send_result(msg["id"], {**result, **writes})


@websocket_api.websocket_command(
    {
        probatio.Required("type"): "bench_inside/proxy",
        probatio.Required("server"): str,
        probatio.Required("sizes"): {str: int},
    }
)
@callback
def ws_proxy(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
    """Hand a server on, with the session that all integrations share, and serve constant bytes of these sizes."""
    hass.http.register_view(PassOn(async_get_clientsession(hass), msg["server"]))
    hass.http.register_view(Constant(msg["sizes"]))
    connection.send_result(msg["id"])
