from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from custom_components.camhub.kernel.errors import Unsupported
from custom_components.camhub.recording.naming import DEFAULT_PATTERN, another, check_pattern, name_of
from custom_components.camhub.recording.queue import Job

AT = datetime(2026, 1, 2, 23, 4, 5, tzinfo=UTC).timestamp()


def name(pattern: str, camera: str = "Küche & Flur", **changes: Any) -> str:
    fields: dict[str, Any] = {"key": "k", "source": "vendor", "camera": "c1", "at": AT, "kind": "person", **changes}
    job = Job(**fields)
    return name_of(job, pattern=pattern, account="Home", camera=camera, zone=ZoneInfo("Europe/Berlin"), ending=".mp4")


def test_names_are_plain_and_in_local_time() -> None:
    assert name("{camera}/{year}{month}{day}-{hour}{minute}{second}/{account}_{kind}_{label}").startswith(
        "Kuche_Flur/20260103-000405/Home_person_person"
    )
    assert name("../../{label}/./{kind}//x", label="../../etc") == "etc/person/x.mp4"
    assert name("{camera}_{id}", camera="前門").startswith("camera-")
    assert name("{kind}-{label}", kind=None) == "clip-clip.mp4"
    assert name(DEFAULT_PATTERN) == name(DEFAULT_PATTERN)
    assert name("{id}") != name("{id}", key="another")


def test_a_taken_name_gets_the_next_number() -> None:
    assert another("yard/a.mp4") == "yard/a.2.mp4"
    assert another("yard/a.2.mp4") == "yard/a.3.mp4"


@pytest.mark.parametrize("pattern", ["{camera}", "{id", "{id}{odd}", "{id!r}", "{id:>9}", "{id}" + "x" * 200])
def test_patterns_that_name_nothing_are_refused(pattern: str) -> None:
    with pytest.raises(Unsupported) as raised:
        check_pattern(pattern)
    assert raised.value.reason == "archive_pattern"
    check_pattern(DEFAULT_PATTERN)
