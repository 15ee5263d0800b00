"""Ring doorbells and cameras, over the account in the cloud."""

from typing import Final

from ring_doorbell.const import API_URI

from ...kernel.spec import ProviderSpec
from .discovery import discover
from .provider import open_provider
from .settings import OPTIONS
from .sign_in import sign_in

SPEC: Final = ProviderSpec(
    key="ring", name="Ring", sign_in=sign_in, open=open_provider, options=OPTIONS, cloud=API_URI, discover=discover
)
