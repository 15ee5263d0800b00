"""Recorders and cameras that speak ISAPI over HTTP digest."""

from typing import Final

from ...kernel.spec import ProviderSpec
from .discovery import discover
from .provider import open_provider
from .sign_in import sign_in

SPEC: Final = ProviderSpec(
    key="hikvision",
    name="HikVision",
    sign_in=sign_in,
    open=open_provider,
    discover=discover,
    addresses=("address",),
)
