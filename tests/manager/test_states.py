"""The tables: every state can be left, every bug is loud, and the drawing shows what they say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.manager.states import (
    CHANNEL_TRANSITIONS,
    FEED_TRANSITIONS,
    TRANSITIONS,
    ChannelState,
    FeedState,
    State,
    step,
)

DRAWING = Path(__file__).parent.parent.parent / "docs" / "manager-states.md"


def mermaid(start: Any, table: Mapping[Any, Mapping[str, Any]]) -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {start.value}"]
    for before, row in table.items():
        lines += [f"    {before.value} --> {after.value}: {event}" for event, after in row.items()]
        if not row:
            lines.append(f"    {before.value} --> [*]")
    return "\n".join(lines)


def reachable(start: Any, table: Mapping[Any, Mapping[str, Any]]) -> Iterator[Any]:
    found, edge = {start: None}, [start]
    while edge:
        edge = [after for state in edge for after in table[state].values() if after not in found]
        found.update(dict.fromkeys(edge))
    yield from found


@pytest.mark.parametrize(
    ("states", "table"),
    [
        (State, TRANSITIONS),
        (ChannelState, CHANNEL_TRANSITIONS),
        (FeedState, FEED_TRANSITIONS),
    ],
)
def test_every_state_is_in_the_table_and_can_be_reached(
    states: Iterable[Any], table: Mapping[Any, Mapping[str, Any]]
) -> None:
    assert list(table) == list(states)
    assert sorted(reachable(next(iter(states)), table), key=str) == sorted(table, key=str)


def test_every_state_of_the_connection_can_be_stopped() -> None:
    assert all("stop" in row for state, row in TRANSITIONS.items() if state is not State.STOPPED)


def test_every_state_of_a_channel_survives_the_loss_of_its_link() -> None:
    for state in (ChannelState.JOINING, ChannelState.JOINED, ChannelState.LEAVING):
        assert "link lost" in CHANNEL_TRANSITIONS[state]


def test_an_impossible_pair_is_a_loud_bug() -> None:
    with pytest.raises(AssertionError, match="'opened' cannot happen while stopped"):
        step(TRANSITIONS, State.STOPPED, "opened")
    with pytest.raises(AssertionError, match="'join' cannot happen while gone"):
        step(CHANNEL_TRANSITIONS, ChannelState.GONE, "join")


def test_the_drawing_shows_the_tables() -> None:
    text = DRAWING.read_text(encoding="utf-8")
    drawings = [
        mermaid(State.STOPPED, TRANSITIONS),
        mermaid(ChannelState.WAITING, CHANNEL_TRANSITIONS),
        mermaid(FeedState.OFF, FEED_TRANSITIONS),
    ]
    for drawing in drawings:
        assert f"```mermaid\n{drawing}\n```" in text, (
            f"docs/manager-states.md must hold:\n{drawing}"
        )
