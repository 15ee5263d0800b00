from custom_components.camhub.kernel.model import JsonValue
from custom_components.camhub.kernel.pseudonyms import Pseudonyms

NAMES = Pseudonyms(b"k" * 32)


def test_the_same_thing_has_the_same_name() -> None:
    assert NAMES.of("camera", "a/1") == Pseudonyms(b"k" * 32).of("camera", "a/1")
    assert NAMES.of("camera", "a/1").startswith("camera-")


def test_other_things_and_other_keys_have_other_names() -> None:
    others = {NAMES.of("camera", "a/2"), NAMES.of("account", "a/1"), Pseudonyms(b"x" * 32).of("camera", "a/1")}
    assert NAMES.of("camera", "a/1") not in others
    assert len(others) == 3


def test_what_is_known_is_hidden_wherever_it_is() -> None:
    names = ("front_door", "front_door_left", "1", "Yard", "camera")
    known = {name: f"camera-{number}" for number, name in enumerate(names, 1)}
    told: JsonValue = {
        "front_door": {"stream": "front_door_left main", "cameras": 1, "ok": True},
        "1": ["Yard", "Yards", "1", ("front_door",), None, 1.5],
    }
    assert NAMES.hide(told, known) == {
        "camera-1": {"stream": "camera-2 main", "cameras": 1, "ok": True},
        "camera-3": ["camera-4", "Yards", "1", ["camera-1"], None, 1.5],
    }
