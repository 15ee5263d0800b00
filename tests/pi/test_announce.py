import asyncio
from importlib.util import find_spec
import sys

from camhub_pi.announce import TYPE, announced
import pytest

from .serving import HOST


async def test_is_found_while_it_lasts() -> None:
    from zeroconf import ServiceStateChange, Zeroconf
    from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

    seen: asyncio.Queue[tuple[str, ServiceStateChange]] = asyncio.Queue()

    def changed(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        seen.put_nowait((name, state_change))

    async with AsyncZeroconf(interfaces=[HOST]) as listening:
        browser = AsyncServiceBrowser(listening.zeroconf, TYPE, handlers=[changed])
        async with announced("store", HOST, 3002, token=True, interfaces=[HOST]):
            while True:
                name, change = await seen.get()
                if change is ServiceStateChange.Added and " store" in name:
                    break
            info = AsyncServiceInfo(TYPE, name)
            assert await info.async_request(listening.zeroconf, 10_000)
            assert (info.port, info.parsed_addresses()) == (3002, [HOST])
            assert info.decoded_properties == {"role": "store", "token": "1"}
        while await seen.get() != (name, ServiceStateChange.Removed):
            pass
        await browser.async_cancel()


async def test_serves_without_the_library(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "camhub_pi")
    assert find_spec("zeroconf") is not None
    monkeypatch.setitem(sys.modules, "zeroconf", None)
    async with announced("camera", "0.0.0.0", 8000, token=False):
        assert "python3-zeroconf" in caplog.text
