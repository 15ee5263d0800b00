"""Modern Nest cameras and doorbells: Google's Smart Device Management, with the user's own project."""

from typing import Final

from ...kernel.signin import Field, FieldKind
from ...kernel.spec import ProviderSpec
from .provider import open_provider
from .settings import API, FLOOR_KEY, FLOOR_MIN
from .sign_in import sign_in

SPEC: Final = ProviderSpec(
    key="nest",
    name="Nest",
    sign_in=sign_in,
    open=open_provider,
    cloud=API,
    options=(
        Field(key=FLOOR_KEY, kind=FieldKind.NUMBER, default=FLOOR_MIN, minimum=1, maximum=240, step=1, unit="min"),
    ),
)
