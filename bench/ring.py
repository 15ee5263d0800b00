"""Ring: what many calls on an ended token ask of the token service, and the memory that a long recording takes."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from simulators.authority import Authority
from simulators.ring import RingSimulator
from simulators.ring.films import Endless
from simulators.ring.home import DRIVE
from simulators.ring.hosts import TOKENS

from .figure import Figure
from .machine import forget_peak, peak_kb, resident_kb
from .plan import FULL, Plan
from .ringing import CAMHUB
from .worker import Worker

CALLS: Final = 50
LIBRARY: Final = "library"
SIZE: Final = 200_000_000
# The first recording pays for what every later one finds: imports, TLS, buffers.
FIRST: Final = 2_000_000
_REFRESH: Final = f"{TOKENS}/oauth/token"


async def run(plan: Plan = FULL) -> list[Figure]:
    """Measure both."""
    with TemporaryDirectory(prefix="camhub-bench-") as folder:
        asked = {who: [await _refreshes(Path(folder), who) for _ in range(plan.rounds)] for who in (CAMHUB, LIBRARY)}
        peaks = [await _peak(Path(folder), SIZE // 10 if plan.quick else SIZE) for _ in range(plan.rounds)]
    ours, theirs = max(asked[CAMHUB]), min(asked[LIBRARY])
    return [
        Figure(
            figure="refreshes_per_50_calls",
            value=ours[0],
            unit="requests",
            goal=1,
            better="lower",
            against=(
                f"plain ring-doorbell in the same run: {theirs[0]} requests; "
                f"of {CALLS} calls {min(answered for _, answered in asked[CAMHUB])} and {theirs[1]} were answered"
            ),
        ),
        Figure(
            figure="clip_peak_mb",
            value=max(peaks) / 1000,
            unit="MB",
            goal=16,
            better="lower",
            against=f"the process at rest; a recording of {SIZE / 1e6:.0f} MB to the disk, the worst of {len(peaks)}",
        ),
    ]


def signed_in(folder: Path, service: RingSimulator) -> dict[str, Any]:
    """Return the line that signs somebody in."""
    login = {"grant_type": "password", "username": service.tokens.user, "password": service.tokens.password}
    _, grant = service.tokens.answer(login, {"2fa-code": service.tokens.code})
    return {"folder": str(folder), "names": service.names, "grant": grant}


async def _refreshes(folder: Path, who: str) -> tuple[int, int]:
    """Return how many refreshes the calls led to, and how many of the calls were answered."""
    async with RingSimulator(Authority(folder)) as service, Worker("bench.ringing") as worker:
        await worker.tell(signed_in(folder, service))
        answered = (await worker.tell({"calls": CALLS, "who": who}))["answered"]
        return service.requests[_REFRESH], answered


async def _peak(folder: Path, size: int) -> float:
    """Return the KiB that a download takes at its worst beyond what the process takes at rest."""
    async with RingSimulator(Authority(folder)) as service, Worker("bench.ringing") as worker:
        await worker.tell(signed_in(folder, service))
        events = [service.happenings.record(service.device(DRIVE), "motion")["id"] for _ in range(2)]
        service.films.films = {events[0]: Endless(FIRST), events[1]: Endless(size)}
        await worker.tell({"clip": events[0]})
        rest = resident_kb(worker.pid)
        forget_peak(worker.pid)
        got = (await worker.tell({"clip": events[1]}))["size"]
        if got != size:
            raise RuntimeError(f"{got} bytes of {size}")
        return (peak_kb(worker.pid) - rest) * 1.024
