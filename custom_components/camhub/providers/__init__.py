"""The providers there are, by key, with the pages of their sign-in.

One line each; a package is imported late, by name.
"""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..kernel.spec import ProviderSpec

PROVIDERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "frigate": ("server", "unprotected", "login"),
        "hikvision": ("device",),
        "mjpeg": ("address", "confirm"),
        "nest": ("project", "topic", "console", "subscription"),
        "nest_legacy": ("way", "google", "token"),
        "ring": ("account", "code_sms", "code_email", "code_app"),
    }
)


def load(key: str) -> ProviderSpec:
    """Import a provider's package and return its SPEC; slow the first time, so not for the event loop."""
    spec: ProviderSpec = import_module(f".{key}", __package__).SPEC
    return spec
