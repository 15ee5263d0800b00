from datetime import timedelta

import freezegun
from homeassistant.core import HomeAssistant
import pytest

from custom_components.camhub import hls_paths
from custom_components.camhub.hls_paths import HlsPaths
from custom_components.camhub.stream_paths import SIGNED_FOR
from tests.fake_clock import FakeClock

PATH = "/api/camhub/streams/key/hls/1.ts"


async def test_a_path_stays_the_same_for_whoever_it_was_signed_for(hub: HomeAssistant, clock: FakeClock) -> None:
    paths = HlsPaths(clock)
    with freezegun.freeze_time() as frozen:
        signed = paths.sign(hub, PATH, "one")
        frozen.tick(timedelta(seconds=5))
        assert paths.sign(hub, PATH, "one") == signed
        assert paths.sign(hub, PATH, "two") != signed
        assert paths.sign(hub, f"{PATH}x", "one").partition("?")[0] == f"{PATH}x"
        await clock.advance(SIGNED_FOR.total_seconds() / 2)
        assert paths.sign(hub, PATH, "one") != signed


def test_a_query_is_found_by_its_name_alone(clock: FakeClock) -> None:
    paths = HlsPaths(clock)
    name = paths.hide("session=s3cret")
    assert name == paths.hide("session=s3cret")
    assert "s3cret" not in name
    assert paths.reveal(f"{name}/live.m3u8") == "live.m3u8?session=s3cret"
    assert paths.reveal("live.m3u8") == "live.m3u8"
    assert paths.reveal("~none/live.m3u8") is None
    assert HlsPaths(clock).hide("session=s3cret") != name


def test_what_is_used_is_remembered(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hls_paths, "KEPT", 2)
    paths = HlsPaths(clock)
    first, second = paths.hide("n=1"), paths.hide("n=2")
    assert paths.reveal(f"{first}/1.ts") == "1.ts?n=1"
    paths.hide("n=3")
    assert paths.reveal(f"{first}/1.ts") == "1.ts?n=1"
    assert paths.reveal(f"{second}/1.ts") is None
