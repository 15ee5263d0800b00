"""A sign-in's user who answers by a script."""

from collections.abc import Mapping

from custom_components.camhub.kernel.signin import Answers, Form, Question


class Enough(Exception):
    """The script is over."""


class Script:
    """Answers the pages one after the other and remembers them; raises Enough where it ends."""

    def __init__(self, *answers: tuple[str, Answers]) -> None:
        self.answers = list(answers)
        self.forms: list[Form] = []

    async def __call__(self, question: Question) -> Answers:
        assert isinstance(question, Form)
        self.forms.append(question)
        if not self.answers:
            raise Enough
        page, answers = self.answers.pop(0)
        assert question.page == page
        assert answers.keys() <= {each.key for each in question.fields}
        return answers

    @property
    def errors(self) -> list[Mapping[str, str]]:
        return [dict(each.errors) for each in self.forms if each.errors]
