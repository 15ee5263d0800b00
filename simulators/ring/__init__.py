"""The service of Ring cameras and the push service it uses, under their real names on loopback."""

from .faults import OUTAGE, Canned, Faults
from .server import RingSimulator

__all__ = ["OUTAGE", "Canned", "Faults", "RingSimulator"]
