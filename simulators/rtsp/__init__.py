"""A camera that speaks RTSP: `python -m simulators.rtsp --port 8554 --user name --password word`."""

from .access import Scheme
from .server import Faults, RtspServer

__all__ = ["Faults", "RtspServer", "Scheme"]
