from base64 import b64encode
import json
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest

from custom_components.camhub.credential_import import open_foreign
from custom_components.camhub.kernel.errors import WrongKey
from custom_components.camhub.kernel.vault import Vault
from tests.sentinel import MARK

from .conftest import CREDENTIALS, credentials_of
from .fake_provider import PASSWORD, FakeSpec
from .test_config_flow import answer, fields

KEY = bytes(range(32))


def sealed(values: Any, key: bytes = KEY) -> str:
    return Vault(key).seal(json.dumps(values))


def test_what_it_holds_is_called_by_our_names() -> None:
    values = {"base_url": "http://192.0.2.9", "user": "porter", "pass": "word", "deep": {"list": [1]}, "n": 1}
    opened = open_foreign(sealed(values), KEY.hex())
    assert opened == {**values, "address": "http://192.0.2.9", "username": "porter", "password": "word"}
    assert open_foreign(sealed({"url": "a", "address": "b"}), KEY.hex())["address"] == "b"


def test_values_sealed_once_more_are_opened() -> None:
    vault = Vault(KEY)
    values = {"access_token": vault.seal("a"), "more": {"refresh_token": vault.seal("b"), "type": "Bearer"}}
    opened = open_foreign(sealed(values), KEY.hex())
    assert opened == {"access_token": "a", "more": {"refresh_token": "b", "type": "Bearer"}}


def test_what_a_terminal_adds_is_left_out() -> None:
    value = sealed({"a": "b" * 100})
    broken = "\n".join(value[at : at + 20] for at in range(0, len(value), 20))
    assert open_foreign(f"  {broken}\n", f" {KEY.hex().upper()}\n") == {"a": "b" * 100}


NO_KEY, OTHER_KEY = "short", bytes(32).hex()


@pytest.mark.parametrize(
    ("value", "key", "reason"),
    [
        (sealed({}), NO_KEY, "import_key_malformed"),
        (sealed({}), OTHER_KEY, "import_wrong_key"),
        ("not base64!", KEY.hex(), "import_malformed"),
        # Hexadecimal digits are base64 too, of something else.
        (b64encode(bytes(40)).hex(), KEY.hex(), "import_wrong_key"),
        (sealed([1]), KEY.hex(), "import_malformed"),
        (Vault(KEY).seal(f"{MARK} of no JSON"), KEY.hex(), "import_malformed"),
    ],
    ids=["no key", "other key", "no base64", "hexadecimal", "a list", "no JSON"],
)
def test_what_does_not_open_says_why_and_quotes_nothing(value: str, key: str, reason: str) -> None:
    with pytest.raises(WrongKey) as caught:
        open_foreign(value, key)
    assert caught.value.reason == reason
    assert MARK not in repr(caught.value)
    assert MARK not in repr(caught.value.__cause__)


async def test_the_dialog_shows_it_filled_in_and_saves_nothing_before_the_camera_answers(
    hub: HomeAssistant, fake: FakeSpec
) -> None:
    flow = hub.config_entries.flow
    menu = await flow.async_init("camhub", context={"source": "user"})
    form = await answer(hub, menu, {"next_step_id": "import_sealed"})
    assert form["step_id"] == "import_sealed"
    schema = form["data_schema"]
    assert schema is not None
    kinds = schema.schema["provider"].config["options"]
    assert {each["value"]: each["label"] for each in kinds}["mjpeg"] == "Raspberry Pi, MJPEG or RTSP camera"
    typed = {"provider": "mjpeg", "sealed": sealed({"base_url": "http://192.0.2.9", "username": "porter"})}
    again = await answer(hub, form, {**typed, "key": bytes(32).hex()})
    assert again["errors"] == {"base": "import_wrong_key"}
    assert fields(again) == {
        "provider": {"suggested_value": "mjpeg"},
        "sealed": {"suggested_value": typed["sealed"]},
        "key": None,
    }
    page = await answer(hub, again, {**typed, "key": KEY.hex()})
    assert page["step_id"] == "mjpeg_address"
    assert fields(page)["address"] == {"suggested_value": "http://192.0.2.9"}
    assert fields(page)["username"] == {"suggested_value": "porter"}
    confirm = await answer(hub, page, CREDENTIALS)
    made = await answer(hub, confirm, {"name": "Taken over"})
    assert made["type"] is FlowResultType.CREATE_ENTRY
    await hub.async_block_till_done()
    assert (await credentials_of(hub, made["result"]))["password"] == PASSWORD
