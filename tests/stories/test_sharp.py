"""The comparison is sharp: what was recorded is its own story, and any change of it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.stories.compare import compare, probe_margin_s, same_but_for_brief
from tests.stories.script import SCRIPTS, read_scripts
from tests.stories.story import TEARDOWN_S, Held, collapsed, told
from tests.stories.transcript import Line, Transcript, read

RECORDED = Path(__file__).parent.parent / "golden" / "clients_under_faults"
SCRIPTS_OF = read_scripts(RECORDED / SCRIPTS)

Change = Callable[[Transcript], Transcript]


def differences(name: str, change: Change) -> list[str]:
    """What is told when a recording is changed."""
    transcript, script = read(RECORDED / f"{name}.jsonl"), SCRIPTS_OF[name]
    changed = change(transcript)
    assert changed != transcript, f"{name}: the change has nothing to change"
    return [str(each) for each in compare(told(transcript, script), told(changed, script))]


def lines_changed(change: Callable[[Line], Line | None]) -> Change:
    """Each line as the function makes it; None leaves it out."""

    def changed(transcript: Transcript) -> Transcript:
        made = (change(line) for line in transcript.lines)
        return replace(transcript, lines=tuple(line for line in made if line is not None))

    return changed


def summary_changed(*path: str, by: Callable[[Any], Any]) -> Change:
    """One value of the summary as the function makes it."""

    def changed(value: Any, path: tuple[str, ...]) -> Any:
        return {**value, path[0]: changed(value[path[0]], path[1:])} if path else by(value)

    return lambda transcript: replace(transcript, summary=changed(transcript.summary, path))


@pytest.mark.parametrize("name", SCRIPTS_OF)
def test_a_recording_is_its_own_story(name: str) -> None:
    story = told(read(RECORDED / f"{name}.jsonl"), SCRIPTS_OF[name])
    assert compare(story, story) == []


@pytest.mark.parametrize("name", SCRIPTS_OF)
def test_a_changed_status_is_told(name: str) -> None:
    seen: list[str] = []

    def change(line: Line) -> Line:
        if line.what == "status" and not seen:
            seen.append(line.data["id"])
            return replace(line, data={**line.data, "status": "TIMED_OUT"})
        return line

    found = differences(name, lines_changed(change))
    assert len(found) == 1
    assert f"statuses of channel {seen[0]}" in found[0]
    assert "TIMED_OUT" in found[0]


@pytest.mark.parametrize("name", SCRIPTS_OF)
def test_a_missing_last_status_is_told(name: str) -> None:
    """A client that stays away says nothing."""
    transcript = read(RECORDED / f"{name}.jsonl")
    close_s = next(transcript.of("app", "close")).t - TEARDOWN_S
    last = [line for line in transcript.of("client", "status") if line.t <= close_s][-1]
    found = differences(name, lines_changed(lambda line: None if line == last else line))
    assert any("statuses of channel" in each for each in found)


@pytest.mark.parametrize("name", SCRIPTS_OF)
def test_a_lasting_state_that_is_missing_is_told(name: str) -> None:
    def change(line: Line) -> Line | None:
        return None if line.what == "socket_state" else line

    (found,) = differences(name, lines_changed(change))
    assert "states of the socket" in found


HEALED = [name for name, script in SCRIPTS_OF.items() if script.healed_s is not None]
RECOVERED = [
    name
    for name in HEALED
    if read(RECORDED / f"{name}.jsonl").summary.get("heal_to_first_probe_s") is not None
]
DEAD = [name for name in HEALED if name not in RECOVERED]


@pytest.mark.parametrize("name", RECOVERED)
def test_a_dropped_probe_is_told(name: str) -> None:
    (found,) = differences(name, summary_changed("heal_to_first_probe_s", by=lambda _: None))
    assert "from the heal to the first probe" in found
    assert "seen never" in found
    probe = "final_probe_received_by_client"
    (found,) = differences(name, summary_changed(probe, by=lambda got: not got))
    assert f"in the end, {probe}" in found


@pytest.mark.parametrize("name", RECOVERED)
def test_a_recovery_beyond_the_tolerance_is_told(name: str) -> None:
    story = told(read(RECORDED / f"{name}.jsonl"), SCRIPTS_OF[name])
    margin_s = probe_margin_s(story, story)
    assert shifted(name, margin_s + 0.1)
    assert shifted(name, -margin_s - 0.1)
    assert not shifted(name, margin_s - 0.1)


def shifted(name: str, by_s: float) -> list[str]:
    """What is told when the client recovers so much later."""
    return differences(name, summary_changed("heal_to_first_probe_s", by=lambda at_s: at_s + by_s))


def test_most_recoveries_have_to_be_within_a_second() -> None:
    """The larger margin is for cases where an attempt and the heal fell together."""
    stories = {name: told(read(RECORDED / f"{name}.jsonl"), SCRIPTS_OF[name]) for name in RECOVERED}
    margins_s = {name: probe_margin_s(story, story) for name, story in stories.items()}
    assert [name for name, margin_s in margins_s.items() if margin_s > 1.0] == [
        "js.limit_data_3000",
        "py.blackhole_down_45s",
        "py.reset_peer_3s",
    ]


@pytest.mark.parametrize("name", DEAD)
def test_a_client_that_recovers_after_all_is_told(name: str) -> None:
    (found,) = differences(
        name,
        lambda transcript: replace(
            transcript, summary={**transcript.summary, "heal_to_first_probe_s": 0.1}
        ),
    )
    assert "from the heal to the first probe: recorded never; seen 0.10 s" in found


@pytest.mark.parametrize("name", SCRIPTS_OF)
@pytest.mark.parametrize("count", ["joins_sent", "joins_sent_all_topics"])
def test_an_added_join_is_told(name: str, count: str) -> None:
    by = 2 if "limit_data" in name else 1
    (found,) = differences(name, summary_changed(count, by=lambda joins: joins + by))
    assert "joins of" in found


@pytest.mark.parametrize("name", SCRIPTS_OF)
@pytest.mark.parametrize("count", ["upgrade_requests", "101"])
def test_an_added_connect_is_told(name: str, count: str) -> None:
    by = 2 if "limit_data" in name else 1
    (found,) = differences(name, summary_changed("ws_connects", count, by=lambda got: got + by))
    assert "at the server" in found or "WebSockets opened" in found


@pytest.mark.parametrize("name", RECOVERED)
def test_losses_beyond_the_tolerance_are_told(name: str) -> None:
    if read(RECORDED / f"{name}.jsonl").summary["broadcasts"].get("lost") is None:
        pytest.skip("its judged channel received nothing, so nothing can be lost")
    (found,) = differences(name, summary_changed("broadcasts", "lost", by=lambda lost: lost + 7))
    assert "broadcasts lost" in found
    assert not differences(name, summary_changed("broadcasts", "lost", by=lambda lost: lost + 6))
    (found,) = differences(name, summary_changed("broadcasts", "duplicated", by=lambda _: 1))
    assert found == "broadcasts duplicated: recorded 0; seen 1 (tolerance: none)"


@pytest.mark.parametrize("name", SCRIPTS_OF)
def test_another_final_state_is_told(name: str) -> None:
    for final in ("joined_according_to_client", "joined_on_server_by_probe"):
        (found,) = differences(name, summary_changed(final, by=lambda value: not value))
        assert f"in the end, {final}" in found


def test_another_answer_to_a_call_is_told() -> None:
    def change(line: Line) -> Line:
        if line.what == "result:send":
            return replace(line, data={**line.data, "value": "timeout"})
        return line

    assert differences("py.healthy", lines_changed(change)) == [
        "the app's calls, send m: recorded ok ok; seen ok timeout"
    ]


def test_a_process_that_dies_is_told() -> None:
    def change(line: Line) -> Line:
        if line.what == "process ended":
            return replace(line, t=5.0, data={"rc": 1})
        return line

    assert differences("js.healthy", lines_changed(change)) == [
        "the client's process ended: recorded exit code 0, after close; seen exit code 1, "
        "before close"
    ]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ([("a", 9), ("b", 9)], [("a", 9), ("b", 9)], True),
        ([("a", 9), ("x", 0.1), ("b", 9)], [("a", 9), ("b", 9)], True),
        ([("a", 9), ("b", 9)], [("x", 0.1), ("a", 9), ("b", 9), ("y", 0.1)], True),
        ([("a", 9), ("x", 0.1), ("b", 9)], [("a", 9), ("x", 5), ("b", 9)], True),
        ([("a", 9), ("b", 9)], [("a", 9), ("x", 5), ("b", 9)], False),
        ([("a", 9), ("b", 9)], [("a", 9)], False),
        ([("a", 9)], [("b", 9)], False),
        ([("a", 9), ("b", 9)], [("b", 9), ("a", 9)], False),
        ([("a", 5), ("x", 0.1), ("a", 4)], [("a", 9)], True),
        ([("a", 5), ("x", 1.0), ("a", 4)], [("a", 9)], False),
        ([], [("a", 0.1)], True),
        ([], [("a", 0.6)], False),
    ],
)
def test_only_brief_states_may_be_missing(
    first: list[tuple[str, float]], second: list[tuple[str, float]], same: bool
) -> None:
    courses = [tuple(Held(*held) for held in course) for course in (first, second)]
    assert same_but_for_brief(courses[0], courses[1]) is same
    assert same_but_for_brief(courses[1], courses[0]) is same


def test_repeats_are_taken_once() -> None:
    assert collapsed(("S", "E", "S", "E", "S")) == ("S", "E", "S")
    assert collapsed(("S", "E", "S", "C")) == ("S", "E", "S", "C")
    assert collapsed(tuple("abcdabcdabcdx")) == tuple("abcdx")
    assert collapsed(()) == ()
