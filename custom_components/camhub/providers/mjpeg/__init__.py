"""Any camera with an address: MJPEG, single JPEGs or RTSP."""

from ...kernel.spec import ProviderSpec
from .discovery import discover
from .provider import AddressProvider
from .sign_in import sign_in

SPEC = ProviderSpec(
    key="mjpeg",
    name="MJPEG or RTSP address",
    sign_in=sign_in,
    open=AddressProvider,
    discover=discover,
    addresses=("address", "still_address"),
)
