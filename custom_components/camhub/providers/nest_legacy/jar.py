"""The cookies of one account as a header: what answers set is merged in, what they delete stays (peers.md L2, L9b)."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from ...kernel.reading import number
from .hosts import ACCOUNTS, RPC_PATH
from .reading import moment

type Pairs = dict[str, str]


def pairs(header: str) -> Pairs:
    """Return the cookies of a header by name, in order."""
    split = (each.partition("=") for each in header.split(";"))
    return {name.strip(): value.strip() for name, _, value in split if name.strip()}


def header(cookies: Mapping[str, str]) -> str:
    """Return the header of cookies."""
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def merged(old: str, answers: Iterable[str], now: datetime) -> str:
    """Return a Cookie header with what the Set-Cookie headers of an answer change.

    A deletion (no value, or an end in the past) is left out: it would spoil what is stored. So is a cookie that a
    browser would not send to the address that issues tokens, and one of bytes that no header can hold.
    """
    cookies = pairs(old)
    for each in answers:
        first, *rest = each.split(";")
        name, _, value = (part.strip() for part in first.partition("="))
        if name and value.strip('"') and f"{name}{value}".isprintable() and _counts(_attributes(rest), now):
            cookies[name] = value
    return header(cookies)


def _attributes(parts: Iterable[str]) -> Mapping[str, str]:
    split = (each.partition("=") for each in parts)
    return {name.strip().lower(): value.strip() for name, _, value in split}


def _counts(attributes: Mapping[str, str], now: datetime) -> bool:
    domain = attributes.get("domain", ACCOUNTS).lower().lstrip(".")
    path = attributes.get("path", "/").rstrip("/")
    if not f".{ACCOUNTS}".endswith(f".{domain}") or not f"{RPC_PATH}/".startswith(f"{path}/"):
        return False
    left = number(attributes.get("max-age"))
    until = moment(attributes.get("expires"))
    return left > 0 if left is not None else until is None or until > now
