from dataclasses import replace
from typing import Any

import pytest

from custom_components.camhub.kernel.model import EventKind
from custom_components.camhub.providers.hikvision.alerts import Alert
from custom_components.camhub.providers.hikvision.events import QUIET_S, REMEMBERED, Tracker, locate
from custom_components.camhub.providers.hikvision.parse import Channel, Source
from tests.conftest import MakeContext
from tests.fake_clock import FakeClock


def told(**fields: Any) -> Alert:
    alert = Alert(
        type="VMD",
        kind=EventKind.MOTION,
        active=True,
        heartbeat=False,
        channel=None,
        proxy=None,
        io_port=None,
        proxy_io_port=None,
        at=None,
    )
    return replace(alert, **fields)


def channels(inputs: list[int], proxies: list[int]) -> list[Channel]:
    return [
        *(Channel(source=Source.INPUT, number=number) for number in inputs),
        *(Channel(source=Source.PROXY, number=number) for number in proxies),
        Channel(source=Source.ZERO, number=1),
    ]


@pytest.mark.parametrize(
    ("inputs", "proxies", "slots", "fields", "expected"),
    [
        ([1], [], 1, {}, "input-1"),
        ([1], [], 1, {"channel": 7}, "input-1"),
        ([1, 2], [], 2, {"channel": 2}, "input-2"),
        ([1, 2], [], 2, {"channel": 3}, None),
        ([1, 2], [], 2, {"channel": 34}, None),
        ([], [1, 2], 0, {"channel": 2}, "proxy-2"),
        ([], [1, 2], 0, {"proxy": 2}, "proxy-2"),
        ([], [1, 2], 0, {"channel": 34}, "proxy-2"),
        ([], [1, 2], 0, {"channel": 34, "proxy": 1}, "proxy-1"),
        ([], list(range(1, 40)), 0, {"channel": 34}, "proxy-34"),
        ([], [1, 2], 0, {"channel": 9}, None),
        ([], [1, 2], 0, {"proxy": 9}, None),
        ([], [1, 2], 0, {"proxy_io_port": 201}, "proxy-2"),
        ([], [1, 2], 0, {"io_port": 1}, None),
        ([], [1, 2], 0, {}, None),
        ([1, 2, 3, 4], [5, 6], 4, {"channel": 33}, "proxy-5"),
        ([1, 2, 3, 4], [6], 4, {"channel": 34}, "proxy-6"),
        ([1, 2], [9, 10], 2, {"channel": 34}, "proxy-10"),
        ([1, 2], [9, 10], 2, {"channel": 35}, None),
        ([1, 2], [1, 2], 2, {"channel": 34}, "proxy-2"),
        ([1, 2], [1, 2], 2, {"channel": 2}, "input-2"),
    ],
)
def test_locate(
    inputs: list[int], proxies: list[int], slots: int, fields: dict[str, int], expected: str | None
) -> None:
    assert locate(told(**fields), channels(inputs, proxies), slots) == expected


def test_an_alert_without_a_date_is_of_now(make_context: MakeContext, clock: FakeClock) -> None:
    tracker = Tracker(clock, make_context().counters)
    tracker.heartbeat(None)
    start = tracker.take(told(), "input-1", EventKind.MOTION)
    assert start is not None
    assert start.at == clock.now()
    assert tracker.take(told(active=False), "input-2", EventKind.MOTION) is None
    assert tracker.next_end() == QUIET_S


def test_only_so_many_are_remembered(make_context: MakeContext, clock: FakeClock) -> None:
    tracker = Tracker(clock, make_context().counters)
    at = clock.now()
    for number in range(REMEMBERED + 1):
        assert tracker.take(told(at=at), f"proxy-{number}", EventKind.MOTION) is not None
    assert len(tracker.end_all()) == REMEMBERED + 1
    assert tracker.take(told(at=at), f"proxy-{REMEMBERED}", EventKind.MOTION) is None
    assert tracker.take(told(at=at), "proxy-0", EventKind.MOTION) is not None
