"""The feed checker: changes lost without a word, told as missing, twice; feeds that stay dead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from harness.checkers.feed import feed
from harness.checkers.signs import signs_of
from harness.history import History, Op
from harness.verdict import Outcome
from tests.checkers.story import Story

ASKED = [{"event": "INSERT", "schema": "public", "table": "numbers"}]
FAULT_S, HEAL_S, BACK_S, END_S = 20.0, 30.0, 32.0, 50.0


class Fed(Story):
    """A story with a feed of changes."""

    def listens(self, client: str = "client-0", topic: str = "room") -> Fed:
        self.wants(client, topic=topic)
        self.call(0.0, client, "subscribe", "ok", 0.2, topic=topic, changes=ASKED)
        return self

    def add(self, op: Op) -> None:
        self._ops.append(op)

    def row(self, at_s: float, id: int) -> Fed:
        self.call(at_s, "source", "insert", "ok", table="numbers", id=id)
        return self

    def says(self, at_s: float, f: str, client: str = "client-0", **value: Any) -> Fed:
        self.op(at_s, client, "info", f, topic="room", **value)
        return self


def story(
    *,
    lost_s: float | None = FAULT_S + 0.1,
    back_s: float | None = BACK_S,
    missing: Iterable[int] = (),
    fault: bool = True,
    within_s: float = 45.0,
    grace_s: float = 0.0,
    **told: Any,
) -> Fed:
    """A row every half a second; the feed goes down with a fault and comes back after it."""
    one = Fed(recovery_within_s=within_s, grace_s=grace_s).listens()
    one.says(2.0, "feed_live")
    if fault:
        one.fault("hole", FAULT_S, HEAL_S, **told)
    if lost_s is not None:
        one.says(lost_s, "feed_lost", reason="reset")
    if back_s is not None and lost_s is not None:
        one.says(back_s, "feed_live")
    for id in range(1, int(END_S * 2)):
        at_s = id / 2 + 0.01
        one.row(at_s, id)
        is_down = lost_s is not None and FAULT_S <= at_s < (back_s or END_S)
        if at_s > 2.0 and not is_down and id not in missing:
            one.says(at_s + 0.3, "changed", id=id)
    one.ends(END_S)
    return one


def outcome(history: History) -> Outcome:
    return feed(history).outcome


def test_a_feed_that_is_honest_is_valid() -> None:
    verdict = feed(story().history())
    assert verdict.outcome is Outcome.VALID, verdict.reason
    assert verdict.slis["changes_lost"].value == 0
    recovery_s = verdict.slis["feed_recovery_s"].value
    assert recovery_s == pytest.approx(BACK_S - HEAL_S + 0.31, abs=0.5)


def test_a_run_without_listeners_is_not_judged() -> None:
    assert outcome(Story().wants("client-0").history()) is Outcome.NOT_APPLICABLE


def test_a_run_without_rows_shows_nothing_and_says_why() -> None:
    one = Fed().listens()
    one.op(1.0, "source", "invoke", "insert", table="numbers", id=1)
    one.add(Op(process="source", type="fail", f="insert", time_s=1.0, error="no such table"))
    verdict = feed(one.history())
    assert verdict.outcome is Outcome.UNKNOWN
    assert verdict.reason == "no row was inserted: no such table"


def test_a_feed_that_was_never_live_shows_nothing() -> None:
    one = Fed().listens().row(1.0, 1)
    one.fault("rst", 5.0)
    verdict = feed(one.history())
    assert verdict.outcome is Outcome.UNKNOWN
    assert "client-0 on 'room'" in verdict.reason


def test_a_change_that_is_lost_without_a_word_is_a_reproach() -> None:
    verdict = feed(story(missing=[20]).history())
    assert verdict.outcome is Outcome.INVALID
    assert "1 change lost without a word" in verdict.reason
    assert "change 20 for 'room', committed at 10.01 s" in verdict.reason


def test_a_change_that_is_told_as_missing_while_faults_last_is_no_reproach() -> None:
    one = story(lost_s=None, missing=[50, 51])
    one.says(27.0, "feed_gap", last_s=2.5)
    verdict = feed(one.history())
    assert verdict.outcome is Outcome.VALID, verdict.reason
    assert verdict.slis["changes_told_missing"].value == 2


@pytest.mark.parametrize(
    ("id", "fault", "grace_s", "expected"),
    [
        (20, True, 0.0, Outcome.INVALID),
        (20, False, 0.0, Outcome.INVALID),
        (39, True, 0.0, Outcome.VALID),  # On its way as the fault set in.
        (64, True, 0.0, Outcome.VALID),  # Before the first change since.
        (80, True, 0.0, Outcome.INVALID),
        (80, True, 15.0, Outcome.VALID),
    ],
)
def test_where_nothing_is_wrong_no_change_is_to_be_missed(
    id: int, fault: bool, grace_s: float, expected: Outcome
) -> None:
    """Else whoever tells of a gap with each message might lose what it likes."""
    one = story(missing=[id], fault=fault, lost_s=FAULT_S + 0.1 if fault else None, grace_s=grace_s)
    one.says(45.0, "feed_gap", last_s=1e9)
    verdict = feed(one.history())
    assert verdict.outcome is expected, verdict.reason
    if expected is Outcome.INVALID:
        assert "1 change told as missing where nothing was wrong" in verdict.reason


@pytest.mark.parametrize(("at_s", "last_s"), [(12.0, 1.5), (10.0, 5.0), (30.0, 19.0)])
def test_a_gap_that_does_not_reach_it_covers_nothing(at_s: float, last_s: float) -> None:
    one = story(missing=[20])
    one.says(at_s, "feed_gap", last_s=last_s)
    assert outcome(one.history()) is Outcome.INVALID


def test_what_is_committed_while_a_feed_is_not_said_to_be_live_is_owed_to_nobody() -> None:
    assert outcome(story(lost_s=FAULT_S + 0.1).history()) is Outcome.VALID


def test_a_client_that_says_lost_too_late_has_to_tell_of_the_gap() -> None:
    silent = story(lost_s=FAULT_S + 8.0)
    assert outcome(silent.history()) is Outcome.INVALID
    silent.says(BACK_S + 0.001, "feed_gap", last_s=BACK_S - FAULT_S + 1.0)
    assert outcome(silent.history()) is Outcome.VALID


@pytest.mark.parametrize("word", ["lost", "closed"])
def test_a_channel_that_is_lost_has_no_live_feed(word: str) -> None:
    one = story(lost_s=None, missing=range(40, 64))
    one.says(FAULT_S + 0.1, word, reason="reset")
    one.says(BACK_S, "feed_live")
    assert outcome(one.history()) is Outcome.VALID


def test_what_was_on_its_way_as_the_feed_was_lost_is_not_held_against_it() -> None:
    assert outcome(story(missing=[39]).history()) is Outcome.VALID  # 19.51 s, lost at 20.1 s
    assert outcome(story(missing=[37]).history()) is Outcome.INVALID  # 18.51 s


@pytest.mark.parametrize(
    ("spoils", "expected"),
    [(["changes"], Outcome.VALID), (["loss"], Outcome.VALID), (["order"], Outcome.INVALID)],
)
def test_what_the_server_itself_lost_is_no_reproach(spoils: list[str], expected: Outcome) -> None:
    one = story(lost_s=None, missing=[50], spoils=spoils)
    assert outcome(one.history()) is expected


def test_a_change_that_comes_twice_is_a_reproach() -> None:
    one = story()
    one.says(11.0, "changed", id=20)
    assert "1 change received twice" in feed(one.history()).reason
    assert outcome(one.history()) is Outcome.INVALID


def test_a_change_that_comes_late_is_out_of_order() -> None:
    one = story(missing=[20])
    one.says(14.0, "changed", id=20)
    verdict = feed(one.history())
    assert verdict.outcome is Outcome.INVALID
    assert "1 change received out of order" in verdict.reason


def test_what_the_server_repeats_or_swaps_is_no_reproach() -> None:
    twice = story(lost_s=None, spoils=["once"])
    twice.says(26.0, "changed", id=50)
    assert outcome(twice.history()) is Outcome.VALID
    late = story(lost_s=None, missing=[50], spoils=["order"])
    late.says(28.0, "changed", id=50)
    assert outcome(late.history()) is Outcome.VALID


def test_a_change_that_was_never_committed_is_a_reproach() -> None:
    one = story()
    one.says(11.0, "changed", id=7000)
    assert "never committed" in feed(one.history()).reason


def test_a_feed_that_never_comes_back_is_a_reproach() -> None:
    one = story(back_s=None, within_s=15.0)
    verdict = feed(one.history())
    assert verdict.outcome is Outcome.INVALID
    assert "was not live again" in verdict.reason
    assert "its last word was 'feed_lost' (reset) at 20.1 s" in verdict.reason
    assert verdict.slis["feed_recovery_s"].value is None


def test_a_feed_that_brings_changes_and_is_not_said_to_be_live_is_not_back() -> None:
    one = story(within_s=15.0)
    one.says(END_S - 0.5, "feed_lost", reason="confused")
    assert outcome(one.history()) is Outcome.INVALID


def test_a_feed_that_comes_back_too_late_is_a_reproach() -> None:
    assert outcome(story(within_s=1.5).history()) is Outcome.INVALID


def test_a_run_that_was_cut_short_says_nothing_of_the_way_back() -> None:
    assert outcome(story(back_s=None).history()) is Outcome.UNKNOWN  # 20 of 45 s


@pytest.mark.parametrize("victims", [None, ["client-0"]])
def test_a_client_that_is_killed_and_started_again_reads_everything(
    victims: list[str] | None,
) -> None:
    """It was killed while it was deaf, and can tell nobody of its gap."""
    one = story(lost_s=FAULT_S + 8.0)
    told = {} if victims is None else {"victims": victims}
    one.fault("kill", FAULT_S + 8.0, FAULT_S + 9.0, **told)
    assert outcome(one.history()) is Outcome.INVALID
    one.call(FAULT_S + 9.0, "client-0", "open", "ok")
    assert outcome(one.history()) is Outcome.VALID


def test_a_client_that_is_closed_and_opened_again_reads_everything() -> None:
    one = story(lost_s=FAULT_S + 8.0)
    one.call(FAULT_S + 8.0, "client-0", "close", "ok")
    assert outcome(one.history()) is Outcome.INVALID
    one.call(FAULT_S + 9.0, "client-0", "open", "ok")
    assert outcome(one.history()) is Outcome.VALID


def test_to_open_a_client_that_is_open_excuses_nothing() -> None:
    one = story(lost_s=FAULT_S + 8.0)
    one.call(FAULT_S + 9.0, "client-0", "open", "ok")
    assert outcome(one.history()) is Outcome.INVALID


def test_another_client_that_is_killed_excuses_nothing() -> None:
    one = story(lost_s=FAULT_S + 8.0)
    one.fault("kill", FAULT_S + 8.0, FAULT_S + 9.0, victims=["client-1"])
    one.call(FAULT_S + 9.0, "client-1", "open", "ok").call(BACK_S, "client-0", "open", "ok")
    assert outcome(one.history()) is Outcome.INVALID


@pytest.mark.parametrize("how", ["close", "kill"])
def test_what_was_lost_long_before_a_client_ended_is_not_excused_by_that(how: str) -> None:
    """A later change had come: it was not deaf, it had lost them."""
    one = story(missing=range(10, 30))
    one.call(0.0, "client-0", "open", "ok")
    if how == "close":
        one.call(FAULT_S + 1.0, "client-0", "close", "ok")
    else:
        one.fault("kill", FAULT_S + 1.0, FAULT_S + 2.0)
    one.call(FAULT_S + 2.0, "client-0", "open", "ok")
    verdict = feed(one.history())
    assert "20 changes lost without a word" in verdict.reason


def test_a_kill_before_the_last_start_excuses_nothing_at_the_next() -> None:
    one = story(lost_s=FAULT_S + 8.0).fault("kill", 10.0, 11.0)
    one.call(11.0, "client-0", "open", "ok").call(FAULT_S + 9.0, "client-0", "open", "ok")
    assert outcome(one.history()) is Outcome.INVALID


def test_a_channel_that_was_left_is_owed_nothing() -> None:
    one = story(lost_s=None, fault=False, missing=range(60, 200))
    one.call(29.5, "client-0", "leave", "ok", topic="room").wants("client-0", 29.5, wanted=False)
    assert outcome(one.history()) is Outcome.VALID


def test_a_change_that_never_came_is_a_sign_of_trouble() -> None:
    one = story(lost_s=None, missing=[20])
    missed = [sign.words for sign in signs_of(one.history()) if sign.name == "missed_change"]
    assert missed[-1] == "change 20 never came to client-0"
    assert len(missed) == 1 + 3  # And those from before the feed was live.


@pytest.mark.parametrize(("last_s", "expected"), [(4.0, Outcome.VALID), (0.5, Outcome.INVALID)])
def test_a_slow_clock_counts_the_seconds_of_a_gap_too_few(last_s: float, expected: Outcome) -> None:
    one = story(lost_s=FAULT_S + 8.0)
    one.fault("clock_drift", 5.0, 31.0, factor=0.2)
    one.says(BACK_S + 0.001, "feed_gap", last_s=last_s)
    assert outcome(one.history()) is expected


def test_a_fast_clock_makes_no_gap_longer() -> None:
    """Its ten seconds are two, and begin long after the first loss."""
    one = story(lost_s=FAULT_S + 8.0)
    one.says(BACK_S + 0.001, "feed_gap", last_s=BACK_S - FAULT_S + 1.0)
    assert outcome(one.history()) is Outcome.VALID
    one.fault("clock_drift", 5.0, 31.0, factor=5.0)
    assert outcome(one.history()) is Outcome.INVALID


@pytest.mark.parametrize("by_s", [-20.0, 3600.0])
def test_a_clock_that_jumps_in_a_gap_is_reckoned_with(by_s: float) -> None:
    one = story(lost_s=FAULT_S + 8.0).fault("clock_jump", 24.0, by_s=by_s)
    assert outcome(one.history()) is Outcome.INVALID
    one.says(BACK_S + 0.001, "feed_gap", last_s=BACK_S - FAULT_S + 1.0 + by_s)
    assert outcome(one.history()) is Outcome.VALID


STILL: dict[str, Any] = {"fault": False, "lost_s": None, "missing": range(40, 60)}
"""A client that hears nothing of what is committed from 20 s to 30 s."""


def test_what_was_committed_while_a_client_stood_still_has_to_be_told_afterwards() -> None:
    one = story(**STILL).fault("suspend", FAULT_S, HEAL_S, spoils=["word", "spread"])
    verdict = feed(one.history())
    assert verdict.outcome is Outcome.INVALID
    assert "20 changes lost without a word" in verdict.reason
    one.says(HEAL_S + 1.0, "feed_gap", last_s=12.0)
    assert outcome(one.history()) is Outcome.VALID


def test_what_comes_as_a_client_goes_on_was_not_lost() -> None:
    one = story(**STILL).fault("block", FAULT_S, HEAL_S, spoils=["word", "spread"])
    for id in range(40, 60):
        one.says(HEAL_S + id / 1000, "changed", id=id)
    assert outcome(one.history()) is Outcome.VALID


def test_a_client_that_stood_still_has_to_tell_of_the_gap_once_its_feed_is_back() -> None:
    """That its feed was lost it says as it goes on, and that tells of no gap before."""
    told: dict[str, Any] = {"spoils": ["word"], "missing": range(40, 62)}
    never = story(lost_s=HEAL_S + 0.5, back_s=None, **told)
    verdict = feed(never.history())
    assert verdict.outcome is Outcome.UNKNOWN  # The run ends before it must be back.
    assert verdict.evidence["excused"] == 19
    back = story(lost_s=HEAL_S + 0.5, back_s=HEAL_S + 2.0, **told)
    assert outcome(back.history()) is Outcome.INVALID
    back.says(HEAL_S + 2.001, "feed_gap", last_s=14.0)
    assert outcome(back.history()) is Outcome.VALID


def test_a_channel_that_was_left_as_its_client_went_on_tells_of_no_gap() -> None:
    one = story(**{**STILL, "missing": range(40, 200)})
    one.fault("suspend", FAULT_S, HEAL_S, spoils=["word"])
    one.call(HEAL_S + 0.1, "client-0", "leave", "ok", topic="room")
    one.wants("client-0", HEAL_S + 0.1, wanted=False)
    verdict = feed(one.history())
    assert verdict.outcome is Outcome.VALID, verdict.reason
    assert verdict.reason.endswith(
        "told as missing (0); 19 excused, for a fault spoilt them or nobody could tell"
    )


@pytest.mark.parametrize("heal_s", [None, END_S - 4.0])
def test_a_client_that_stands_still_to_the_end_can_tell_nothing(heal_s: float | None) -> None:
    one = story(**{**STILL, "missing": range(40, 200)}, within_s=3.0)
    one.fault("suspend", FAULT_S, heal_s, spoils=["word"])
    assert "lost without a word" not in feed(one.history()).reason


def test_that_another_client_stood_still_excuses_nothing() -> None:
    one = story(**{**STILL, "missing": range(40, 200)})
    one.fault("suspend", FAULT_S, None, spoils=["word"], victims=["client-1"])
    assert outcome(one.history()) is Outcome.INVALID
