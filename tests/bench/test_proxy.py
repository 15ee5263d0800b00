from pathlib import Path

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer
from homeassistant.components.http import KEY_AUTHENTICATED
import pytest

from bench import proxy
from bench.fanout import Sample
from bench.figure import Figure
from bench.inside.proxying import Constant, PassOn
from bench.rig import Source

PICTURE = bytes(range(256)) * 300


async def give(request: web.Request) -> web.Response:
    assert dict(request.query) == {"size": "hd"}
    return web.Response(body=PICTURE, content_type="image/jpeg")


# Home Assistant's own keys of a request are plain text.
@pytest.mark.filterwarnings("ignore::aiohttp.web_exceptions.NotAppKeyWarning")
@pytest.mark.parametrize(("signed_in", "status"), [(True, 200), (False, 401)])
async def test_the_proxy_hands_a_camera_on_to_users(signed_in: bool, status: int) -> None:
    cameras = web.Application()
    cameras.router.add_get("/hd/still", give)
    async with TestServer(cameras) as server, ClientSession() as session:
        view = PassOn(session, str(server.make_url("")))

        async def asked(request: web.Request) -> web.StreamResponse:
            request[KEY_AUTHENTICATED] = signed_in
            return await view.get(request, path="hd/still")

        app = web.Application()
        app.router.add_get("/proxied", asked)
        async with TestClient(TestServer(app)) as client, client.get("/proxied?size=hd&authSig=x") as answer:
            assert answer.status == status
            assert await answer.read() == (PICTURE if signed_in else b"")


async def test_the_floor_has_the_pictures_size() -> None:
    view = Constant({"hd": 257_024})

    async def asked(request: web.Request) -> web.Response:
        return await view.get(request, "hd")

    app = web.Application()
    app.router.add_get("/constant", asked)
    async with TestClient(TestServer(app)) as client, client.get("/constant") as answer:
        assert (answer.content_type, len(await answer.read())) == ("image/jpeg", 257_024)


def test_all_sides_ask_the_same_camera(tmp_path: Path) -> None:
    source = Source(tmp_path)
    asked = {entry.title: (entry.sealed or {})["still_address"] for entry in proxy.entries(source)}
    for size in proxy.ASKED:
        assert asked[f"{proxy.HUB} {size}"] == asked[f"{proxy.FRESH} {size}"] == source.still(size, size)


def named(figures: list[Figure]) -> dict[str, float]:
    return {figure.figure: round(figure.value, 3) for figure in figures}


def test_viewers_are_compared_within_rounds() -> None:
    def seen(*cpu: float) -> list[Sample]:
        return [Sample(cpu_us=each, fps=30, age_p50=each / 1000, age_p95=1, connections=1) for each in cpu]

    both = {proxy.PROXY: seen(100, 300, 200), proxy.HUB: seen(40, 60, 60)}
    assert named(proxy._of_many(both, "hd")) == {"cpu_vs_proxy_mjpeg_50": 0.3, "fps_50": 30}
    assert named([proxy._age(both, "vga")]) == {"latency_vs_proxy_mjpeg_1_vga": 0.3}


def test_stills_are_compared_with_the_proxy_and_shown_beside_the_floor() -> None:
    cpu = {proxy.PROXY: [400.0], proxy.HUB: [180.0], proxy.FRESH: [220.0], proxy.FLOOR: [160.0]}
    waited = {side: [values[0] / 1e6] for side, values in cpu.items()}
    hub = proxy._still_figures(proxy.HUB, "hd", cpu, waited)
    assert named(hub) == {"cpu_vs_proxy_snapshot_50": 0.45, "latency_vs_proxy_snapshot_1": 0.45}
    assert "proxy 400, floor 160, hub 180; constant bytes are at 0.40" in hub[0].against
    fresh = proxy._still_figures(proxy.FRESH, "vga", cpu, waited)
    assert [figure.met for figure in fresh] == [False, True]
    assert fresh[0].figure == "cpu_vs_proxy_snapshot_50_fresh_vga"


def test_single_answers_are_compared_by_their_medians() -> None:
    both = {proxy.PROXY: [0.002, 0.004, 0.9], proxy.HUB: [0.003, 0.001, 0.002]}
    figure = proxy._first("mjpeg_1_first", both, "a frame")
    assert (figure.value, figure.met) == (0.5, True)
    assert "proxy 4.00, hub 2.00" in figure.against
