"""The pulse of a link: what is owed, since when, and what settles it."""

from __future__ import annotations

import pytest

from harness.manager.pulse import Pulse


def pulse() -> Pulse:
    return Pulse(100.0, interval_s=25.0)


def test_nothing_is_owed_before_a_heartbeat_or_a_join() -> None:
    assert pulse().death_s(5.0, 22.0) is None


def test_the_oldest_unanswered_heartbeat_counts() -> None:
    """A second heartbeat into the silence must not start the wait anew."""
    one = pulse()
    one.beat("1", 125.0)
    one.beat("2", 150.0)
    assert one.death_s(5.0, 22.0) == 130.0


def test_the_oldest_unanswered_join_counts() -> None:
    one = pulse()
    one.asked(100.0)
    one.asked(111.0)
    assert one.death_s(5.0, 22.0) == 122.0


def test_whatever_is_heard_settles_both_unless_joins_are_still_owed() -> None:
    one = pulse()
    one.beat("1", 125.0)
    one.asked(125.0)
    one.heard(126.0, asked=True)
    assert one.death_s(5.0, 22.0) == 148.0
    one.heard(127.0, asked=False)
    assert one.death_s(5.0, 22.0) is None
    assert one.heard_s == 127.0


def test_only_the_answer_to_the_newest_heartbeat_gives_a_round_trip() -> None:
    one = pulse()
    one.beat("1", 125.0)
    one.beat("2", 150.0)
    one.answered("1", 150.5)
    one.answered(None, 150.5)
    assert one.round_trip_s is None
    one.answered("2", 151.0)
    assert one.round_trip_s == 1.0


def test_a_standstill_is_no_silence_of_the_peers() -> None:
    one = pulse()
    one.beat("1", 125.0)
    one.asked(126.0)
    one.woke(600.0, 728.0)
    assert one.death_s(5.0, 22.0) == 733.0
    assert one.death_s(50.0, 22.0) == 748.0, "2 s of the 22 were up before it"


def test_what_is_heard_after_a_standstill_may_have_waited_since_before() -> None:
    """It puts the death off, for what follows may be new; only an answer settles it."""
    one = pulse()
    one.woke(600.0, 728.0)
    one.beat("1", 728.0)
    one.heard(728.1, asked=False)
    assert one.is_woken
    assert one.death_s(1.5, 22.0) == pytest.approx(729.6)
    one.answered("1", 728.2)
    one.heard(728.2, asked=False)
    assert not one.is_woken
    assert one.death_s(1.5, 22.0) is None


def test_standstills_one_after_the_other_do_not_put_a_death_off_for_ever() -> None:
    one = pulse()
    one.woke(10.0, 110.0)
    one.beat("1", 110.0)
    one.woke(10.0, 120.5)
    one.beat("2", 120.5)
    one.woke(10.0, 131.0)
    assert one.death_s(1.5, 22.0) == 131.5


def test_what_is_read_after_a_standstill_came_at_its_beginning_until_an_answer_proves_more() -> (
    None
):
    one = pulse()
    one.heard(110.0, asked=False)
    one.woke(600.0, 728.0)
    one.beat("1", 728.0)
    one.heard(728.1, asked=False)
    assert (one.heard_s, one.came_s(728.1)) == (128.0, 128.0)
    one.answered("1", 728.2)
    one.heard(728.2, asked=False)
    assert (one.heard_s, one.came_s(729.0)) == (728.2, 729.0)


def test_a_second_standstill_does_not_make_what_is_unread_younger() -> None:
    one = pulse()
    one.woke(10.0, 110.0)
    one.heard(110.1, asked=False)
    one.woke(10.0, 120.5)
    one.heard(120.6, asked=False)
    assert one.heard_s == 100.0


def test_a_sign_from_after_the_last_look_stays_one() -> None:
    """A standstill is told from the last look at the clock on, up to a second before it began."""
    one = pulse()
    one.heard(118.7, asked=False)
    one.woke(610.0, 728.0)
    assert (one.heard_s, one.came_s(728.0)) == (118.7, 118.7)


def test_the_silence_that_is_told_is_none_of_ours() -> None:
    one = pulse()
    one.woke(600.0, 728.0)
    assert one.quiet_since_s == 728.0
    one.heard(728.5, asked=False)
    assert one.quiet_since_s == 728.5
