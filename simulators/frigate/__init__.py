"""A Frigate server of a chosen version: login, cameras, pictures, events by websocket, recordings, its go2rtc."""

from .faults import Faults
from .login import Login
from .server import FrigateSimulator
from .site import VERSIONS, Unit

__all__ = ["VERSIONS", "Faults", "FrigateSimulator", "Login", "Unit"]
