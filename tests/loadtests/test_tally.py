"""Facts about the tally: what several processes count adds up to what one would have counted."""

from __future__ import annotations

import json

import pytest

from loadtests.tally import COUNTS, REASONS_MAX, Tally, together


def tally_of(**counts: int) -> Tally:
    tally = Tally()
    tally.counts.update(counts)
    return tally


def test_processes_add_up() -> None:
    one, other = tally_of(sent=3, lost=1), tally_of(sent=4)
    one.time("delivery", 0.001)
    other.time("delivery", 0.2)
    other.count("lost", "acked")
    total = together([one, other])
    assert total.counts["sent"] == 7
    assert total.counts["lost"] == 2
    assert total.reasons == {"lost: acked": 1}
    assert total.durations["delivery"].count == 2
    assert total.durations["delivery"].max_s == 0.2


def test_what_is_sent_as_json_arrives() -> None:
    sent = tally_of(sent=3)
    sent.count("rejected", "timed out")
    sent.time("join", 0.1)
    fields = json.loads(json.dumps(sent.to_json()))
    assert Tally.from_json(fields).to_json() == sent.to_json()
    assert set(fields["counts"]) == set(COUNTS), "a zero is a fact and is sent too"


@pytest.mark.parametrize(
    "fields", [{}, {"counts": {}, "reasons": {}, "durations": {}}, {"counts": 7}]
)
def test_a_tally_that_does_not_read_is_refused(fields: dict[str, object]) -> None:
    """A worker of another version must not pass for one that counted nothing."""
    with pytest.raises((KeyError, TypeError, ValueError)):
        Tally.from_json(fields)


def test_the_reasons_are_bounded_and_none_is_uncounted() -> None:
    """A server that makes up a new reason each time must not fill the memory."""
    tally = Tally()
    for number in range(REASONS_MAX + 50):
        tally.count("rejected", f"reason {number}")
    assert len(tally.reasons) <= REASONS_MAX + 1
    assert tally.reasons["other"] == 50
    assert tally.reasons.total() == REASONS_MAX + 50
