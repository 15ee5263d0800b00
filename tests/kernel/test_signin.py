from collections.abc import Iterator

from custom_components.camhub.kernel.errors import AuthError, Unreachable
from custom_components.camhub.kernel.signin import Answers, Field, FieldKind, Form, Question, until_accepted

FORM = Form(
    page="device",
    fields=(
        Field(key="host"),
        Field(key="password", kind=FieldKind.PASSWORD),
        Field(key="tls", kind=FieldKind.BOOLEAN, default=True),
    ),
    placeholders={"name": "Recorder"},
)


def test_what_was_typed_stays_but_passwords_do_not() -> None:
    filled = FORM.filled({"host": "192.0.2.1", "password": "s3cret", "other": 1})
    assert [item.default for item in filled.fields] == ["192.0.2.1", None, True]
    assert [item.default for item in FORM.fields] == [None, None, True]


def test_a_form_prints_no_picture() -> None:
    assert "jpeg" not in repr(Form(page="x", picture=b"jpeg"))


class Person:
    """Gives scripted answers and remembers what was asked."""

    def __init__(self, *answers: Answers) -> None:
        self.answers: Iterator[Answers] = iter(answers)
        self.asked: list[Question] = []

    async def __call__(self, question: Question) -> Answers:
        self.asked.append(question)
        return next(self.answers)


async def test_a_question_is_asked_until_it_is_answered_well() -> None:
    person = Person({"host": "a", "password": "1"}, {"host": "b", "password": "2"}, {"host": "c", "password": "3"})
    errors = {"a": Unreachable(placeholders={"host": "a"}), "b": AuthError()}

    async def attempt(answers: Answers) -> str:
        host = str(answers["host"])
        if host in errors:
            raise errors[host]
        return host

    assert await until_accepted(person, FORM, attempt) == "c"
    first, second, third = (question for question in person.asked if isinstance(question, Form))
    assert first is FORM
    assert second.errors == {"base": "cannot_connect"}
    assert second.placeholders == {"name": "Recorder", "host": "a"}
    assert second.fields[0].default == "a"
    assert second.fields[1].default is None
    assert third.errors == {"base": "invalid_auth"}
    assert third.fields[0].default == "b"
