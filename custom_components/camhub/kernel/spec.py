"""How a provider introduces itself."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from .discovery import Discovered, Found
from .model import Account
from .provider import Context, Provider
from .signin import Ask, Field


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderSpec:
    """A provider's name for users, how to sign in and how to open what was signed in to.

    `options` are settings that need no sign-in: the user changes them on a page, `Context.options` hands them in.
    `cloud` is the address of the maker's service, None for what stands in the house.
    `discover` knows the provider's devices among those that the network tells of, and asks nobody; `addresses` are the
    credentials that lead to a device, the first above all, so that one that has moved can be followed.
    """

    key: str
    name: str
    sign_in: Callable[[Context, Ask], Awaitable[Account]]
    open: Callable[[Context], Provider]
    options: tuple[Field, ...] = ()
    cloud: str | None = None
    discover: Callable[[Found], Discovered | None] | None = None
    addresses: tuple[str, ...] = ()
