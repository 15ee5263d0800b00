from pathlib import Path

from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import HomeAssistant
import pytest

from custom_components.camhub import removal
from custom_components.camhub.kernel.errors import Unreachable
from custom_components.camhub.limits import METER
from custom_components.camhub.recordings import RECORDINGS
from custom_components.camhub.runtime import SHARED
from custom_components.camhub.stream_entry import STREAMS

from .conftest import AddAccount
from .fake_provider import FakeProvider, FakeSpec


async def remove(hub: HomeAssistant, add_account: AddAccount) -> None:
    entry = await add_account()
    hub.data[SHARED].kept[entry.entry_id]["quota"] = 1
    await hub.config_entries.async_remove(entry.entry_id)
    await hub.async_block_till_done()
    assert hub.config_entries.async_get_entry(entry.entry_id) is None
    assert entry.entry_id not in hub.data[SHARED].kept
    assert not any(entry.entry_id in hub.data[key] for key in (RECORDINGS, STREAMS))


def has_key(hub: HomeAssistant) -> bool:
    return Path(hub.config.path(".storage", "camhub", "key")).exists()


async def test_a_removed_account_gives_back_what_it_made(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    await remove(hub, add_account)
    assert [provider.removed for provider in fake.opened] == [0, 1]
    assert fake.provider.context.credentials.text("username") == "porter"
    assert fake.provider.context.kept == {"quota": 1}
    assert fake.provider.closed == 1


async def test_an_account_that_is_disabled_since_the_start_is_removed_whole(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await add_account(disabled_by=ConfigEntryDisabler.USER, setup=False)
    assert has_key(hub)
    # Home Assistant sets no integration up of which all accounts are disabled.
    for key in (SHARED, METER, STREAMS):
        del hub.data[key]
    await hub.config_entries.async_remove(entry.entry_id)
    await hub.async_block_till_done()
    assert "Error calling entry remove callback" not in caplog.text
    assert fake.provider.removed == 1
    assert not has_key(hub)


@pytest.mark.parametrize(
    ("error", "said"),
    [(Unreachable(reason="service_unavailable"), "(service_unavailable)"), (ValueError("of a vendor"), "ValueError")],
)
async def test_what_cannot_be_given_back_keeps_no_account(
    hub: HomeAssistant,
    fake: FakeSpec,
    add_account: AddAccount,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    said: str,
) -> None:
    def fail(provider: FakeProvider) -> None:
        provider.remove_error = error

    fake.prepare = fail
    await remove(hub, add_account)
    assert fake.provider.closed == 1
    assert said in caplog.text
    assert "of a vendor" not in caplog.text


async def test_a_vendor_that_does_not_answer_is_not_waited_for(
    hub: HomeAssistant,
    fake: FakeSpec,
    add_account: AddAccount,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(removal, "PATIENCE", 0.01)
    fake.prepare = lambda provider: provider.removing.clear()
    await remove(hub, add_account)
    assert "(timed_out)" in caplog.text
    assert fake.provider.closed == 1
