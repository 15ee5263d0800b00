from collections.abc import Mapping

from aiohttp import web
import pytest

from custom_components.camhub.kernel.model import Account, JsonValue
from custom_components.camhub.kernel.provider import Context
from custom_components.camhub.kernel.signin import Answers, FieldKind, Form, Question
from custom_components.camhub.providers import load
from custom_components.camhub.providers.hikvision import SPEC
from custom_components.camhub.providers.hikvision.provider import HikvisionProvider
from tests.conftest import MakeContext
from tests.fake_clock import FakeClock

from .conftest import PASSWORD, USER, MakeDevice, Serve, login


class Enough(Exception):
    pass


class Script:
    """Gives scripted answers and keeps what was asked; `Enough` when they run out."""

    def __init__(self, *answers: Answers) -> None:
        self._answers = list(answers)
        self.asked: list[Form] = []

    async def __call__(self, question: Question) -> Answers:
        assert isinstance(question, Form)
        self.asked.append(question)
        if not self._answers:
            raise Enough
        return self._answers.pop(0)

    @property
    def error(self) -> str | None:
        return self.asked[-1].errors.get("base")


def answers(url: str, **others: JsonValue) -> Mapping[str, JsonValue]:
    return {**login(url), **others}


async def refused(context: Context, *given: Answers) -> Script:
    script = Script(*given)
    with pytest.raises(Enough):
        await SPEC.sign_in(context, script)
    return script


async def test_a_recorder(make_device: MakeDevice, make_context: MakeContext) -> None:
    device = await make_device("nvr")
    script = Script({"address": f"{device.url}/doc/page/login.asp", "username": f" {USER} ", "password": PASSWORD})
    account = await SPEC.sign_in(make_context(), script)
    host, _, port = device.url.removeprefix("http://").partition(":")
    assert account == Account(
        title="Cellar recorder (SIM-NVR-16)",
        unique_id="SIM-NVR-1620260101CCRR000000016WCVU",
        match=f"{host}:{port}",
        credentials=login(device.url),
    )
    assert device.login.failures == 0
    assert [field.key for field in script.asked[0].fields] == [
        "address",
        "username",
        "password",
        "stream",
        "verify_tls",
    ]
    assert all(field.required for field in script.asked[0].fields[:3])


async def test_what_signs_in_also_connects(make_device: MakeDevice, make_context: MakeContext) -> None:
    device = await make_device("camera")
    account = await SPEC.sign_in(make_context(), Script(answers(device.url.removeprefix("http://"))))
    provider = load("hikvision").open(make_context(account.credentials))
    assert isinstance(provider, HikvisionProvider)
    await provider.connect()
    assert [each.identity.name for each in await provider.cameras()] == ["Garden gate"]


async def test_a_device_without_a_serial_is_known_by_its_mac(serve: Serve, make_context: MakeContext) -> None:
    async def info(request: web.Request) -> web.Response:
        return web.Response(
            text="<DeviceInfo><model>EX-1</model><macAddress>02:00:5e:00:53:02</macAddress></DeviceInfo>"
        )

    account = await SPEC.sign_in(make_context(), Script(answers(await serve(info))))
    assert (account.title, account.unique_id) == ("EX-1", "02:00:5e:00:53:02")


async def test_a_wrong_password_is_tried_once_and_not_shown_again(
    make_device: MakeDevice, make_context: MakeContext
) -> None:
    device = await make_device("nvr")
    script = await refused(make_context(), answers(device.url, password="wrong"))
    assert script.error == "login_attempts_left"
    assert script.asked[-1].placeholders == {"attempts": "6"}
    assert device.login.failures == 1
    defaults = {field.key: field.default for field in script.asked[-1].fields}
    assert defaults == {
        "address": device.url,
        "username": USER,
        "password": None,
        "stream": "main",
        "verify_tls": True,
    }


async def test_a_second_try_with_the_right_password(make_device: MakeDevice, make_context: MakeContext) -> None:
    device = await make_device("nvr")
    script = Script(answers(device.url, password="wrong"), answers(device.url))
    assert (await SPEC.sign_in(make_context(), script)).credentials["password"] == PASSWORD


async def test_a_locked_account_says_for_how_long(
    make_device: MakeDevice, make_context: MakeContext, clock: FakeClock
) -> None:
    device = await make_device("nvr")
    device.login.locked_until = clock.monotonic() + 600
    script = await refused(make_context(), answers(device.url))
    assert script.error == "account_locked"
    assert script.asked[-1].placeholders == {"minutes": "10"}


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, "<html><body>Welcome</body></html>", "not_this_device"),
        (200, "hello", "not_this_device"),
        (200, "<Other/>", "not_this_device"),
        (404, "", "not_this_device"),
        (403, "", "insufficient_permission"),
        (
            403,
            "<ResponseStatus><statusCode>4</statusCode><subStatusCode>lowPrivilege</subStatusCode></ResponseStatus>",
            "insufficient_permission",
        ),
        (500, "", "device_fault"),
    ],
)
async def test_answers_that_are_no_device(
    serve: Serve, make_context: MakeContext, status: int, body: str, reason: str
) -> None:
    async def other(request: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    script = await refused(make_context(), answers(await serve(other)))
    assert script.error == reason


async def test_nobody_at_the_address(make_context: MakeContext, unused_tcp_port: int) -> None:
    script = await refused(make_context(), answers(f"127.0.0.1:{unused_tcp_port}"), answers("two words"))
    assert [form.errors.get("base") for form in script.asked] == [None, "cannot_connect", "invalid_address"]


async def test_reconfiguring_keeps_the_password_only_for_the_same_login(
    make_device: MakeDevice, make_context: MakeContext
) -> None:
    device = await make_device("camera")
    context = make_context(login(device.url))
    script = Script(answers(device.url, password="", stream="sub"))
    account = await SPEC.sign_in(context, script)
    assert account.credentials == login(device.url, stream="sub")
    password = next(field for field in script.asked[0].fields if field.kind is FieldKind.PASSWORD)
    assert (password.required, password.default) == (False, None)
    asked = device.requests.total()
    for other in ({"username": "other"}, {"address": "192.0.2.9"}):
        script = await refused(context, {**answers(device.url, password=""), **other})
        assert script.error == "password_missing"
    script = await refused(make_context(), answers(device.url, password=""))
    assert script.error == "password_missing"
    assert device.requests.total() == asked
