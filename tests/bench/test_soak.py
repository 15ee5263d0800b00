import asyncio
from random import Random
import sys

import pytest

from bench.accounts import Account, Frigate, Hikvision, NestLegacy
from bench.asking import ask
from bench.inside.watching import _at, stack
from bench.load import Seen, at_once
from bench.slope import PARTS, Slope
from bench.source import SIZES, Connection, Server
from simulators.faults import Fault, FaultProxy
from simulators.frigate import FrigateSimulator
from simulators.hikvision import HikvisionSimulator
from simulators.nest_legacy import NestLegacySimulator


def test_a_slope_is_as_sure_as_its_values_lie_on_a_line() -> None:
    chance = Random(1)
    straight = Slope.of([(second, 1000 + second) for second in range(0, 600, 2)])
    assert straight.per_minute == pytest.approx(60)
    assert straight.surely == pytest.approx(60)
    noise = Slope.of([(second, 1000 + chance.gauss(0, 50)) for second in range(0, 600, 2)])
    assert noise.surely == 0
    assert noise.sure_within > abs(noise.per_minute)
    with pytest.raises(ValueError, match="are needed"):
        Slope.of([(0.0, 0.0)] * (PARTS - 1))


def test_a_percentile_is_read_off_what_was_counted() -> None:
    bins = [0] * 10_001
    bins[9], bins[199] = 99, 1
    assert _at(bins, 0.5) == 1.0
    assert _at(bins, 0.995) == 20.0


def test_who_is_at_work_is_told_innermost_first() -> None:
    told = stack(sys._getframe())
    assert told.startswith("bench/test_soak.py:")
    assert "test_who_is_at_work_is_told_innermost_first" in told.partition(" < ")[0]


async def test_what_is_told_is_counted_by_kind() -> None:
    server = FrigateSimulator()
    account = Frigate(server)
    rest = account.happen(Random(1))
    assert rest is not None
    rest.close()
    assert account.told.total() == len(server.happenings.events) == 1
    legacy = NestLegacy(NestLegacySimulator())
    rest = legacy.happen(Random(1))
    assert rest is not None
    rest.close()
    assert sum(len(unit.cuepoints) for unit in legacy.services.house.units) == legacy.told.total() == 1


async def test_a_device_that_keeps_nothing_is_quiet_until_somebody_listens() -> None:
    account = Hikvision(HikvisionSimulator(model="nvr"))
    assert not account.listened
    told = [account.happen(Random(1)) for _ in range(9)]
    for rest in told:
        if rest is not None:
            rest.close()
    # Each channel moves once until it is quiet again, and not those that tell nobody.
    assert account.told["motion"] == sum(rest is not None for rest in told) < 6


async def test_an_account_falls_ill_and_is_well_again() -> None:
    account, proxy = Account(), FaultProxy(upstream=("127.0.0.1", 9))
    account.proxies = [proxy]
    await account.arm(Fault.OUTAGE)
    assert (account.ill, proxy.fault) == (True, Fault.OUTAGE)
    account.heal()
    assert (account.ill, proxy.fault) == (False, None)


async def test_stills_are_asked_for_at_a_rate() -> None:
    server = Server()
    listening = await asyncio.get_running_loop().create_server(lambda: Connection(server), "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        answer = await asyncio.to_thread(ask, port=port, paths=["/a/still?size=tiny"], clients=3, seconds=0.1, rate=200)
    finally:
        listening.close()
    assert answer["statuses"] == {"200": 20}
    assert len(answer["latencies"]) == server.counted["a"].stills == 20
    assert SIZES["tiny"]


def test_what_gives_first_is_told() -> None:
    good, slow = Seen(failed={}), Seen(failed={"events": 1}, frames=0.5, still_ms=300, event_s=3, stall_ms=30)
    assert good.given == []
    assert len(slow.given) == 4
    failures, first = at_once({1: good, 2: slow})
    assert (failures.value, failures.met) == (1, False)
    assert (first.value, first.met) == (2, True)
    assert "at 2 x: frames of the live views" in first.against
    assert at_once({1: good})[1].value == 2
