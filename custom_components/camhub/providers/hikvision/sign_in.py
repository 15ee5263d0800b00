"""Asks for the address and login of a device and tries them once."""

from collections.abc import Mapping
from typing import Final

from ...kernel.errors import AuthError
from ...kernel.model import Account, JsonValue
from ...kernel.provider import Context
from ...kernel.secret import Credentials
from ...kernel.signin import Answers, Ask, Field, FieldKind, Form, until_accepted
from .address import normalise
from .client import IsapiClient
from .listing import Listing

STREAMS: Final = ("main", "sub")


async def sign_in(context: Context, ask: Ask) -> Account:
    """Ask until the device accepts; earlier answers are the context's credentials.

    Each round costs at most one login: what is wrong is shown, and only the user tries again (a recorder locks the
    account after a few).
    """
    earlier = context.credentials

    async def attempt(answers: Answers) -> Account:
        credentials = _complete(answers, earlier)
        client = IsapiClient(context, credentials)
        device = await Listing(client, context.clock, context.counters).device()
        title = device.name if device.model in {None, device.name} else f"{device.name} ({device.model})"
        return Account(
            title=title,
            unique_id=device.serial or device.mac,
            match=f"{client.base.host}:{client.base.port}",
            credentials={**credentials, "address": str(client.base)},
        )

    form = Form(
        page="device",
        fields=(
            Field(key="address"),
            Field(key="username", default="admin"),
            # May be left empty only to keep the one there is.
            Field(key="password", kind=FieldKind.PASSWORD, required=not earlier.text("password")),
            Field(key="stream", kind=FieldKind.SELECT, options=STREAMS, default=STREAMS[0]),
            Field(key="verify_tls", kind=FieldKind.BOOLEAN, required=False, default=True),
        ),
    )
    return await until_accepted(ask, form.filled(earlier), attempt)


def _complete(answers: Answers, earlier: Credentials) -> Credentials:
    """Return the answers in one form; an empty password stands for the earlier one of the same address and user."""
    given = Credentials(answers)
    values: Mapping[str, JsonValue] = {
        "address": str(normalise(given.text("address"))),
        "username": given.text("username").strip(),
        "password": given.text("password"),
        "verify_tls": given.flag("verify_tls", default=True),
        "stream": given.text("stream", STREAMS[0]),
    }
    if values["password"]:
        return Credentials(values)
    same = all(values[key] == earlier.text(key) for key in ("address", "username"))
    if not same or not earlier.text("password"):
        raise AuthError("no password given", reason="password_missing")
    return Credentials({**values, "password": earlier.text("password")})
