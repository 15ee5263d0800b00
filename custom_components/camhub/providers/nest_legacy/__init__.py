"""Wired cameras of the older app, by what a browser has of the account."""

from typing import Final

from ...kernel.signin import Field, FieldKind
from ...kernel.spec import ProviderSpec
from .hosts import PRODUCTION
from .provider import HISTORY_EVERY, HISTORY_S, open_provider
from .sign_in import sign_in

SPEC: Final = ProviderSpec(
    key="nest_legacy",
    name="Nest Legacy",
    sign_in=sign_in,
    open=open_provider,
    cloud=str(PRODUCTION.home),
    options=(
        Field(
            key=HISTORY_EVERY,
            kind=FieldKind.NUMBER,
            default=HISTORY_S,
            minimum=0,
            maximum=600,
            step=5,
            unit="s",
        ),
    ),
)
