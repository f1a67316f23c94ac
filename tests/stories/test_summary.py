"""The summary of what was played is made by the arithmetic of the recordings' own summaries."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.stories.publisher import Numbers, Publisher, Rest
from tests.stories.relay import Relay
from tests.stories.script import SCRIPTS, read_scripts
from tests.stories.story import TEARDOWN_S
from tests.stories.summary import judged, summarised
from tests.stories.timing import RACE_S, at_s, broadcast_phase_s
from tests.stories.transcript import Line, Transcript, read

RECORDED = Path(__file__).parent.parent / "golden" / "clients_under_faults"
SCRIPTS_OF = read_scripts(RECORDED / SCRIPTS)


def recorded(name: str) -> Transcript:
    return read(RECORDED / f"{name}.jsonl")


def again(name: str) -> Any:
    """The summary that we make of a recording's lines, with what its publisher accepted."""
    transcript, script = recorded(name), SCRIPTS_OF[name]
    relay = Relay(lambda *_: None, 1)
    for line in transcript.of("server", "frame c2s"):
        if line.data["event"] == "phx_join":
            relay.joins[line.data["topic"].removeprefix("realtime:")] += 1
    publisher = Publisher(Rest(1, "key"), lambda _: None, lambda: 0.0)
    period_s = script.broadcast_every_s or 0.2
    first_s = min(line.t - period_s * line.data["seq"] for line in numbered(transcript))
    topic = script.steps[1]["topic"]
    publisher.topics[topic] = Numbers(topic, False, 1)
    for number in range(1, 1000):
        publisher.topics[topic].accepted_s[number] = first_s + period_s * number
    (closed,) = transcript.of("app", "close")
    close = Line(closed.t - TEARDOWN_S, "app", "call:close", {})
    lines = sorted([*transcript.lines, close], key=lambda line: line.t)
    return summarised(script, lines, publisher, relay)


def numbered(transcript: Transcript) -> list[Line]:
    heard = transcript.of("client", "broadcast")
    return [line for line in heard if line.data["event"] == "n" and line.data["id"] == "m"]


@pytest.mark.parametrize(
    "name",
    [
        "js.blackhole_45s",
        "js.callback_raises",
        "js.disabled_20s",
        "js.healthy",
        "js.latency_12s_reset",
        "py.disabled_20s",
        "py.disabled_5s",
        "py.latency_2s",
        "py.reset_peer_3s",
    ],
)
def test_the_recordings_come_to_their_own_numbers(name: str) -> None:
    ours, theirs = again(name), recorded(name).summary
    for key in ("received", "lost", "duplicated", "out_of_order"):
        assert ours["broadcasts"][key] == pytest.approx(theirs["broadcasts"][key], abs=1), key
    for key in (
        "joined_according_to_client",
        "channel_state",
        "connected_according_to_client",
        "socket",
        "final_probe_received_by_client",
        "joins_sent",
        "joins_sent_all_topics",
    ):
        assert ours[key] == theirs[key], key
    expected = theirs.get("heal_to_first_probe_s")
    assert ours["heal_to_first_probe_s"] == (
        None if expected is None else pytest.approx(expected, abs=0.2)
    )


def test_a_case_without_the_channel_m_is_judged_by_the_last() -> None:
    assert judged(recorded("py.quick_resubscribe").lines) == "b"
    assert judged(recorded("py.jwt_expiry").lines) == "m"


def test_broadcasts_come_in_the_phase_of_the_recording() -> None:
    script, transcript = SCRIPTS_OF["py.disabled_5s"], recorded("py.disabled_5s")
    phase_s = broadcast_phase_s(script, transcript)
    heard = [line.t for line in numbered(transcript)][5:15]
    # The recorded publisher was late by up to 60 ms, and now and then more.
    late = [(at - phase_s + 0.001) % 0.2 for at in heard]
    assert 0 <= phase_s < 0.2
    assert sorted(late)[2] < 0.03
    assert sorted(late)[-3] < 0.1


def test_a_race_of_heal_and_attempt_keeps_its_winner() -> None:
    moved = Counter[str]()
    for name, script in SCRIPTS_OF.items():
        for step in script.steps:
            by_s = at_s(step, recorded(name)) - step.at_s
            assert by_s == 0 or abs(by_s) == pytest.approx(RACE_S)
            if by_s:
                moved[f"{name} {'later' if by_s > 0 else 'earlier'}"] += 1
    assert moved["py.reset_peer_3s earlier"] == moved["js.reset_peer_3s earlier"] == 1
    assert moved["py.disconnect_once later"] == 1
    assert sum(moved.values()) < 12
