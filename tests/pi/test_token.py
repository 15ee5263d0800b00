import base64
import json
import logging

import pytest

from .serving import picture, serving

TOKEN = "a-token-of-some-length"


def basic(user: str, password: str) -> str:
    return "Authorization: Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class TestToken:
    @pytest.mark.parametrize(
        "header",
        [
            f"Authorization: Bearer {TOKEN}",
            f"authorization: bearer  {TOKEN}",
            basic("anyone", TOKEN),
            basic("", TOKEN),
        ],
    )
    async def test_opens_with_it(self, header: str) -> None:
        async with serving(token=TOKEN) as pi:
            await pi.script.give(picture(1))
            assert (await pi.ask("GET /snapshot.jpg", header)).status == 200
            assert await (await pi.watch(header)).part() == picture(1)
            assert "reason" in json.loads((await pi.ask("GET /health", header)).body)

    @pytest.mark.parametrize(
        "header",
        [
            "X-Nothing: 1",
            "Authorization: Bearer wrong",
            "Authorization: Bearer",
            f"Authorization: Token {TOKEN}",
            "Authorization: Basic %%%",
            basic(TOKEN, "wrong"),
            basic("anyone", TOKEN + "x"),
        ],
    )
    async def test_stays_shut_without(self, header: str) -> None:
        async with serving(token=TOKEN) as pi:
            await pi.script.give(picture(1))
            for path in ("/snapshot.jpg", "/stream.mjpg", f"/stream.mjpg?token={TOKEN}", "/nothing"):
                answer = await pi.ask(f"GET {path}", header)
                assert answer.status == 401
                assert answer.headers["www-authenticate"].startswith("Basic realm=")
            health = await pi.ask("GET /health", header)
            assert (health.status, json.loads(health.body)) == (200, {"status": "ok"})
            pi.clock.now += 6
            health = await pi.ask("GET /health", header)
            assert (health.status, json.loads(health.body)) == (503, {"status": "stale"})

    async def test_may_hold_any_letter(self) -> None:
        async with serving(token="schlüssel-ключ") as pi:
            await pi.script.give(picture(1))
            assert (await pi.ask("GET /snapshot.jpg", basic("u", "schlüssel-ключ"))).status == 200
            assert (await pi.ask("GET /snapshot.jpg", "Authorization: Bearer schlüssel-ключ")).status == 200

    async def test_is_never_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        async with serving(token=TOKEN) as pi:
            await pi.script.give(picture(1))
            await pi.ask(f"GET /snapshot.jpg?token={TOKEN}", f"Authorization: Bearer {TOKEN}")
            assert "/snapshot.jpg" in caplog.text
            assert TOKEN not in caplog.text
            assert TOKEN not in repr(pi.server._settings)
