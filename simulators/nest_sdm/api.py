"""The Smart Device Management API itself (protocols.md 2.2, 2.3, 2.7)."""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from aiohttp import web

from .devices import Device
from .faults import Faults
from .happenings import Happenings
from .oauth import SDM, Grant, Tokens
from .quota import PER_DEVICE, PER_USER, Quota
from .replies import ApiError
from .streams import Streams

STRUCTURE: Final = "home"
_COMMANDS: Final = "sdm.devices.commands."


class Home(Protocol):
    """What the API needs of its service."""

    enterprise: str
    structure: str
    devices: list[Device]
    faults: Faults
    quota: Quota
    tokens: Tokens
    streams: Streams
    happenings: Happenings
    commands: list[tuple[str, str]]
    listed: int


async def answer(home: Home, request: web.Request, path: str) -> web.Response:
    """Answer one call, `path` without `/v1/`; raises ApiError."""
    grant = home.tokens.grant(request, SDM)
    parts = path.split("/")
    enterprise = "/".join(parts[:2])
    if parts[0] != "enterprises" or enterprise != home.enterprise or grant.client.enterprise != parts[1]:
        raise ApiError("NOT_FOUND", f"Enterprise {enterprise} not found.")
    match request.method, parts[2:]:
        case "GET", ["devices"]:
            _spend(home, grant, "list")
            home.listed += 1
            shared = [each.told(home.enterprise, STRUCTURE) for each in home.devices if _shared(home, grant, each)]
            return web.json_response({"devices": shared} if shared else {})
        case "GET", ["devices", name]:
            _spend(home, grant, "get")
            return web.json_response(_device(home, grant, name).told(home.enterprise, STRUCTURE))
        case "GET", ["structures", *rest]:
            _spend(home, grant, "structures")
            return web.json_response(_structures(home, rest))
        case "POST", ["devices", target] if target.endswith(":executeCommand"):
            device = _device(home, grant, target.removesuffix(":executeCommand"))
            return await _command(home, grant, device, await request.json())
    raise ApiError("NOT_FOUND", "The requested URL was not found on this server.")


def _shared(home: Home, grant: Grant, device: Device) -> bool:
    return device.id in grant.devices and device.id not in home.faults.missing


def _device(home: Home, grant: Grant, name: str) -> Device:
    found = next((each for each in home.devices if each.id == name and _shared(home, grant, each)), None)
    if found is None:
        raise ApiError("NOT_FOUND", f"Device {home.enterprise}/devices/{name} not found.")
    return found


def _spend(home: Home, grant: Grant, what: str, *more: tuple[tuple[str, str], int]) -> None:
    if home.faults.throttled or not home.quota.admits(((grant.user, what), PER_USER[what]), *more):
        called = {"executeCommand": "ExecuteDeviceCommand", "list": "ListDevices", "get": "GetDevice"}
        name = called.get(what, "ListStructures")
        raise ApiError("RESOURCE_EXHAUSTED", f"Rate limited for the {name} API for the user.")


def _structures(home: Home, rest: list[str]) -> dict[str, Any]:
    name = f"{home.enterprise}/structures/{STRUCTURE}"
    told = {"name": name, "traits": {"sdm.structures.traits.Info": {"customName": home.structure}}}
    match rest:
        case []:
            return {"structures": [told]}
        case [one] if one == STRUCTURE:
            return told
    raise ApiError("NOT_FOUND", f"Structure {'/'.join(rest)} not found.")


async def _command(home: Home, grant: Grant, device: Device, said: Mapping[str, Any]) -> web.Response:
    trait, _, name = str(said.get("command", "")).removeprefix(_COMMANDS).partition(".")
    if not name:
        raise ApiError("NOT_FOUND", "The command is not found.")
    _spend(home, grant, "executeCommand", ((device.id, name), PER_DEVICE))
    home.commands.append((device.id, name))
    if name in home.faults.commands:
        status, body = home.faults.commands[name]
        return web.Response(status=status, text=body, content_type="application/json")
    params = said.get("params") or {}
    if trait == "CameraEventImage":
        if trait not in device.traits:
            raise ApiError("INVALID_ARGUMENT", "Command not supported.")
        results: dict[str, Any] = dict(home.happenings.image(device, str(params.get("eventId"))))
    else:
        results = await home.streams.command(device, name, params)
    return web.json_response({"results": results} if results else {})
