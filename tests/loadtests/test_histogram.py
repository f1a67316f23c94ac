"""Facts about the histogram: it flatters nobody, adds up, and survives being sent."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.histogram import BUCKETS_MAX, GROWTH, SMALLEST_S, Histogram

DURATIONS = st.lists(st.floats(min_value=SMALLEST_S, max_value=3600.0), min_size=1, max_size=60)
SHARES = st.floats(min_value=0.0, max_value=1.0)


def histogram_of(durations_s: list[float]) -> Histogram:
    histogram = Histogram()
    for duration_s in durations_s:
        histogram.record(duration_s)
    return histogram


@given(DURATIONS, SHARES)
def test_a_percentile_is_never_below_the_exact_one_and_at_most_two_per_cent_above(
    durations_s: list[float], share: float
) -> None:
    """A gate that is told less than the truth lets a slow release through."""
    exact_s = sorted(durations_s)[max(1, math.ceil(share * len(durations_s))) - 1]
    told_s = histogram_of(durations_s).percentile(share)
    assert told_s is not None
    assert exact_s <= told_s * (1 + 1e-9)
    assert told_s <= exact_s * GROWTH * (1 + 1e-9)


@given(DURATIONS, DURATIONS)
def test_the_sum_of_two_is_the_histogram_of_all(one_s: list[float], other_s: list[float]) -> None:
    total = histogram_of(one_s)
    total.add(histogram_of(other_s))
    assert total.to_json() == histogram_of(one_s + other_s).to_json()
    assert total.count == len(one_s) + len(other_s)


@given(DURATIONS)
def test_what_is_sent_as_json_arrives(durations_s: list[float]) -> None:
    sent = histogram_of(durations_s)
    arrived = Histogram.from_json(json.loads(json.dumps(sent.to_json())))
    assert arrived.to_json() == sent.to_json()
    assert arrived.count == sent.count


def test_nothing_counted_has_no_percentile() -> None:
    """0 s would look like the best of all results."""
    assert Histogram().percentile(0.99) is None


def test_a_day_and_more_falls_into_the_last_bucket_and_the_longest_stays_exact() -> None:
    """The number of buckets is bounded whatever is measured."""
    histogram = histogram_of([1e9])
    assert histogram.to_json()["buckets"] == [[BUCKETS_MAX, 1]]
    assert histogram.max_s == 1e9


@pytest.mark.parametrize("value_s", [-0.001, math.nan])
def test_what_is_no_duration_is_refused(value_s: float) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        Histogram().record(value_s)
