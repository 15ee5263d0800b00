import pytest

from custom_components.camhub.capture import aiortc_engine, browser, browser_engine

# Seconds that a capture may take on a busy machine.
PATIENCE = 100


@pytest.fixture(autouse=True)
def patience(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let real captures take their time; the limits themselves are tested where the clock stands still."""
    if "clock" in request.fixturenames:
        return
    monkeypatch.setattr(aiortc_engine, "HARD_STOP_S", PATIENCE)
    monkeypatch.setattr(browser_engine, "HARD_STOP_S", PATIENCE)
    monkeypatch.setattr(browser, "START_S", PATIENCE)
