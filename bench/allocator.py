"""The memory allocator that Home Assistant's own container runs with."""

from collections.abc import Mapping
import ctypes.util
from types import MappingProxyType
from typing import Final

JEMALLOC: Final = ctypes.util.find_library("jemalloc")
# As in the Dockerfile of Home Assistant's container.
_SETTINGS: Final = "background_thread:true,metadata_thp:auto,dirty_decay_ms:20000,muzzy_decay_ms:20000"

ENVIRONMENT: Final[Mapping[str, str]] = MappingProxyType(
    {"LD_PRELOAD": JEMALLOC, "MALLOC_CONF": _SETTINGS} if JEMALLOC else {}
)
"""What a process is started with; nothing where jemalloc is not installed."""
NAME: Final = "jemalloc" if JEMALLOC else "the system's allocator"
