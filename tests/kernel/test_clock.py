from datetime import UTC

from custom_components.camhub.kernel.clock import SystemClock


async def test_the_machines_clock_tells_aware_time_that_passes() -> None:
    clock = SystemClock()
    before, ticks = clock.now(), clock.monotonic()
    await clock.sleep(0)
    assert before.tzinfo is UTC
    assert clock.now() >= before
    assert clock.monotonic() >= ticks
