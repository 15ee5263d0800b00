import asyncio

import aiohttp
import pytest

from custom_components.camhub.kernel.errors import Malformed, Throttled, Unreachable, Unsupported
from custom_components.camhub.kernel.provider import Context
from custom_components.camhub.providers.ring.client import Client, Reply
from custom_components.camhub.providers.ring.wire import BODY_LIMIT
from simulators.names import Names
from simulators.ring import OUTAGE, Canned, RingSimulator
from tests.fake_clock import FakeClock

DEVICES = "/clients_api/ring_devices"
AT = f"api.ring.com{DEVICES}"


async def test_many_first_calls_make_one_session(service: RingSimulator, client: Client) -> None:
    await asyncio.gather(*(client.get(DEVICES) for _ in range(20)))
    assert service.sessions == 1


async def test_a_session_that_is_gone_is_made_again_and_the_call_repeated(
    service: RingSimulator, client: Client
) -> None:
    await client.meet()
    service.faults.no_session = True
    assert isinstance(await client.get(DEVICES), dict)
    assert service.sessions == 2


async def test_a_session_that_stays_gone_is_no_loop(service: RingSimulator, client: Client) -> None:
    service.faults.answers[AT] = Canned(status=404, body='{"error": "Session not found for x"}')
    with pytest.raises(Unsupported):
        await client.get(DEVICES)
    assert service.requests[AT] == 2
    service.faults.answers = {"api.ring.com/clients_api/session": service.faults.answers[AT]}
    with pytest.raises(Unsupported):
        await client.meet(anew=True)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (OUTAGE, Unreachable),
        (Canned(status=429, headers={"Retry-After": "7"}), Throttled),
        (Canned(status=200, body="<html>"), Malformed),
        (Canned(status=200, body="x" * (BODY_LIMIT + 1)), Malformed),
    ],
)
async def test_answers_that_are_none(
    answer: Canned, error: type[Exception], service: RingSimulator, client: Client
) -> None:
    service.faults.answers[AT] = answer
    with pytest.raises(error):
        await client.get(DEVICES)


async def test_a_silent_service_is_given_up(service: RingSimulator, client: Client, clock: FakeClock) -> None:
    await client.meet()
    service.faults.slow_s = 86400
    call = asyncio.ensure_future(client.get(DEVICES))
    await service.wait_until(lambda: service.requests[AT] == 1)
    await clock.advance(16)
    with pytest.raises(Unreachable, match="no answer"):
        await call


async def test_a_line_that_is_cut_is_said_without_its_address(service: RingSimulator, client: Client) -> None:
    await client.meet()
    service.faults.down = True
    with pytest.raises(Unreachable) as caught:
        await client.get(DEVICES)
    assert caught.value.reason == "service_unreachable"
    assert "ring.com" not in str(caught.value)


async def test_what_the_library_stumbles_over_is_malformed(client: Client) -> None:
    async def stumble() -> None:
        raise KeyError("timestamps")

    with pytest.raises(Malformed, match="KeyError"):
        await client.ask(stumble)


async def test_a_foreign_certificate_is_said(service: RingSimulator, client: Client) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Names(service.names))) as strict:
        client.session = strict
        with pytest.raises(Unreachable) as caught:
            await client.meet()
    assert caught.value.reason == "service_untrusted"


def test_a_reply_does_not_show_its_body() -> None:
    assert "secret" not in repr(Reply(200, {}, b"secret"))


async def test_the_library_asks_by_our_name(service: RingSimulator, client: Client, context: Context) -> None:
    await client.meet()
    assert client.ring.auth.user_agent == "CamHub/0.1.0"
    assert context.counters.get("api") == 1
