"""More cameras than the examples have."""

from copy import deepcopy
from dataclasses import replace

from simulators.frigate import FrigateSimulator
from simulators.frigate.site import Unit
from simulators.nest_legacy import NestLegacySimulator
from simulators.nest_sdm import NestSimulator
from simulators.nest_sdm.devices import WEB_RTC, Device
from simulators.ring import RingSimulator
from simulators.ring.home import DRIVE

type Service = FrigateSimulator | NestSimulator | NestLegacySimulator | RingSimulator


def add_cameras(service: Service, count: int) -> None:
    """Give an account so many cameras more."""
    for number in range(count):
        match service:
            case FrigateSimulator():
                service.cameras.append(Unit(name=f"camera_{number}", friendly_name=f"Camera {number}"))
            case NestSimulator():
                name = f"AVPHw-more-{number}"
                traits: dict[str, dict[str, object]] = {"CameraMotion": {}, "CameraPerson": {}}
                device = Device(id=name, room="Attic", name=f"Attic {number}", protocols=(WEB_RTC,), traits=traits)
                service.devices.append(device)
            case NestLegacySimulator():
                unit = replace(service.house.units[0], uuid=f"{number:02x}" * 16, name=f"Corner {number}", cuepoints=[])
                service.house.units.append(unit)
            case RingSimulator():
                another = deepcopy(service.device(DRIVE))
                another |= {"id": 7200000 + number, "description": f"Path {number}"}
                service.home.lists["stickup_cams"].append(another)
