"""Every address that somebody can type is refused where clouds keep passwords; a new field has to be in the table."""

from collections.abc import Mapping
import json
from pathlib import Path
import re
from typing import Any, Final

from homeassistant.core import HomeAssistant
import pytest

from custom_components.camhub import config_flow
from custom_components.camhub.kernel.signin import Answers, Form, Question
from custom_components.camhub.providers import load
from tests.conftest import MakeContext

from .conftest import AddAccount
from .fake_provider import FakeSpec
from .test_capture import live_only, machine  # noqa: F401 - a fixture

METADATA: Final = "169.254.169.254"
AT: Final = f"http://{METADATA}/latest/meta-data/"
ADDRESS: Final = re.compile("address|endpoint|url|host|template|browsers|issue_token")

type Field = tuple[str, str]

# What is typed beside it.
SIGNING_IN: Final[Mapping[Field, Mapping[str, str]]] = {
    ("frigate_server", "address"): {"address": AT},
    ("frigate_server", "rtsp_template"): {
        "address": "http://192.0.2.1:5000",
        "rtsp_template": f"rtsp://viewer:word@{METADATA}:8554/{{name}}",
    },
    ("hikvision_device", "address"): {"address": METADATA},
    ("mjpeg_address", "address"): {"address": f"rtsp://{METADATA}/live"},
    ("mjpeg_address", "still_address"): {"address": "http://192.0.2.1/stream", "still_address": AT},
}
SETTINGS: Final[Mapping[Field, Mapping[str, Any]]] = {
    ("archive_s3", "endpoint"): {"bucket": "b", "access_key": "a", "secret_key": "s", "endpoint": AT},
    ("archive_pi", "address"): {"address": AT, "token": "t"},
    ("recognition", "endpoint"): {"budget": 3, "similarity": 95, "endpoint": AT},
    ("capture", "capture_browsers"): {"capture": "browser", "capture_browsers": f"ws://{METADATA}:9222/x"},
}
# Its host has to be Google's: tests/providers/nest_legacy/test_paste.py.
OF_ONE_HOST: Final = frozenset({("nest_legacy_google", "issue_token")})


def test_every_field_for_an_address_is_in_the_table() -> None:
    texts = json.loads((Path(config_flow.__file__).parent / "translations" / "en.json").read_text())
    found = {
        (step, field)
        for section in ("config", "options")
        for step, words in texts[section]["step"].items()
        for field in words.get("data", {})
        if ADDRESS.search(field)
    }
    assert found == SIGNING_IN.keys() | SETTINGS.keys() | OF_ONE_HOST


class Enough(Exception):
    """The first page has been answered."""


@pytest.mark.parametrize("field", SIGNING_IN, ids="-".join)
async def test_a_sign_in_refuses_it(make_context: MakeContext, field: Field) -> None:
    key, _, page = field[0].partition("_")
    forms: list[Form] = []

    async def ask(question: Question) -> Answers:
        assert isinstance(question, Form)
        forms.append(question)
        if len(forms) > 1:
            raise Enough
        usual = {each.key: each.default for each in question.fields if each.default is not None}
        return {**usual, "username": "x", "password": "x", **SIGNING_IN[field]}

    with pytest.raises(Enough):
        await load(key).sign_in(make_context(), ask)
    assert forms[1].page == page
    assert set(forms[1].errors.values()) == {"address_forbidden"}


@pytest.mark.parametrize("field", SETTINGS, ids="-".join)
@pytest.mark.usefixtures("machine")
async def test_the_settings_refuse_it(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, field: Field
) -> None:
    fake.prepare = live_only
    entry = await add_account()
    before = dict(entry.options)
    page, kind = field[0].split("_") if field[0].startswith("archive") else (field[0], "")
    flows = hub.config_entries.options
    flow: Any = await flows.async_init(entry.entry_id)
    asked = [{"next_step_id": page}, *([{"archive": kind}] if kind else []), SETTINGS[field]]
    for answers in asked:
        flow = await flows.async_configure(flow["flow_id"], dict(answers))
    await hub.async_block_till_done()
    if flow["type"] == "progress":
        flow = await flows.async_configure(flow["flow_id"])
    assert flow["errors"], flow
    assert "metadata service" in flow["description_placeholders"]["reason"]
    assert dict(entry.options) == before
