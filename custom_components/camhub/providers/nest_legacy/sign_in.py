"""Asks for what a browser has of the account, and proves it with a real picture, taken as all later ones are."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from ...kernel.errors import AuthError, HubError, Malformed, Unreachable, Unsupported
from ...kernel.model import Account
from ...kernel.provider import Context
from ...kernel.secret import Secret
from ...kernel.signin import Answers, Ask, Field, FieldKind, Form
from . import jwt, paste
from .client import Client, Refused
from .login import BROWSER, GOOGLE, Login, Manner, is_mixed
from .parse import Home, State
from .paste import Kind

WAYS: Final = (GOOGLE, BROWSER)
# A token that does not say its end is good for about so long (seed 001).
LIFE: Final = timedelta(days=30)
_FIELDS: Final = {"issue_token": "issue_token", "cookie": "cookies", "token": "user_token"}


@dataclass(slots=True)
class _Typed:
    """What was pasted in this dialog or before it; cookies that Google has changed since stand for those pasted."""

    issue_token: Secret
    cookies: Secret
    pasted: str = ""
    # Whether all of it is what the account has: what Google changes of it is to be kept, whatever comes of the dialog.
    own: bool = True


async def sign_in(context: Context, ask: Ask) -> Account:
    """Ask until a picture comes; earlier answers are the context's credentials. Each round costs one login at most."""
    earlier = Login.load(context.credentials)
    way = Form(
        page="way", fields=(Field(key="credential", kind=FieldKind.SELECT, options=WAYS, default=earlier.credential),)
    )
    chosen = str((await ask(way)).get("credential") or GOOGLE)
    if is_mixed(context.credentials):
        # An action handed in values of the other way; its answer to this page is the old one.
        chosen = earlier.credential
    same = earlier if earlier.credential == chosen else Login(credential=chosen)
    return await (_with_google if chosen == GOOGLE else _with_token)(context, ask, same)


async def _with_google(context: Context, ask: Ask, earlier: Login) -> Account:
    typed = _Typed(issue_token=earlier.issue_token, cookies=earlier.cookies)
    errors: tuple[dict[str, str], dict[str, str]] = ({}, {})
    while True:
        answers = await ask(
            Form(
                page="google",
                fields=(
                    Field(key="issue_token", kind=FieldKind.PASSWORD, required=not typed.issue_token),
                    Field(key="cookies", kind=FieldKind.PASSWORD, required=not typed.cookies),
                ),
                errors=errors[0],
                placeholders=errors[1],
            )
        )
        try:
            return await _google(context, answers, earlier, typed)
        except HubError as error:
            errors = _shown(error)


async def _google(context: Context, answers: Answers, earlier: Login, typed: _Typed) -> Account:
    first, second = (str(answers.get(key) or "") for key in ("issue_token", "cookies"))
    typed.issue_token = Secret(_found(paste.issue_token, first, second, typed.issue_token))
    found = _found(paste.cookies, second, first, typed.cookies)
    # The same once more, after a round that failed behind Google: Google has changed them by now.
    if found != typed.pasted:
        typed.pasted, typed.cookies = found, Secret(found)
    login = Login(
        credential=GOOGLE,
        issue_token=typed.issue_token,
        cookies=typed.cookies,
        field_test=paste.is_field_test(typed.issue_token.reveal()),
    )
    typed.own = typed.own and not answers.get("issue_token") and not answers.get("cookies")
    if login.fingerprint == earlier.fingerprint:
        login, typed.own = earlier, True
    tokens = context.earlier if typed.own and context.earlier else context.tokens
    client = Client(replace(context, tokens=tokens), login)
    try:
        return await _prove(client)
    finally:
        await client.keeper.abandon()
        typed.cookies = client.book.login.cookies


def _found(check: Callable[[str], str], own: str, beside: str, known: Secret) -> str:
    """Return what is in its own field, or in the other: fields are mixed up, and a whole request goes into one.

    What was stored is looked through as well: it may have been taken over from elsewhere.
    """
    for text in (own, beside):
        with suppress(Malformed):
            return check(text)
    return check(own or known.reveal())


async def _with_token(context: Context, ask: Ask, earlier: Login) -> Account:
    errors: tuple[dict[str, str], dict[str, str]] = ({}, {})
    field_test = earlier.field_test
    while True:
        answers = await ask(
            Form(
                page="token",
                fields=(
                    Field(key="user_token", kind=FieldKind.PASSWORD, required=not earlier.user_token),
                    Field(key="field_test", kind=FieldKind.BOOLEAN, required=False, default=field_test),
                ),
                errors=errors[0],
                placeholders=errors[1],
            )
        )
        field_test = bool(answers.get("field_test"))
        try:
            return await _token(context, str(answers.get("user_token") or ""), earlier, field_test=field_test)
        except HubError as error:
            errors = _shown(error)


async def _token(context: Context, pasted: str, earlier: Login, *, field_test: bool) -> Account:
    now = context.clock.now()
    found = paste.token(pasted or earlier.user_token.reveal())
    ends = jwt.expires_at(found.value) or now + LIFE
    login = Login(
        credential=BROWSER,
        user_token=Secret(found.value),
        kind=found.kind,
        field_test=field_test or found.field_test,
        expires_at=ends,
    )
    if login.fingerprint == earlier.fingerprint and earlier.expires_at is not None:
        ends = earlier.expires_at
        login = replace(earlier, field_test=login.field_test)
    if ends <= now:
        raise AuthError("the token's end is past", reason="token_expired")
    client = Client(context, login)
    try:
        return await _prove(client)
    finally:
        await client.keeper.abandon()


async def _prove(client: Client) -> Account:
    """Return the account once a picture has come; the way of asking that worked is remembered with it."""
    session = await client.keeper.session()
    home = await _probe(client)
    if home is None and client.keeper.may_renew(session):
        # A session from before may have been revoked.
        await client.keeper.renew(session)
        home = await _probe(client)
    if home is None:
        google = client.book.login.credential == GOOGLE
        raise AuthError("refused in every way", reason="nest_refused" if google else "token_refused")
    if all(unit.state is State.MOVED for unit in home.units):
        raise Unsupported("no cameras", reason="cameras_migrated" if home.units else "no_cameras")
    account = await _number(client)
    login = replace(client.book.login, manner=client.manner)
    return Account(
        title=f"Nest {home.title}" if home.title else "Nest",
        unique_id=account,
        match=account or min(unit.id for unit in home.units),
        credentials=login.stored(),
    )


async def _probe(client: Client) -> Home | None:
    """Find a way of asking that is let in, and return the cameras; None if every way is refused."""
    client.probing = True
    try:
        home = await client.home() if client.book.login.credential == GOOGLE else None
        for manner in _manners(client.book.login):
            client.manner = manner
            with suppress(Refused):
                home = home or await client.home()
                await _see(client, home)
                return home
    except Refused:
        pass
    finally:
        client.probing = False
    return None


def _manners(login: Login) -> Iterator[Manner]:
    """Yield the ways of asking that may work, the one that did first."""
    if login.manner is not None:
        yield login.manner
    by_kind = {
        Kind.USER: (Manner.USER_COOKIE, Manner.BASIC_JWT),
        Kind.SITE: (Manner.WEBSITE,),
        Kind.ACCESS: (Manner.WEBSITE,),
        Kind.UNKNOWN: (Manner.USER_COOKIE, Manner.WEBSITE, Manner.BASIC_SESSION),
    }
    google = (Manner.BASIC_SESSION, Manner.BASIC_JWT, Manner.USER_COOKIE)
    for manner in google if login.credential == GOOGLE else by_kind[login.kind]:
        if manner is not login.manner:
            yield manner


async def _see(client: Client, home: Home) -> None:
    """Take a picture of any camera; where none gives one, because all are off, ask who the account is."""
    for unit in home.units:
        if unit.state not in {State.ON, State.UNKNOWN}:
            continue
        try:
            await client.picture(unit)
        except Refused:
            # This one may be closed to an account that is not.
            await client.account()
        except Unreachable as error:
            if error.reason not in {"blank_picture", "camera_not_connected"}:
                raise
        else:
            return
    await client.account()


async def _number(client: Client) -> str | None:
    """Return what the service calls the account; None where it does not say."""
    login = client.book.login
    if login.credential == GOOGLE:
        return (await client.keeper.session()).user_id or None
    if found := jwt.subject(login.user_token.reveal()):
        return found
    try:
        return await client.account()
    except HubError:
        return None


def _shown(error: HubError) -> tuple[dict[str, str], dict[str, str]]:
    """Return the error beside the field it is about, and what its sentence needs."""
    reason = error.reason
    field = "base"
    if isinstance(error, Malformed):
        field = next((name for start, name in _FIELDS.items() if reason.startswith(start)), "base")
    return {field: reason}, error.placeholders
