"""Google's Smart Device Management as a local service under its real names: consent, devices, streams, events."""

from .devices import Device, home
from .faults import Faults
from .oauth import OAuthClient
from .server import NestSimulator

__all__ = ["Device", "Faults", "NestSimulator", "OAuthClient", "home"]
