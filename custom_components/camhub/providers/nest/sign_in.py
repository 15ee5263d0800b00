"""Asks for project and client, sends the user to Google's consent page, then finds a way for events."""

from collections.abc import Mapping
from dataclasses import replace
import re
from typing import Final

from yarl import URL

from ...kernel.errors import AuthError, HubError, Malformed
from ...kernel.model import Account, JsonValue
from ...kernel.provider import Context
from ...kernel.reading import Object
from ...kernel.secret import Credentials
from ...kernel.signin import Answers, Ask, Consent, Field, FieldKind, Form, until_accepted
from .abilities import KEY as ABILITIES
from .client import Client
from .events_page import choose_events
from .parse import unit
from .reading import text
from .settings import CONSENT, DEVICES_SCOPE, EVENTS_SCOPE, SCOPES, Settings
from .tokens import tokens
from .wire import Wire

_CLOUD_PROJECT: Final = re.compile(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
_CLIENT_ID: Final = re.compile(r"[\w-]+\.apps\.googleusercontent\.com", re.ASCII)
# No refresh token looks like this: the client is judged before the token is (RFC 6749 section 5.2).
_PROBE: Final = "camhub-is-this-client-known"
_PLACES: Final[Mapping[str, str]] = {
    "device_access": "https://console.nest.google.com/device-access",
    "cloud_console": "https://console.cloud.google.com/apis/credentials",
}


async def sign_in(context: Context, ask: Ask) -> Account:
    """Ask until Google lets the client see a camera; earlier answers are the context's credentials."""
    earlier = context.credentials

    async def attempt(answers: Answers) -> Client:
        settings = _typed(answers, earlier)
        await _known(Wire(context), settings)
        back = await ask(Consent(url=_page(settings), scopes=SCOPES))
        client = await _admitted(context, settings, back)
        await _sees_cameras(client)
        return client

    kept = earlier.text("client_secret") != ""
    project = Form(
        page="project",
        placeholders=_PLACES,
        fields=(
            Field(key="project_id"),
            Field(key="cloud_project_id"),
            Field(key="client_id"),
            # May be left empty only to keep the one there is.
            Field(key="client_secret", kind=FieldKind.PASSWORD, required=not kept),
        ),
    )
    client = await until_accepted(ask, project.filled(earlier), attempt)
    way = await choose_events(ask, client, Settings.load(earlier))
    settings = replace(client.settings, topic=way.topic, subscription=way.subscription, made=way.made)
    return await _account(client, settings, earlier)


def _typed(answers: Answers, earlier: Credentials) -> Settings:
    """Return what was typed; an empty secret stands for the earlier one of the same client; raises HubError."""
    settings = Settings.load(Credentials(answers))
    if settings.project == settings.cloud_project:
        raise Malformed("the same project twice", reason="project_is_cloud_project")
    if not settings.project or "/" in settings.project:
        raise Malformed("no project id", reason="project_id_malformed")
    if not _CLOUD_PROJECT.fullmatch(settings.cloud_project):
        raise Malformed("no cloud project id", reason="cloud_project_malformed")
    if not _CLIENT_ID.fullmatch(settings.client_id):
        raise Malformed("no client id", reason="client_id_malformed")
    if not settings.secret and settings.client_id == earlier.text("client_id"):
        settings = replace(settings, secret=earlier.secret("client_secret"))
    if not settings.secret:
        raise AuthError("no secret given", reason="client_secret_missing")
    return settings


async def _known(wire: Wire, settings: Settings) -> None:
    """Raise AuthError for a client that Google does not know, before the user is sent away; raises HubError."""
    try:
        await wire.token(settings, grant_type="refresh_token", refresh_token=_PROBE)
    except Malformed:
        # No word on the client: what comes next shows whether it is known.
        return
    except AuthError as error:
        if error.reason != "login_revoked":
            raise


def _page(settings: Settings) -> str:
    """Return the address of the consent page."""
    page = URL(CONSENT.format(project=settings.project))
    # Only with these two a login outlasts its first hour.
    return str(page.with_query(client_id=settings.client_id, access_type="offline", prompt="consent"))


async def _admitted(context: Context, settings: Settings, back: Answers) -> Client:
    """Return a client with the tokens of the code that came back; raises HubError."""
    code = text(back.get("code"))
    if not code:
        raise AuthError("no consent", reason="consent_refused")
    asked_at = context.clock.now()
    try:
        told = await Wire(context).token(
            settings, grant_type="authorization_code", code=code, redirect_uri=text(back.get("redirect_uri"))
        )
    except AuthError as error:
        if error.reason == "login_revoked":
            raise AuthError("the code was refused", reason="code_refused") from None
        raise
    _complete(told)
    stored = {**settings.stored(), **tokens(told, asked_at), "signed_in_at": asked_at.isoformat()}
    return Client(replace(context, credentials=Credentials(stored)), settings)


def _complete(told: Object) -> None:
    """Raise AuthError where the user allowed less than is needed."""
    if not text(told.get("refresh_token")):
        raise AuthError("no refresh token", reason="no_lasting_login")
    if not {DEVICES_SCOPE, EVENTS_SCOPE} <= set(text(told.get("scope")).split()):
        raise AuthError("a scope is missing", reason="consent_incomplete")


async def _sees_cameras(client: Client) -> None:
    """Raise AuthError where nothing was shared; events come only after a listing (protocols.md 2.1)."""
    listed = await client.devices()
    if not listed:
        raise AuthError("no devices", reason="no_devices_shared")
    if not any(unit(each) for each in listed):
        raise AuthError("no cameras", reason="no_cameras_shared")


async def _account(client: Client, settings: Settings, earlier: Credentials) -> Account:
    stored: dict[str, JsonValue] = {**client.keeper.stored, **settings.stored()}
    if earlier.text("project_id") == settings.project and (abilities := earlier.get(ABILITIES)):
        stored[ABILITIES] = abilities
    return Account(title=await _title(client), unique_id=settings.project, match=settings.project, credentials=stored)


async def _title(client: Client) -> str:
    """Return the names of the homes, else whose they are; a title is not worth an error."""
    try:
        return ", ".join(await client.homes()) or await client.email() or "Google Nest"
    except HubError:
        return "Google Nest"
