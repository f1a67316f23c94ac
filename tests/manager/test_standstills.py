"""Standstills: whatever was lost in one lies within a gap that the manager told."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from harness.manager import FeedGap, Gap
from harness.nemesis import Fault
from harness.verdict import Outcome
from tests import planted_bugs as bugs
from tests.manager.story import Story

STANDSTILLS = {
    "suspended, and the server gives it up": [Fault("suspend", after_s=3, for_s=90)],
    "blocked, and the server gives it up": [Fault("block", after_s=3, for_s=90)],
    **{
        f"suspended, and then {name}": [
            Fault("suspend", after_s=3, for_s=90),
            Fault(name, after_s=13),
        ]
        for name in ("rst", "fin", "close", "dead_flow")
    },
    "too short to be noticed": [Fault("block", after_s=3.1, for_s=1.8), Fault("fin", after_s=3.8)],
}
GAPS: dict[str, tuple[str, type[Gap | FeedGap]]] = {
    "broadcast": ("received", Gap),
    "insert": ("changed", FeedGap),
}


def untold(story: Story, sent: str) -> tuple[int, list[float]]:
    """How many were lost, and when those were sent that no gap covers."""
    heard, kind = GAPS[sent]
    lost = story.lost(sent, heard)
    gaps: Sequence[Gap | FeedGap] = story.told(kind)
    return len(lost), [s for s in lost if not any(gap.from_s <= s <= gap.to_s for gap in gaps)]


@pytest.mark.parametrize("name", STANDSTILLS)
def test_whatever_was_lost_in_a_standstill_lies_within_a_gap(name: str) -> None:
    story = Story(STANDSTILLS[name])
    assert story.judgement.outcome is Outcome.VALID, story.judgement.reason
    for sent in GAPS:
        lost, outside = untold(story, sent)
        assert lost, f"no {sent} was lost: the story shows nothing"
        assert outside == []


@pytest.mark.parametrize("name", list(STANDSTILLS)[:6])
def test_the_stories_find_who_does_not_notice_a_standstill(name: str) -> None:
    """Frames that lay in the kernel's buffer make it believe that all was well until now."""
    story = Story(STANDSTILLS[name], bugs.with_core(bugs.SleepsThrough))
    assert any(untold(story, sent)[1] for sent in GAPS)
