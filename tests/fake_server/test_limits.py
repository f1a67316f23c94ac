"""The averaging counter against what the real server's counter was seen and documented to do."""

from __future__ import annotations

import pytest

from fake_server.limits import Counter, Limits

NOW_S = 1_800_000_000.0


def counter(**counts: int) -> Counter:
    """A counter that began at `NOW_S`; `s7=3` is three things 7 seconds later."""
    counted = Counter()
    counted.add(NOW_S, 0)
    for name, count in counts.items():
        counted.add(NOW_S + int(name[1:]), count)
    return counted


def test_a_fresh_counter_spreads_its_first_burst_over_an_empty_bucket_too() -> None:
    """A burst of N in the first 5 s is N/10 a second, so that limit 100 is reached at 1000."""
    assert not counter(s1=999).reached(NOW_S + 5, 100)
    assert counter(s1=1000).reached(NOW_S + 5, 100)


def test_nothing_changes_between_two_ticks() -> None:
    counted = counter(s1=1000)
    assert counted.average(NOW_S + 4.9) == 0
    counted.add(NOW_S + 5, 5000)
    assert counted.average(NOW_S + 5) == counted.average(NOW_S + 9.9) == 100


def test_an_idle_minute_makes_the_average_one_of_twelve_buckets() -> None:
    counted = counter(s1=1, s61=6000)
    assert counted.average(NOW_S + 65) == 100


def test_a_burst_is_felt_for_a_minute_at_most() -> None:
    counted = counter(s1=60_000)
    assert counted.reached(NOW_S + 60, 100)
    assert not counted.reached(NOW_S + 65, 100)


def test_the_recorded_joins_are_refused_until_the_average_has_fallen_below_the_limit() -> None:
    """30 joins at 2 a second: refused at 6 s, still at 11 s (exactly 2), not at 15 s."""
    counted = counter(s0=30)
    averages = [counted.average(NOW_S + later_s) for later_s in (5, 10, 15)]
    assert averages == [3.0, 2.0, 1.5]


def test_a_counter_that_is_empty_at_a_look_begins_anew() -> None:
    """Else a burst after a quiet hour would be spread over twelve buckets instead of two."""
    counted = counter(s1=7)
    counted.add(NOW_S + 3600, 1000)
    assert counted.average(NOW_S + 3605) == 100


def test_a_counter_in_use_at_a_look_goes_on() -> None:
    counted = counter(s1=7, s299=60)
    assert counted.average(NOW_S + 300) == 1
    counted.add(NOW_S + 300, 6000)
    assert counted.average(NOW_S + 305) == 101


def test_a_restarted_counter_knows_nothing() -> None:
    counted = counter(s1=1000)
    counted.restart()
    assert counted.average(NOW_S + 6) == 0
    assert counted.average(NOW_S + 11) == 0


def test_a_clock_that_is_set_back_does_not_stop_the_ticks() -> None:
    counted = counter(s1=1000)
    counted.add(NOW_S - 3600, 1000)
    assert counted.average(NOW_S - 3595) == 200


def test_a_year_without_use_costs_no_more_than_some_minutes() -> None:
    counted = counter(s1=1000)
    assert counted.average(NOW_S + 365 * 24 * 3600) == 0


def test_requests_are_counted_by_the_second_over_a_minute() -> None:
    requests = Limits().requests
    requests.add(NOW_S, 0)
    requests.add(NOW_S + 0.5, 120)
    assert requests.average(NOW_S + 1) == 60
    assert requests.average(NOW_S + 59) == 2
    assert requests.average(NOW_S + 61) == pytest.approx(0)
