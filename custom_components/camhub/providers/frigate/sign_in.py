"""Asks for the address of a server, and for a login only where the server does."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from yarl import URL

from ...kernel.errors import AuthError, HubError, Malformed, Unreachable
from ...kernel.model import Account, JsonValue
from ...kernel.provider import Context
from ...kernel.secret import Credentials
from ...kernel.signin import Answers, Ask, Field, FieldKind, Form, until_accepted
from ...kernel.typed_login import typed_login
from .client import Client
from .parse import Site
from .provider import ADMIN, look, profile
from .settings import TEMPLATE, Settings, candidates, is_loopback

LIVE: Final = ("auto", "rtsp", "webrtc")
# What a wrong address or something else at it answers with; another port may do better.
_ELSEWHERE: Final = frozenset(
    {"cannot_connect", "timeout", "tls_untrusted", "tls_failed", "not_this_device", "malformed"}
)
# How little an answer says; others are 1.
_SILENCE: Final[Mapping[str, int]] = MappingProxyType(
    {"tls_untrusted": 0, "tls_failed": 2, "timeout": 3, "cannot_connect": 3}
)


async def sign_in(context: Context, ask: Ask) -> Account:
    """Ask until the server accepts; earlier answers are the context's credentials.

    Each round costs at most one login. A server that asks for none is said to be open, unless it is this machine's.
    """
    earlier = context.credentials

    async def find(answers: Answers) -> tuple[Settings, Site | None]:
        return await _found(context, _server(answers, earlier), str(answers.get("address") or ""))

    server = Form(
        page="server",
        placeholders={"example": TEMPLATE},
        fields=(
            Field(key="address"),
            Field(key="verify_tls", kind=FieldKind.BOOLEAN, required=False, default=True),
            Field(key="live", kind=FieldKind.SELECT, options=LIVE, default=LIVE[0]),
            Field(key="rtsp_template", required=False),
            Field(key="proxy_secret", kind=FieldKind.PASSWORD, required=False),
        ),
    )
    settings, site = await until_accepted(ask, server.filled(earlier), find)
    if site is not None:
        if not is_loopback(settings.base):
            await ask(Form(page="unprotected", placeholders={"host": settings.base.host or ""}))
        return _account(settings, site)
    return await _with_login(context, ask, settings)


async def _with_login(context: Context, ask: Ask, settings: Settings) -> Account:
    earlier = context.credentials
    same = earlier.text("address") == str(settings.base)

    async def attempt(answers: Answers) -> Account:
        wanted = _login(answers, settings, earlier if same else Credentials())
        client = Client(context, wanted)
        _, site = await look(client)
        await _may_see(client, site)
        return _account(wanted, site)

    login = Form(
        page="login",
        fields=(
            Field(key="username", default="admin"),
            # May be left empty only to keep the one there is.
            Field(key="password", kind=FieldKind.PASSWORD, required=not (same and earlier.text("password"))),
        ),
    )
    return await until_accepted(ask, login.filled(earlier if same else {}), attempt)


async def _found(context: Context, wanted: Settings, typed: str) -> tuple[Settings, Site | None]:
    """Return the server and what it looks after, None if it wants a login first; raises HubError."""
    failures: list[HubError] = []
    for base in candidates(typed):
        settings = wanted.at(base)
        client = Client(context, settings)
        try:
            _, site = await look(client)
            await _may_see(client, site)
        except AuthError as error:
            if error.reason != "login_required":
                raise
            return settings, None
        except (Unreachable, Malformed) as error:
            if error.reason not in _ELSEWHERE:
                raise
            failures.append(error)
        else:
            return settings, site
    raise _worst(failures)


def _worst(failures: list[HubError]) -> HubError:
    """Return what says most: a certificate that may be accepted, something that answered, nothing at all."""
    return min(failures, key=lambda each: _SILENCE.get(each.reason, 1))


async def _may_see(client: Client, site: Site) -> None:
    """Raise AuthError for a role that no longer sees any camera."""
    role, allowed = await profile(client)
    if role != ADMIN and site.units and allowed and not any(each.id in allowed for each in site.units):
        raise AuthError("the role sees no camera", reason="role_sees_nothing")


def _server(answers: Answers, earlier: Credentials) -> Settings:
    """Return what was typed; an empty secret stands for the earlier one of the same address, to nobody else."""
    values: dict[str, JsonValue] = {**answers, "username": "", "password": ""}
    settings = Settings.load(Credentials(values))
    typed = str(answers.get("address") or "")
    meant = candidates(typed) if "://" not in typed else [settings.base]
    if not settings.proxy_secret and URL(earlier.text("address")) in meant:
        settings = replace(settings, proxy_secret=earlier.secret("proxy_secret"))
    return settings


def _login(answers: Answers, settings: Settings, earlier: Credentials) -> Settings:
    username, password = typed_login(answers, earlier)
    return replace(settings, username=username, password=password)


def _account(settings: Settings, site: Site) -> Account:
    """Return the account: a server has no identity but its address."""
    stored: Mapping[str, JsonValue] = settings.stored()
    base = settings.base
    return Account(
        title=site.title, unique_id=None, match=f"{base.host}:{base.port}{base.path.rstrip('/')}", credentials=stored
    )
