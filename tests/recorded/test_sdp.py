"""Every recorded offer and answer, whoever's, through the mender of SDP."""

from pathlib import Path

import pytest

from custom_components.camhub.kernel import sdp
from tests.kernel.test_sdp import direction, media, whole

from .conftest import LEFT_OUT, Recording, recordings

SUFFIX = ".sdp"
OFFER = "offer_sdp"
EXPECTED = "expected_"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give `description` one value per file of SDP, whatever provider it was recorded of."""
    root = Path(metafunc.config.getoption("recorded"))
    providers = sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    found = [one for provider in providers for one in recordings(root, provider)[0] if one.path.suffix == SUFFIX]
    if not found:
        metafunc.config.stash.setdefault(LEFT_OUT, {})["sdp"] = f"{root} has no {SUFFIX} files"
    metafunc.parametrize(
        "description", found or [None], ids=[f"{one.provider}/{one.file}" for one in found] or ["left-out"]
    )


def test_recorded_sdp(description: Recording | None) -> None:
    if description is None:
        return
    text = description.read().decode()
    if description.path.stem.endswith(OFFER):
        mended = sdp.mend_offer(text)
        assert sorted(map(tuple, media(mended))) == sorted(map(tuple, media(text)))
    else:
        offer = offer_for(description.path)
        mended = sdp.mend_answer(offer, text)
        for ours, theirs in zip(media(offer), media(mended), strict=False):
            assert direction(ours) != "recvonly" or direction(theirs) in {"sendonly", "inactive"}
        wanted = expected_of(description.path)
        assert wanted in {None, mended}
    whole(mended)


def offer_for(path: Path) -> str:
    """Return the offer recorded beside an answer, nothing where there is none."""
    found = sorted(path.parent.glob(f"{path.stem.partition('__')[0]}__*{OFFER}{SUFFIX}"))
    return found[0].read_text(newline="") if found else ""


def expected_of(path: Path) -> str | None:
    """Return what the recording says an answer ought to become, None where it does not."""
    case = path.stem.partition("__")[0]
    found = sorted(path.parent.glob(f"{case}__{EXPECTED}*{SUFFIX}"))
    return found[0].read_text(newline="") if found else None
