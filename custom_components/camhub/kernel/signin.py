"""A sign-in is one coroutine that asks questions; its runner shows them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from .errors import HubError
from .model import JsonValue

type Answers = Mapping[str, JsonValue]


class FieldKind(StrEnum):
    """The kind of input of a field."""

    TEXT = "text"
    PASSWORD = "password"
    URL = "url"
    EMAIL = "email"
    MULTILINE = "multiline"
    BOOLEAN = "boolean"
    SELECT = "select"
    NUMBER = "number"


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One field of a form; `key` is the slug of its label, `options` are slugs or plain values of a SELECT.

    `minimum`, `maximum`, `step` and `unit` are a NUMBER's.
    """

    key: str
    kind: FieldKind = FieldKind.TEXT
    required: bool = True
    default: JsonValue = None
    options: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    step: float = 1
    unit: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """A page of fields; `errors` maps a field key or `base` to a reason, `picture` is a JPEG to show beside it."""

    page: str
    fields: tuple[Field, ...] = ()
    errors: Mapping[str, str] = field(default_factory=dict)
    placeholders: Mapping[str, str] = field(default_factory=dict)
    picture: bytes | None = field(default=None, repr=False)

    def filled(self, answers: Answers) -> Form:
        """Return the form with `answers` as its defaults, passwords left out."""
        return replace(
            self,
            fields=tuple(
                replace(item, default=answers[item.key])
                if item.key in answers and item.kind is not FieldKind.PASSWORD
                else item
                for item in self.fields
            ),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Consent:
    """Send the user to the vendor's own page (OAuth 2.0, RFC 6749 section 4.1).

    `url` is the page with what the vendor wants besides `response_type`, `redirect_uri`, `scope` and `state`. The
    answers are `code` and the `redirect_uri` it was given for, or `error`.
    """

    url: str
    scopes: tuple[str, ...] = ()


type Question = Form | Consent
type Ask = Callable[[Question], Awaitable[Answers]]


async def until_accepted[T](ask: Ask, form: Form, attempt: Callable[[Answers], Awaitable[T]]) -> T:
    """Ask until `attempt` raises no HubError; its reason is shown and what was typed stays (passwords do not)."""
    while True:
        answers = await ask(form)
        try:
            return await attempt(answers)
        except HubError as error:
            form = replace(
                form.filled(answers),
                errors={"base": error.reason},
                placeholders={**form.placeholders, **error.placeholders},
            )
