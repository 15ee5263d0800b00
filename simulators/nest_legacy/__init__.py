"""The services behind the older wired cameras: Google's sign-in, the home host, the camera hosts of two regions."""

from .faults import Faults
from .google import GoogleAccount
from .home import Unit
from .server import HOSTS, NestLegacySimulator

__all__ = ["HOSTS", "Faults", "GoogleAccount", "NestLegacySimulator", "Unit"]
