import pytest

from .serving import gone, picture, serving

TOKEN = "a-token-of-some-length"


@pytest.mark.parametrize("path", ["/stream.mjpg", "/snapshot.jpg", "/health", "/", "/nothing"])
async def test_head_has_the_headers_of_get_and_no_body(path: str) -> None:
    async with serving() as pi:
        await pi.script.give(picture(1))
        async with await pi.connect() as client:
            await client.send(f"HEAD {path}", "Connection: close")
            head = await client.head()
            assert await client.reader.read() == b""
        got = await pi.ask(f"GET {path}", body=False)
        assert head.status == got.status
        assert head.headers["content-type"] == got.headers["content-type"]
        assert not pi.server.viewers or path == "/stream.mjpg"


@pytest.mark.parametrize("target", ["/stream.mjpg", "/health", "*"])
async def test_options_names_the_methods_without_a_token(target: str) -> None:
    async with serving(token=TOKEN) as pi:
        answer = await pi.ask(f"OPTIONS {target}")
        assert answer.status == 204
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
        assert "content-length" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers


async def test_other_methods_and_paths_are_refused() -> None:
    async with serving() as pi:
        answer = await pi.ask("POST /health", "Content-Length: 2")
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
        assert answer.headers["connection"] == "close"
        answer = await pi.ask("GET /index.html")
        assert answer.status == 404
        assert b"/stream.mjpg" in answer.body


async def test_connection_is_kept_for_the_next_request() -> None:
    async with serving() as pi:
        await pi.script.give(picture(1))
        async with await pi.connect() as client:
            for _ in range(3):
                await client.send("GET /snapshot.jpg")
                answer = await client.answer()
                assert (answer.body, answer.headers["connection"]) == (picture(1), "keep-alive")
            await client.send("GET /health", "Connection: close")
            assert (await client.answer()).headers["connection"] == "close"
            assert await client.reader.read() == b""


async def test_old_http_and_whole_addresses_are_understood() -> None:
    async with serving() as pi:
        await pi.script.give(picture(1))
        async with await pi.connect() as client:
            client.writer.write(b"GET http://pi.example:8000/snapshot.jpg?x=1 HTTP/1.0\r\n\r\n")
            answer = await client.answer()
            assert (answer.body, answer.headers["connection"]) == (picture(1), "close")
            assert await client.reader.read() == b""


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\r\n\r\n", 400),
        (b"GET /health\r\n\r\n", 400),
        (b"GET /health SPDY/3\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nA: b\r\n folded: c\r\n\r\n", 400),
        (b"GET http://[broken/ HTTP/1.1\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nA: " + b"x" * 20_000 + b"\r\n\r\n", 431),
    ],
)
async def test_what_is_no_request_is_refused(sent: bytes, status: int) -> None:
    async with serving() as pi, await pi.connect() as client:
        client.writer.write(sent)
        assert (await client.answer()).status == status
        assert await gone(client)
