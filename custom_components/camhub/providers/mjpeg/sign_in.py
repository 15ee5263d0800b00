"""Signing in to an address is the test of the connection: what is found is shown before it is kept."""

from dataclasses import replace
from typing import Final

from yarl import URL

from ...kernel.addresses import parsed
from ...kernel.errors import HubError, Unreachable, Unsupported
from ...kernel.model import Account
from ...kernel.provider import Context
from ...kernel.secret import Secret
from ...kernel.signin import Answers, Ask, Field, FieldKind, Form
from .address import HTTP, Typed, read, shown
from .probe import Finding, Probe
from .settings import Kind, Settings

_ADDRESS: Final = Form(
    page="address",
    fields=(
        Field(key="address"),
        Field(key="still_address", required=False),
        Field(key="username", required=False),
        Field(key="password", kind=FieldKind.PASSWORD, required=False),
        Field(key="verify_tls", kind=FieldKind.BOOLEAN, default=True),
    ),
)
_SAVE_ANYWAY: Final = Field(key="save_anyway", kind=FieldKind.BOOLEAN, required=False, default=False)
_UNKNOWN: Final = "?"
# Names of formats, the same in every language.
_FORMATS: Final = {Kind.STREAM: "MJPEG", Kind.STILL: "JPEG", Kind.RTSP: "RTSP"}


async def sign_in(context: Context, ask: Ask) -> Account:
    """Ask for an address until it gives a picture (or, for a camera known before, until the user insists)."""
    earlier = Settings.load(context.credentials) if context.credentials else None
    form = _ADDRESS.filled(earlier.stored()) if earlier else _ADDRESS
    while True:
        answers = await ask(form)
        may_insist, wrong = False, "base"
        try:
            typed, wanted = _wanted(answers, earlier)
            may_insist = earlier is not None and not typed.bare
            if answers.get("save_anyway") and may_insist:
                return _account(wanted)
            probe = Probe(context, typed.url.host or "", wanted.username, wanted.password, verify_tls=wanted.verify_tls)
            found = await _test(probe, typed)
            if wanted.still is not None:
                wrong = "still_address"
                await probe.still(wanted.still)
                found = replace(found, still=wanted.still)
        except HubError as error:
            form = _again(answers, error, wrong, may_insist=may_insist)
            continue
        return _account(await _confirmed(ask, wanted, found))


def _again(answers: Answers, error: HubError, wrong: str, *, may_insist: bool) -> Form:
    """Return the form with what went wrong where; a camera that is only off may be saved all the same."""
    form = _ADDRESS
    if may_insist and isinstance(error, Unreachable):
        form = replace(form, fields=(*form.fields, _SAVE_ANYWAY))
    form = replace(form, errors={wrong: error.reason}, placeholders=error.placeholders)
    return form.filled({**answers, "save_anyway": False})


def _wanted(answers: Answers, earlier: Settings | None) -> tuple[Typed, Settings]:
    """Return what was typed as settings; raises Unsupported for what is no address."""
    typed = read(str(answers["address"]))
    still, login = _still(str(answers.get("still_address") or ""), typed.url)
    username, password = str(answers.get("username") or ""), Secret(str(answers.get("password") or ""))
    for inside in (login, typed):
        # A login inside an address was typed just now; the field beside it may only be what was there before.
        if inside is not None and inside.username:
            username, password = inside.username, inside.password
    same = earlier is not None and (earlier.url.host, earlier.username) == (typed.url.host, username)
    if earlier is not None and same and not password:
        password = earlier.password
    return typed, Settings(
        url=typed.url,
        still=still,
        username=username,
        password=password,
        verify_tls=bool(answers.get("verify_tls", True)),
        kind=Kind.RTSP if typed.rtsp else _kind_before(typed, earlier),
        name=earlier.name if earlier else typed.url.host or "",
    )


def _kind_before(typed: Typed, earlier: Settings | None) -> Kind:
    return earlier.kind if earlier is not None and earlier.url == typed.url else Kind.STREAM


def _still(text: str, beside: URL) -> tuple[URL | None, Typed | None]:
    """Return the address of the single picture, a path alone being on the stream's host, and the login inside it."""
    if not text.strip():
        return None, None
    path = parsed(text.strip()) if text.strip().startswith("/") else None
    typed = read(text if path is None else str(beside.join(path)))
    if typed.url.scheme not in HTTP:
        raise Unsupported("single pictures come by HTTP", reason="unsupported_still_address")
    return typed.url, typed


async def _test(probe: Probe, typed: Typed) -> Finding:
    """Try what was typed; raises HubError."""
    if typed.rtsp:
        return await (probe.search_rtsp(typed.url) if typed.bare else probe.rtsp(typed.url))
    if typed.bare:
        return await probe.search(typed.url, port_given=typed.port_given)
    return await probe.stream(typed.url)


async def _confirmed(ask: Ask, wanted: Settings, found: Finding) -> Settings:
    """Show what was found and return it as settings, under the name the user gives it."""
    size = found.size
    answers = await ask(
        Form(
            page="confirm",
            fields=(Field(key="name", default=wanted.name),),
            placeholders={
                "address": shown(found.url),
                "kind": _FORMATS[found.kind],
                "resolution": f"{size[0]}x{size[1]}" if size else _UNKNOWN,
                "fps": f"{found.fps:.3g}" if found.fps is not None else _UNKNOWN,
            },
            picture=found.picture,
        )
    )
    return replace(
        wanted,
        url=found.url,
        still=found.still,
        kind=found.kind,
        page=found.page,
        name=str(answers.get("name") or "").strip() or wanted.name,
    )


def _account(settings: Settings) -> Account:
    """Return the account: an address is no identity, so there is no unique id."""
    return Account(title=settings.name, unique_id=None, match=shown(settings.url), credentials=settings.stored())
