"""A HikVision camera or recorder: ISAPI over HTTP with Digest, pictures and the alert stream."""

from .alerts import Alert, Wire
from .faults import Faults
from .login import Login
from .personality import MODELS
from .server import HikvisionSimulator

__all__ = ["MODELS", "Alert", "Faults", "HikvisionSimulator", "Login", "Wire"]
