from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
import io

from PIL import Image as Pictures
import pytest

from custom_components.camhub.kernel.signin import Answers, Form, Question
from simulators.mjpeg import MjpegServer

type Started = Callable[[MjpegServer], Awaitable[MjpegServer]]


def jpeg(number: int = 0, size: tuple[int, int] = (64, 48)) -> bytes:
    out = io.BytesIO()
    Pictures.new("RGB", size, (number * 40 % 256, 120, 200)).save(out, "JPEG")
    return out.getvalue()


# More than a sign-in counts, so that it is done without any time going by.
PICTURES = [jpeg(number) for number in range(40)]
PICTURE = PICTURES[0]


@pytest.fixture
async def started() -> AsyncIterator[Started]:
    running: list[MjpegServer] = []

    async def start(server: MjpegServer) -> MjpegServer:
        await server.start()
        running.append(server)
        return server

    yield start
    for server in running:
        await server.stop()


class Script:
    """Answers the pages of a sign-in one after the other and remembers them."""

    def __init__(self, *answers: Answers) -> None:
        self._answers = list(answers)
        self.forms: list[Form] = []

    async def __call__(self, question: Question) -> Answers:
        assert isinstance(question, Form)
        self.forms.append(question)
        if not self._answers:
            raise EndOfScript
        return self._answers.pop(0)

    @property
    def errors(self) -> Sequence[object]:
        return [dict(form.errors) for form in self.forms]


class EndOfScript(Exception):
    """The sign-in asks more than the script answers."""
