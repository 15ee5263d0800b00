"""Every check finds what it is there to find, in a tree that is wrong in just that way."""

from collections.abc import Callable, Mapping
import inspect
import json
from pathlib import Path
import subprocess
from types import ModuleType

import pytest

from .checks import (
    PACKAGE,
    Check,
    brand,
    docstrings,
    habits,
    hacs,
    icons,
    imports,
    links,
    manifest,
    providers,
    purity,
    quality_scale,
    reasons,
    repository,
    services,
    sizes,
    translations,
    vendors,
)

type Files = Mapping[str, str]
CHECKED: tuple[ModuleType, ...] = (
    brand,
    docstrings,
    habits,
    hacs,
    icons,
    imports,
    links,
    manifest,
    providers,
    quality_scale,
    reasons,
    repository,
    services,
    sizes,
    translations,
    vendors,
)
HUB, KERNEL, PROVIDER = f"{PACKAGE}/hub.py", f"{PACKAGE}/kernel/thing.py", f"{PACKAGE}/providers/acme/provider.py"
SPEC = f"{PACKAGE}/providers/acme/__init__.py"
REGISTRY = f"{PACKAGE}/providers/__init__.py"
REGISTERED = {
    REGISTRY: 'PROVIDERS = MappingProxyType({"acme": ("device",)})\n',
    SPEC: 'SPEC = ProviderSpec(key="acme", name="Acme")\n',
}
FORM = 'FORM = Form(page="device", fields=(Field(key="host"),))\n'
LONG = "def f():\n" + "    pass\n" * 61
MIDDLING = "def f():\n" + "    pass\n" * 12


def english(**sections: object) -> Files:
    return {f"{PACKAGE}/translations/en.json": json.dumps(sections)}


def german(*texts: tuple[str, str]) -> Files:
    common = {str(number): translation for number, (_, translation) in enumerate(texts)}
    path = f"{PACKAGE}/translations/de.json"
    return {**english(common={str(n): ours for n, (ours, _) in enumerate(texts)}), path: json.dumps({"common": common})}


def manifested(**entries: object) -> Files:
    return {str(manifest.MANIFEST): json.dumps(entries)}


def scale(text: str) -> Files:
    return {str(quality_scale.QUALITY_SCALE): f"rules:\n  {text}\n"}


def acting(text: str) -> Files:
    return {str(services.SERVICES): text}


CASES: tuple[tuple[Check, Files, str], ...] = (
    (imports.layers, {KERNEL: "import homeassistant.core"}, "imports homeassistant.core"),
    (imports.layers, {KERNEL: "def f():\n    from homeassistant import core"}, "thing.py:2: imports homeassistant"),
    (
        imports.layers,
        {KERNEL: "if TYPE_CHECKING:\n    from ..hub import X", HUB: ""},
        "imports custom_components.camhub.hub",
    ),
    (imports.layers, {KERNEL: "import cryptography"}, "imports cryptography"),
    (
        imports.layers,
        {PROVIDER: "from ..other import client", f"{PACKAGE}/providers/other/client.py": ""},
        "other.client",
    ),
    (imports.layers, {PROVIDER: "import defusedxml"}, "imports defusedxml"),
    (imports.layers, {PROVIDER: "from ...capture import engine", f"{PACKAGE}/capture/engine.py": ""}, "capture.engine"),
    (
        imports.layers,
        {HUB: "from .providers import acme", **REGISTERED},
        "imports custom_components.camhub.providers.acme",
    ),
    (imports.layers, {HUB: "import defusedxml"}, "imports defusedxml"),
    (imports.layers, {f"{PACKAGE}/camera.py": "from .event import X", f"{PACKAGE}/event.py": ""}, "camhub.event"),
    (imports.layers, {f"{PACKAGE}/camera.py": "from .runtime import X", f"{PACKAGE}/runtime.py": ""}, "camhub.runtime"),
    (
        imports.layers,
        {f"{PACKAGE}/event_x.py": "from .image_x import X", f"{PACKAGE}/image_x.py": ""},
        "camhub.image_x",
    ),
    (imports.absolute, {HUB: "from custom_components.camhub import x"}, "by its absolute name"),
    (imports.apart, {"pi/camhub_pi/x.py": "from custom_components.camhub import kernel"}, "imports custom_components"),
    (imports.apart, {"simulators/x.py": "import homeassistant"}, "imports homeassistant"),
    (imports.apart, {"pi/camhub_pi/x.py": "import simulators.rtsp"}, "imports simulators"),
    (imports.apart, {"tests/kernel/test_x.py": "import homeassistant"}, "tests/kernel/test_x.py:1"),
    (
        imports.cycles,
        {f"{PACKAGE}/a.py": "from . import b", f"{PACKAGE}/b.py": "def f():\n    from .a import x"},
        "camhub.a -> ",
    ),
    (vendors.vendor_names, {HUB: "# as Hikvision does"}, "names hikvision"),
    (vendors.vendor_names, {KERNEL: "NEST_TOKEN = 1"}, "names nest"),
    (vendors.vendor_names, {KERNEL: "class RingBuffer: ..."}, "names ring"),
    (vendors.vendor_names, {HUB: "path = '/isapi/System'"}, "names isapi"),
    (vendors.vendor_names, {HUB: "ACME = 1", **REGISTERED}, "names acme"),
    (vendors.vendor_names, {PROVIDER: "x = 'frigate'", **REGISTERED}, "names frigate"),
    (vendors.vendor_names, {f"{PACKAGE}/icons.json": '{"dropcam": 1}'}, "names dropcam"),
    (providers.registry, {PROVIDER: "", SPEC: "", REGISTRY: "PROVIDERS = {}"}, "acme/ is not registered"),
    (providers.registry, {REGISTRY: 'PROVIDERS = {"acme": ()}'}, "which has no folder"),
    (providers.registry, {REGISTRY: 'PROVIDERS = {"b": (), "a": ()}'}, "not in order"),
    (providers.spec_only, {SPEC: "SPEC = 1\nOTHER = 2"}, "more or less than SPEC"),
    (providers.spec_only, {SPEC: ""}, "more or less than SPEC"),
    (providers.spec_key, {SPEC: 'SPEC = ProviderSpec(key="other")'}, "SPEC's key is ['other']"),
    (providers.pages, {**REGISTERED, PROVIDER: 'Form(page="login")'}, "its sign-in shows ['login']"),
    (providers.translated, REGISTERED, "config.step.acme_device.title is missing"),
    (providers.translated, {**REGISTERED, PROVIDER: FORM}, "data_description.host is missing"),
    (providers.translated, {**REGISTERED, PROVIDER: 'Field(key="port")'}, "field port of acme stands on no"),
    (providers.documented, REGISTERED, "docs/providers/acme.md is missing"),
    (providers.tested, REGISTERED, "tests/providers/acme holds no tests"),
    (providers.under_contract, {"tests/contract/test_x.py": "pass"}, "does not run over PROVIDERS"),
    (reasons.reasons, {PROVIDER: 'raise Malformed("x", reason="odd")'}, "config.error.odd is missing"),
    (
        reasons.reasons,
        {PROVIDER: 'raise Malformed(reason="odd" if x else "even")'},
        "exceptions.even.message is missing",
    ),
    (reasons.reasons, {PROVIDER: 'T = {1: "odd"}\nraise Malformed(reason=T[x])'}, "config.error.odd is missing"),
    (reasons.reasons, {PROVIDER: 'def f():\n    return "odd"\nraise Malformed(reason=f())'}, "config.error.odd"),
    (
        reasons.reasons,
        {
            PROVIDER: "from .words import ODD\nraise Malformed(reason=ODD)",
            PROVIDER.replace("provider.py", "words.py"): 'ODD = "odd"',
        },
        "config.error.odd is missing",
    ),
    (reasons.reasons, {KERNEL: 'class X(HubError):\n    default_reason = "odd"'}, "config.error.odd is missing"),
    (reasons.reasons, {PROVIDER: 'Form(page="x", errors={"base": "odd"})'}, "config.error.odd is missing"),
    (
        reasons.reason_placeholders,
        {PROVIDER: 'X(reason="odd")', **english(exceptions={"odd": {"message": "{n}"}})},
        "needs {n}",
    ),
    (reasons.aborts, {HUB: 'self.async_abort(reason="odd")'}, "why it ends with odd"),
    (reasons.offline, {PROVIDER: 'Camera(offline_reason="cut")'}, "exceptions.cut.message is missing"),
    (reasons.problems, {PROVIDER: 'Camera(problems=("old",) if x else ())'}, "issues.old.title is missing"),
    (reasons.problems, {PROVIDER: 'Camera(problems=("old",))'}, "neither description nor fix_flow"),
    (reasons.controls, {PROVIDER: 'Switch(key="siren", is_on=True)'}, "entity.switch.siren.name is missing"),
    (reasons.event_kinds, {KERNEL: 'class EventKind(StrEnum):\n    MOTION = "motion"'}, "no state motion"),
    (reasons.exceptions, {HUB: 'E(translation_domain=D, translation_key="odd")'}, "exceptions.odd.message is missing"),
    (
        reasons.exceptions,
        {HUB: 'E(translation_domain=D, translation_key="odd")', **english(exceptions={"odd": {"message": "{n}"}})},
        "needs {n}",
    ),
    (reasons.issues, {HUB: 'ir.async_create_issue(translation_key="odd")'}, "issues.odd.title is missing"),
    (
        reasons.issues,
        {
            HUB: 'async_create_issue(translation_key="odd", translation_placeholders={"m": 1})',
            **english(issues={"odd": {"title": "{n}"}}),
        },
        "issues.odd.title needs {n}",
    ),
    (
        reasons.entities,
        {f"{PACKAGE}/sensor_health.py": 'D = Description(translation_key="fps")'},
        "entity.sensor.fps is missing",
    ),
    (reasons.entities, {f"{PACKAGE}/event.py": 'class X:\n    _attr_translation_key = "bell"'}, "entity.event.bell"),
    (reasons.left_over, english(config={"error": {"odd": "Odd."}}), "config.error.odd is said by nothing"),
    (sizes.module_sizes, {HUB: "pass\n" * 401}, "401 lines, at most 400"),
    (sizes.module_sizes, {HUB: "pass\n" * 121}, "the middle module has 121 lines"),
    (sizes.function_sizes, {HUB: LONG}, "f has 62 lines"),
    (sizes.function_sizes, {HUB: MIDDLING + MIDDLING.replace("f()", "g()")}, "the middle function has 13 lines"),
    (sizes.function_sizes, {HUB: MIDDLING + LONG}, "one function in twenty"),
    (sizes.silenced, {HUB: "x = 1  # type: ignore"}, "type: ignore"),
    (sizes.silenced, {HUB: "x = 1  # noqa"}, "noqa without its code"),
    (sizes.silenced, {HUB: "x = 1  # noqa: E501"}, "noqa without its code and its reason"),
    (sizes.silenced, {HUB: "x = 1  # noqa: E501 - for this reason\n" * 3}, "3 noqa, at most 2"),
    (sizes.casts, {HUB: "x = cast(int, y)"}, "cast outside parse.py"),
    (sizes.vague_names, {f"{PACKAGE}/utils.py": ""}, "say what it does"),
    (sizes.module_state, {HUB: "seen = {}"}, "seen can change"),
    (sizes.module_state, {HUB: "SEEN = {}\ndef f(): SEEN[1] = 2"}, "SEEN can change"),
    (sizes.module_state, {HUB: "SEEN: Final = []\ndef f(): SEEN.append(2)"}, "SEEN can change"),
    (sizes.module_state, {HUB: "SEEN: Final = defaultdict(list)"}, "SEEN can change"),
    (sizes.module_state, {HUB: "def f():\n    global x"}, "global"),
    (sizes.broad_excepts, {HUB: "try:\n    f()\nexcept Exception:\n    pass"}, "catches everything"),
    (sizes.broad_excepts, {HUB: "try:\n    f()\nexcept (A, BaseException):\n    pass"}, "catches everything"),
    (sizes.broad_excepts, {HUB: "with suppress(Exception):\n    f()"}, "catches everything"),
    (sizes.at_import, {KERNEL: "register(x)"}, "runs at import"),
    (sizes.at_import, {PROVIDER: "for x in y:\n    pass"}, "runs at import"),
    (docstrings.undocumented, {HUB: "x = 1"}, "the module has no docstring"),
    (docstrings.undocumented, {HUB: '"""D."""\nclass X:\n    """D."""\n    def f(self): ...'}, "hub.py:4: f has no"),
    (translations.shape, {}, "en.json is missing"),
    (translations.shape, english(config={"steps": {}}), "config.steps: unknown key"),
    (translations.shape, english(config={}), "config.step: is missing"),
    (translations.shape, english(title="CamHub "), "ends with a space"),
    (translations.shape, english(title="<b>CamHub</b>"), "holds HTML"),
    (translations.shape, english(title="see https://example.com"), "holds an address"),
    (translations.shape, english(title="'{name}'"), "in single quotes"),
    (translations.shape, english(title="{not a name}"), "placeholder that is no name"),
    (translations.shape, english(title="{"), "title: "),
    (translations.shape, english(title="[%key:common::name%]"), "refers to another key"),
    (translations.shape, english(entity={"sensor": {"x": {"state": {"on": "{n}"}}}}), "holds a placeholder"),
    (translations.shape, english(exceptions={"x": "words"}), "exceptions.x: not a mapping"),
    (translations.slugs, english(entity={"sensor": {"x": {"state": {"Not Slug": "x"}}}}), "state.Not Slug: no slug"),
    (translations.slugs, english(exceptions={"a__b": {}}), "exceptions.a__b: no slug"),
    (translations.issue_bodies, english(issues={"x": {"title": "X"}}), "exactly one of"),
    (translations.descriptions, english(config={"step": {"a": {"data": {"host": "Host"}}}}), "differ in host"),
    (translations.supplied, english(title="{count} cameras"), "nothing supplies {count}"),
    (translations.files, {f"{PACKAGE}/strings.json": "{}"}, "must not be there"),
    (translations.same_keys, {**english(title="x"), f"{PACKAGE}/translations/de.json": "{}"}, "de: title differs"),
    (translations.same_keys, german(("{a}", "{b}")), "de: common.0 has other placeholders"),
    (translations.other_shapes, german(("Cameras", "")), "de: common.0: is empty"),
    (translations.same_markup, german(("A\n\n`b`", "A `b`")), "de: common.0 is marked up"),
    (translations.translated, german(("Add cameras", "Add cameras")), "de: common.0 is English"),
    (translations.translated, german(*[("Light", "Light")] * 21), "de: too many words"),
    (manifest.keys, manifested(name="x", domain="camhub", icon="x"), "icon is not known"),
    (manifest.keys, manifested(name="x", domain="camhub"), "keys are not in order"),
    (manifest.keys, {}, "issue_tracker is missing"),
    (manifest.values, manifested(domain="other"), "not the folder's name"),
    (manifest.values, manifested(domain="hue"), "one of core's"),
    (manifest.values, manifested(documentation="http://example.com"), "documentation is no https address"),
    (manifest.values, manifested(codeowners=["me"]), "does not begin with @"),
    (manifest.values, manifested(version="newest"), "version is none"),
    (manifest.values, manifested(iot_class="local"), "iot_class is not known"),
    (manifest.values, manifested(config_flow="yes"), "config_flow is neither true nor false"),
    (manifest.discovery, manifested(dhcp=[{"macaddress": "aabbcc*"}]), "macaddress upper case"),
    (manifest.discovery, manifested(zeroconf=[{"type": "_x._tcp.local.", "name": "ACME*"}]), "not in lower case"),
    (manifest.discovery, manifested(ssdp=[{}]), "is empty"),
    (manifest.config_flow, manifested(config_flow=True), "without a file config_flow.py"),
    (manifest.config_flow, {f"{PACKAGE}/__init__.py": "async def async_setup(): ..."}, "without CONFIG_SCHEMA"),
    (manifest.requirements, manifested(requirements=["Pillow>=9"]), "Home Assistant itself brings it"),
    (manifest.requirements, manifested(requirements=["defusedxml==0.7.1"]), "write a range"),
    (manifest.requirements, manifested(requirements=["defusedxml>=9"]), "excludes core's"),
    (manifest.requirements, manifested(requirements=["pydantic==1.0"]), "contradicts core's constraint"),
    (manifest.requirements, manifested(requirements=["pycrypto"]), "is prohibited"),
    (manifest.requirements, manifested(requirements=["a b c"]), "not a requirement"),
    (manifest.installed, {HUB: "import defusedxml", **manifested()}, "which nothing installs"),
    (manifest.dependencies, {HUB: "from homeassistant.components import ffmpeg"}, "imports ffmpeg, which is no"),
    (manifest.dependencies, {HUB: "from homeassistant.components.http import x"}, "imports http, which is no"),
    (manifest.dependencies, manifested(dependencies=["nonsense"]), "core has no nonsense"),
    (manifest.one_manifest, {"pi/manifest.json": "{}"}, "hassfest takes it for an integration"),
    (manifest.valid_json, {f"{PACKAGE}/x.json": "{"}, "x.json"),
    (icons.shape, {}, "icons.json is missing"),
    (icons.shape, {str(icons.ICONS): '{"device": {}}'}, "device: unknown key"),
    (icons.shape, {str(icons.ICONS): '{"services": {"x": {"service": "hue:x"}}}'}, "no icon"),
    (icons.ranges, {str(icons.ICONS): '{"entity": {"sensor": {"x": {"range": {"low": "mdi:x"}}}}}'}, "no number"),
    (icons.translated, {str(icons.ICONS): '{"entity": {"sensor": {"x": {}}}}'}, "entity.sensor.x has no translation"),
    (
        icons.translated,
        {
            str(icons.ICONS): '{"entity": {"sensor": {"x": {"state": {"b": "mdi:x"}}}}}',
            **english(entity={"sensor": {"x": {"state": {"a": "A"}}}}),
        },
        "state.b has no word",
    ),
    (icons.complete, english(entity={"sensor": {"x": {}}}), "entity.sensor.x has none"),
    (icons.complete, english(entity={"switch": {"x": {}}}), "entity.switch.x looks the same on and off"),
    (icons.complete, english(entity={"sensor": {"x": {"state": {"a": "A"}}}}), "entity.sensor.x has none for a"),
    (
        icons.complete,
        english(entity={"event": {"x": {"state_attributes": {"event_type": {"state": {"a": "A", "b": "B"}}}}}}),
        "entity.event.x has none for b",
    ),
    (services.agree, {HUB: 'hass.services.async_register(DOMAIN, "go", f)'}, "services.yaml: go is missing"),
    (services.agree, acting("go:\n  fields: {}\n"), "services.yaml: go is registered by nothing"),
    (services.agree, english(services={"go": {}}), "en.json services: go is registered by nothing"),
    (
        services.fields,
        acting("go:\n  fields:\n    a:\n      selector:\n"),
        "go.fields.a: en.json and services.yaml differ",
    ),
    (
        services.fields,
        {**acting("go:\n"), **english(services={"go": {"fields": {"a": {"name": "A"}}}})},
        "no description",
    ),
    (services.shape, acting("go:\n  icon: x\n"), "go.icon is not known"),
    (services.shape, acting("go:\n  target:\n    device:\n"), "filters by device"),
    (services.shape, acting("go:\n  fields:\n    a:\n      colour: x\n"), "go.a.colour is not known"),
    (services.shape, acting("go:\n  fields:\n    a:\n      example:\n"), "go.a.example is empty"),
    (services.shape, acting("go:\n  fields:\n    a:\n      filter: {}\n"), "filter without a target"),
    (
        services.shape,
        acting("go:\n  fields:\n    a:\n      selector:\n        select:\n          translation_key: k\n"),
        "selector.k has no words",
    ),
    (services.documented, acting("go:\n"), "go is not described"),
    (habits.outdated, {HUB: "import voluptuous as vol"}, "use probatio"),
    (habits.outdated, {HUB: "DeviceInfo(via_device=x)"}, "use via_device_id"),
    (habits.outdated, {HUB: "entry.add_update_listener(f)"}, "use OptionsFlowWithReload"),
    (habits.outdated, {PROVIDER: "aiohttp.ClientSession()"}, "Home Assistant owns the sessions"),
    (habits.parallel_updates, {f"{PACKAGE}/camera.py": ""}, "PARALLEL_UPDATES is missing"),
    (habits.translated, {HUB: 'raise HomeAssistantError("Oh no")'}, "HomeAssistantError without translation_key"),
    (habits.entry_data, {HUB: "self.hass.data[DOMAIN] = 1"}, "hass.data[DOMAIN]"),
    (hacs.hacs_json, {"hacs.json": '{"name": "x", "domains": []}'}, "domains is not known"),
    (hacs.hacs_json, {"hacs.json": '{"name": "x", "homeassistant": "2026.2.0"}'}, "serves no brand/ folder"),
    (hacs.hacs_json, {"hacs.json": '{"zip_release": true}'}, "zip_release without filename"),
    (hacs.one_integration, {**manifested(), "custom_components/a/manifest.json": "{}"}, "holds ['a', 'camhub']"),
    (hacs.readme, {}, "neither a README"),
    (hacs.licence, {"LICENSE": "do as you like"}, "not the MIT licence"),
    (hacs.changelog, {"CHANGELOG.md": "## [0.1.0] - 2026-01-01"}, "first section is not [Unreleased]"),
    (hacs.changelog, {"CHANGELOG.md": "## [Unreleased]\n## 0.1"}, "0.1 has no version and day"),
    (hacs.version, {**manifested(version="1.0.0"), "pyproject.toml": 'version = "2.0.0"'}, "pyproject 2.0.0"),
    (links.links, {"README.md": "see [it](docs/a.md)"}, "docs/a.md is not there"),
    (links.links, {"README.md": "![it](docs/images/no%20such.png)"}, "no%20such.png is not there"),
    (links.links, {"docs/a.md": "[up](../README.md#no)", "README.md": "# Yes\n"}, "names no heading"),
    (quality_scale.rules, scale("made-up: {status: done}"), "made-up is not a rule"),
    (quality_scale.rules, {}, "action-setup is missing"),
    (quality_scale.answers, scale("brands: {status: maybe, comment: x}"), "neither done nor exempt"),
    (quality_scale.answers, scale("brands: {status: exempt}"), "brands has no comment"),
    (quality_scale.held, scale("brands: {status: todo, comment: x}"), "brands is still to do"),
    (quality_scale.held, scale("brands: {status: done, comment: trust us}"), "brands names no file"),
    (quality_scale.transparent, manifested(requirements=["x>=1"]), "leaves out x"),
    (quality_scale.shown, scale("brands: {status: done, comment: tests/no/such.py}"), "which is not there"),
    (brand.names, {f"{brand.BRAND}/picture.png": ""}, "picture.png is served by nobody"),
    (brand.names, {}, "brand/icon.png is missing"),
    (brand.images, {f"{brand.BRAND}/icon.png": "GIF89a"}, "no PNG with transparency"),
    (repository.lock_files, {"a/uv.lock": "x"}, "carries download addresses"),
    (repository.hashes, {"requirements/x.txt": "acme==1.0\n"}, "acme==1.0 is not pinned with hashes"),
    (repository.hashes, {"requirements/x.txt": f"acme>=1 \\\n    --hash=sha256:{'0' * 64}\n"}, "not pinned"),
    (repository.hashes, {"requirements/x.txt": "--index-url https://example.com\n"}, "not pinned"),
)


def grow(root: Path, files: Files) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def repository_of(tmp_path: Path) -> Callable[[Files], Path]:
    """Return a maker of git repositories that track the given files."""

    def make(files: Files) -> Path:
        grow(tmp_path, files)
        subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
        subprocess.run(["git", "-C", str(tmp_path), "add", "--all"], check=True)
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("check", "files", "expected"),
    CASES,
    ids=[f"{check.__module__.rpartition('.')[2]}-{check.__name__}-{expected}" for check, _, expected in CASES],
)
def test_it_bites(check: Check, files: Files, expected: str, repository_of: Callable[[Files], Path]) -> None:
    problems = check(repository_of(files))
    assert any(expected in problem for problem in problems), problems


def test_registry_hosts_are_found(repository_of: Callable[[Files], Path]) -> None:
    host = min(repository.registry_hosts())
    assert repository.hosts(repository_of({"notes.txt": f"from {host}/simple"})) == [f"notes.txt: names {host}"]


def test_a_copied_recording_is_found(tmp_path: Path, repository_of: Callable[[Files], Path]) -> None:
    answer = "<answer>" + "x" * repository.SMALLEST_RECORDING
    grow(tmp_path / "recordings", {"acme/status.xml": answer})
    assert "ours.xml: is a recorded answer" in repository.copied(
        repository_of({"ours.xml": answer}), tmp_path / "recordings"
    )


def test_a_package_that_needs_home_assistant_is_found(tmp_path: Path) -> None:
    grow(tmp_path, {f"{PACKAGE}/kernel/__init__.py": "", f"{PACKAGE}/kernel/thing.py": "import homeassistant.core"})
    assert purity.packages(tmp_path) == [PACKAGE / "kernel"]
    assert purity.impure(tmp_path, PACKAGE / "kernel")[0].endswith("refused: homeassistant")


def test_what_is_right_passes(tmp_path: Path) -> None:
    grow(tmp_path, {KERNEL: '"""Right."""\n\nimport asyncio\n\nFIRST: Final = frozenset({1})\n'})
    for check in (imports.layers, imports.cycles, vendors.vendor_names, *sizes.CHECKS, *docstrings.CHECKS):
        assert check(tmp_path) == []


def test_every_check_is_here() -> None:
    bitten = {check for check, _, _ in CASES} | {repository.hosts}
    assert {check for module in CHECKED for check in module.CHECKS} <= bitten


@pytest.mark.parametrize("module", CHECKED, ids=lambda module: module.__name__.rpartition(".")[2])
def test_no_check_is_forgotten(module: ModuleType) -> None:
    takes_root = {
        function
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if not name.startswith("_") and function.__module__ == module.__name__
        if inspect.get_annotations(function, eval_str=True) == {"root": Path, "return": list[str]}
    }
    assert takes_root - {getattr(module, "tracked", None)} == set(module.CHECKS)
