"""Asks for e-mail and password, and for the code that the service then sends."""

from dataclasses import dataclass, replace
from typing import Final
import uuid

from ...kernel.errors import Malformed
from ...kernel.model import Account, JsonValue
from ...kernel.provider import Context
from ...kernel.secret import Credentials, Secret
from ...kernel.signin import Answers, Ask, Field, FieldKind, Form, until_accepted
from ...kernel.typed_login import typed_login
from .answers import CodeNeeded
from .client import Client
from .reading import identifier
from .token_endpoint import Grant, TokenEndpoint

_CODE: Final = (Field(key="code", required=False),)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Login:
    """What was typed; `keep` is whether the password may be stored."""

    username: str
    password: Secret
    keep: bool


class _Visit:
    """One sign-in: a code serves once, so what it opened is kept while the rest is tried again."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._hardware_id = context.credentials.text("hardware_id") or str(uuid.uuid4())
        self._endpoint = TokenEndpoint(context, context.session(cookies=False), self._hardware_id)
        self._grant: Grant | None = None

    async def enter(self, login: _Login, code: str = "") -> Account:
        """Return the account; raises HubError, CodeNeeded where a code is on its way."""
        if self._grant is None:
            self._grant = await self._endpoint.sign_in(login.username, login.password, code)
        credentials: dict[str, JsonValue] = {
            "username": login.username,
            "keep_password": login.keep,
            "hardware_id": self._hardware_id,
            "grant": self._grant.stored(),
            "push": self._context.credentials.get("push"),
        }
        if login.keep:
            credentials["password"] = login.password.reveal()
        client = Client(replace(self._context, credentials=Credentials(credentials)))
        owner = identifier((await client.meet()).get("id"))
        if owner is None:
            raise Malformed("no number of the account")
        return Account(
            title=login.username, unique_id=str(owner), match=login.username.lower(), credentials=credentials
        )


async def sign_in(context: Context, ask: Ask) -> Account:
    """Ask until the service accepts; earlier answers are the context's credentials."""
    earlier = context.credentials
    visit = _Visit(context)

    async def attempt(answers: Answers) -> tuple[_Login, Account | CodeNeeded]:
        login = _typed(answers, earlier)
        try:
            return login, await visit.enter(login)
        except CodeNeeded as wanted:
            return login, wanted

    account = Form(
        page="account",
        fields=(
            Field(key="username", kind=FieldKind.EMAIL),
            # May be left empty only to keep the one there is.
            Field(key="password", kind=FieldKind.PASSWORD, required=not earlier.text("password")),
            Field(key="keep_password", kind=FieldKind.BOOLEAN, required=False, default=False),
        ),
    )
    login, found = await until_accepted(ask, account.filled(earlier), attempt)
    if isinstance(found, Account):
        return found

    async def again(answers: Answers) -> Account:
        # An empty code asks for another, which is said as an error of this page.
        return await visit.enter(login, "".join(Credentials(answers).text("code").split()))

    return await until_accepted(ask, _code(found, login.username), again)


def _code(wanted: CodeNeeded, username: str) -> Form:
    """Return the page that says where the code went."""
    said = {"to": wanted.to, "seconds": str(wanted.wait)}
    if wanted.way == "sms":
        return Form(page="code_sms", fields=_CODE, placeholders=said)
    if wanted.way == "email":
        return Form(page="code_email", fields=_CODE, placeholders={**said, "to": wanted.to or username})
    return Form(page="code_app", fields=_CODE, placeholders=said)


def _typed(answers: Answers, earlier: Credentials) -> _Login:
    username, password = typed_login(answers, earlier)
    return _Login(username=username, password=password, keep=Credentials(answers).flag("keep_password"))
