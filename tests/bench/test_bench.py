"""The bench can be run: each measure of the proxy gives a number, and a miss is told."""

from __future__ import annotations

import math

import pytest

from tests.bench import __main__ as command
from tests.bench.proxy import measures, timing
from tests.bench.proxy.servers import DIRECT, OURS
from tests.bench.row import Row


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """As little of everything as still runs all of it."""
    for name, value in (
        ("_BULK_BYTES", 4 << 20),
        ("_PINGS", 20),
        ("_ECHOES_S", 0.05),
        ("_IDLE", 50),
        ("_LIVE", 20),
    ):
        monkeypatch.setattr(measures, name, value)
    for name, value in (("_TRIPS", 2), ("_BANDWIDTH_S", 0.2), ("_FULL_AFTER_S", 0.05)):
        monkeypatch.setattr(timing, name, value)


@pytest.mark.parametrize("way", [DIRECT, OURS])
@pytest.mark.parametrize(
    "measure", ["bulk_mb_per_s", "staged_mb_per_s", "pinned_rtt_us", "echoes_per_s"]
)
def test_a_way_is_measured(measure: str, way: str) -> None:
    assert getattr(measures, measure)(way) > 0


@pytest.mark.parametrize("measure", ["bulk_mb_per_cpu_s", "echoes_per_cpu_s"])
def test_the_work_of_a_proxy_is_measured(measure: str) -> None:
    assert getattr(measures, measure)(OURS) > 0


def test_what_a_proxy_holds_and_how_long_it_is_busy_are_measured() -> None:
    assert 0 <= measures.idle_kb(OURS) < 100
    assert 0 < measures.add_toxic_ms(OURS) < 1000


def test_how_exact_a_toxic_is_and_whether_the_api_is_stuck_are_measured() -> None:
    """Bounds that tell a number from none; what they come to is a row of the table."""
    assert timing.latency_earliest_us(OURS) > -1000
    assert timing.latency_late_us(OURS) < 1e6
    assert -900 < timing.bandwidth_off_permille(OURS, 1000) < 900
    assert 0 < timing.stuck_api_ms(OURS) < 10_000


def test_a_ratio_that_says_nothing_is_not_shown() -> None:
    assert "nan" not in str(Row("late", 1.0, 2.0, "<= 3", True, ratio=math.nan))


@pytest.mark.parametrize(("holds", "code"), [(True, 0), (False, 1)])
def test_a_missed_target_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], holds: bool, code: int
) -> None:
    row = Row("speed", 2.0, 1.0, ">= 3", holds)
    monkeypatch.setitem(command.PARTS, "proxy", (lambda: iter([row]), "real"))
    assert command.main(["proxy"]) == code
    assert ("MISSED" in capsys.readouterr().out) is not holds


def test_a_part_that_there_is_not_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["proxies"]) == 3
    assert "'proxies'" in capsys.readouterr().err
