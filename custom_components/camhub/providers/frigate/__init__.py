"""Frigate servers, over HTTP and their websocket, without MQTT."""

from typing import Final

from ...kernel.spec import ProviderSpec
from .discovery import discover
from .provider import open_provider
from .sign_in import sign_in

SPEC: Final = ProviderSpec(
    key="frigate",
    name="Frigate",
    sign_in=sign_in,
    open=open_provider,
    discover=discover,
    addresses=("address",),
)
