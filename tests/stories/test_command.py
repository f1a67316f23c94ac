"""The command: what it reads, what it refuses, what it prints, and how it exits."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.toxiproxy import Toxiproxy
from tests.stories import command, play_all
from tests.stories.command import conclusion, exit_code, main, needs_javascript, read_cases
from tests.stories.compare import Difference
from tests.stories.play_all import Case, PlayAll, Result, Verdict
from tests.stories.player import StepFailed
from tests.stories.script import SCRIPTS, BadScript
from tests.stories.transcript import BadRecording, Line, Transcript
from tests.usage import USAGE

RECORDED = Path(__file__).parent.parent / "golden" / "clients_under_faults"


def recorded(tmp_path: Path, name: str, **step: Any) -> Path:
    """A directory with one case, to which a step may be added."""
    scripts = json.loads((RECORDED / SCRIPTS).read_text())
    if step:
        scripts[name]["steps"].insert(1, {"at_s": 1.0, **step})
    (tmp_path / SCRIPTS).write_text(json.dumps({name: scripts[name]}))
    shutil.copy(RECORDED / f"{name}.jsonl", tmp_path)
    return tmp_path


class Stage:
    """Players that see what a test says, one transcript after the other for each case."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **seen: Sequence[Transcript | Exception]):
        self.seen = {case: list(all_seen) for case, all_seen in seen.items()}
        self.order: list[str] = []
        monkeypatch.setattr(play_all, "Player", lambda script, *_: self._player(script.case))

    def _player(self, case: str) -> Any:
        stage = self

        class Player:
            async def play(self) -> Transcript:
                stage.order.append(case)
                await asyncio.sleep(0)
                found = stage.seen[case].pop(0)
                if isinstance(found, Exception):
                    raise found
                return found

        return Player()


def played(cases: list[Case], jobs: int = 9) -> tuple[list[Result], list[str]]:
    """The results, and what was printed meanwhile."""
    lines: list[str] = []
    playing = PlayAll(Toxiproxy("127.0.0.1", 1), jobs, lines.append, None)
    return asyncio.run(playing.play(cases)), lines


def cases_of(*names: str) -> list[Case]:
    return read_cases(RECORDED, names)


def other(transcript: Transcript, *more: Line) -> Transcript:
    """A transcript of another story."""
    kept = tuple(line for line in transcript.lines if line.what != "status")
    return Transcript((*kept, *more), transcript.summary)


def test_all_given_cases_are_read_by_their_scripts() -> None:
    assert len(cases_of()) == 46
    assert len(cases_of("js.*")) == 23
    assert [case.script.name for case in cases_of("py.healthy", "*.slicer")] == [
        "js.slicer",
        "py.healthy",
        "py.slicer",
    ]


def test_a_case_that_does_not_exist_is_named() -> None:
    with pytest.raises(BadScript, match=r"has no case called py\.nothing or go\.\*"):
        cases_of("py.nothing", "go.*")


def test_a_script_without_its_recording_is_named(tmp_path: Path) -> None:
    recorded(tmp_path, "py.healthy")
    (tmp_path / "py.healthy.jsonl").unlink()
    with pytest.raises(BadRecording, match=r"py\.healthy\.jsonl: cannot be read"):
        read_cases(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no summary"),
        ("{}\n", "py.healthy.jsonl:1: is no line of a recording"),
        ('{"t": 1}\nx', "py.healthy.jsonl:1: is no line of a recording"),
    ],
)
def test_a_recording_that_cannot_be_read_is_named(tmp_path: Path, text: str, words: str) -> None:
    (recorded(tmp_path, "py.healthy") / "py.healthy.jsonl").write_text(text)
    with pytest.raises(BadRecording, match=words):
        read_cases(tmp_path)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (
            {"on": "server", "do": "tenant_set", "max_dragons": 1},
            "py.healthy: step at 1 s (server tenant_set): 'max_dragons' is no setting of a tenant",
        ),
        (
            {"on": "proxy", "do": "add_toxic", "type": "acid", "stream": "upstream"}
            | {"attributes": {}},
            "py.healthy: step at 1 s (proxy add_toxic): there is no toxic 'acid'",
        ),
        (
            {"on": "moon", "do": "rise"},
            "py.healthy: step 2 (moon rise): there is no such step; there are: client connect",
        ),
    ],
)
def test_a_step_that_cannot_be_played_ends_the_command_before_anything_is_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], step: dict[str, Any], words: str
) -> None:
    assert main([str(recorded(tmp_path, "py.healthy", **step))]) == USAGE
    said = capsys.readouterr()
    assert f"python -m tests.stories: {tmp_path / SCRIPTS}: {words}" in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--jobs", "0"], "'0' is no number of cases; 1 to 200"),
        (["--toxiproxy", "nowhere"], "--toxiproxy 'nowhere' is no server; write embedded, an"),
        (["--toxiproxy", "127.0.0.1:1"], "nothing answers there"),
        (["--case", "py.dragons"], "has no case called py.dragons"),
    ],
)
def test_a_command_that_makes_no_sense_says_why_and_exits_with_3(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    try:
        code = main([str(RECORDED), *arguments])
    except SystemExit as exited:
        code = int(str(exited.code))
    assert code == USAGE
    assert words in capsys.readouterr().err


def test_the_javascript_client_is_needed_by_its_cases_and_by_those_of_the_whole_server() -> None:
    needing = {case.script.name for case in cases_of() if needs_javascript(case.script)}
    assert {name for name in needing if name.startswith("py.")} == {
        "py.events_limit",
        "py.joins_limit",
        "py.server_sigterm",
        "py.tenant_reload",
    }
    assert len([name for name in needing if name.startswith("js.")]) == 23


def test_without_npm_the_command_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(command, "NODE", tmp_path / "node")
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert main([str(RECORDED), "--case", "js.healthy"]) == USAGE
    assert "there is no npm to install it" in capsys.readouterr().err


def test_each_case_is_told_as_it_ends_and_the_longest_begins_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cases = cases_of("py.healthy", "py.disabled_20s", "py.slicer")
    seen = {case.script.case: [case.recorded] for case in cases}
    stage = Stage(monkeypatch, **seen)
    results, lines = played(cases, jobs=1)
    assert stage.order == ["disabled_20s", "slicer", "healthy"]
    assert lines == [
        "[1/3] py.disabled_20s: the same story (0 s)",
        "[2/3] py.slicer: the same story (0 s)",
        "[3/3] py.healthy: the same story (0 s)",
    ]
    assert [result.name for result in results] == ["py.disabled_20s", "py.healthy", "py.slicer"]
    assert conclusion(results) == ["", "3 of 3 the same story"]
    assert exit_code(results) == 0


def test_a_storm_of_connects_is_played_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts what the machine can do, and would hold up the others."""
    (storm, healthy) = cases_of("py.disabled_20s", "py.healthy")
    many = {**storm.recorded.summary, "ws_connects": {"upgrade_requests": 649, "101": 649}}
    storm = Case(storm.script, Transcript(storm.recorded.lines, many))
    stage = Stage(monkeypatch, disabled_20s=[storm.recorded], healthy=[healthy.recorded])
    results, lines = played([storm, healthy])
    assert stage.order == ["healthy", "disabled_20s"]
    assert "1 alone, as fast as the client connects" in lines
    assert exit_code(results) == 0


def test_a_difference_is_told_in_words_and_exits_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = cases_of("py.healthy", "py.slicer")
    (healthy, slicer) = cases
    Stage(monkeypatch, healthy=[other(healthy.recorded)], slicer=[slicer.recorded])
    results, lines = played(cases)
    assert "[2/2] py.healthy: 1 difference (0 s)" in lines
    assert conclusion(results) == [
        "",
        "py.healthy: different",
        "  statuses of channel m: recorded SUBSCRIBED; seen none",
        "",
        "1 of 2 the same story",
    ]
    assert exit_code(results) == 1


def test_a_client_that_stood_still_is_unknown_and_played_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (case,) = cases_of("py.healthy")
    stalled = other(case.recorded, Line(9.0, "driver", "stalled", {"for_s": 1.5}))
    Stage(monkeypatch, healthy=[stalled, case.recorded])
    results, lines = played([case])
    assert lines == [
        "[1/1] py.healthy: unknown: the client stood still for 1.5 s (0 s)",
        "1 once more, 12 at a time",
        "[1/1] py.healthy: the same story (0 s)",
    ]
    assert exit_code(results) == 0


def test_what_stays_unknown_is_not_the_same_story(monkeypatch: pytest.MonkeyPatch) -> None:
    (case,) = cases_of("py.healthy")
    failure = StepFailed("step at 5 s (proxy disable): apikey=secret no answer")
    Stage(monkeypatch, healthy=[failure, failure, failure])
    results, _ = played([case])
    assert conclusion(results) == [
        "",
        "py.healthy: unknown: step at 5 s (proxy disable): apikey=[redacted] no answer",
        "",
        "0 of 1 the same story, 1 unknown",
    ]
    assert exit_code(results) == 2


def test_a_stall_that_changed_nothing_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    (case,) = cases_of("py.healthy")
    line = Line(9.0, "driver", "stalled", {"for_s": 1.5})
    stalled = Transcript((*case.recorded.lines, line), case.recorded.summary)
    Stage(monkeypatch, healthy=[stalled])
    assert played([case])[0][0].verdict is Verdict.SAME


def test_a_difference_outweighs_what_is_unknown() -> None:
    difference = Difference("joins", "1", "2")
    results = [
        Result(name="a", verdict=Verdict.UNKNOWN, took_s=1.0, reason="r"),
        Result(name="b", verdict=Verdict.DIFFERENT, took_s=1.0, differences=[difference]),
    ]
    assert exit_code(results) == 1


def test_what_was_seen_is_written_as_the_recordings_are(tmp_path: Path) -> None:
    (case,) = cases_of("js.callback_raises")
    case.recorded.write(tmp_path / "js.callback_raises.jsonl")
    shutil.copy(RECORDED / SCRIPTS, tmp_path)
    (again,) = read_cases(tmp_path, ["js.callback_raises"])
    assert again.recorded.lines == case.recorded.lines
    assert again.recorded.summary["joins_sent"] == case.recorded.summary["joins_sent"]
