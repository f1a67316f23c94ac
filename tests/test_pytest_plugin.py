"""The plugin as its users meet it: a suite of their own, run by pytest in a process of its own."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.nemesis import Fault
from harness.nemesis.schedules import dumps, loads
from harness.store import Cell, Store
from harness.toxiproxy import EmbeddedToxiproxy, Toxiproxy
from harness.verdict import Outcome
from tests.toxiproxy.servers import required_real_toxiproxy

CONFTEST = """
from fake_server import FakeServer

def pytest_squall_make_server(on_truth, clock, rng):
    return FakeServer(on_truth=on_truth, clock=clock, rng=rng)
"""

STORY = """
from harness.nemesis import Fault
from harness.scenario import Scenario

def test_story(run):
    run(Scenario(faults=[{fault}]{more}))
"""

RESET = 'Fault("rst", after_s=2)'


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_reset.py").write_text(STORY.format(fault=RESET, more=""))
    return tmp_path


def storm(suite: Path, *options: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options],
        cwd=suite,
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, **(env or {})},
    )
    return done.returncode, done.stdout + done.stderr


def test_a_suite_of_ones_own_needs_a_conftest_and_a_story(suite: Path) -> None:
    code, out = storm(suite, "--world", "sim", "--report", "run", "-v")
    assert code == 0, out
    assert "test_story[manager-sim-1] VALID" in out
    (result,) = Store(suite / "run").results()
    assert result.outcome is Outcome.VALID
    assert result.cell.scenario == "reset"


def test_a_failure_prints_the_evidence_and_the_line_that_replays_it(suite: Path) -> None:
    (suite / "test_mute_live.py").write_text(
        STORY.format(fault='Fault("mute_live", after_s=2)', more="")
    )
    code, out = storm(suite, "test_mute_live.py", "--client", "realtime_py", "--world", "sim")
    assert code == 1, out
    assert "invalid: " in out
    replay = "pytest 'test_mute_live.py::test_story' --client realtime_py --world sim --seed 1"
    assert replay in out


def test_a_client_that_is_only_compared_never_fails_the_suite(suite: Path) -> None:
    (suite / "test_reset.py").write_text(
        STORY.format(fault='Fault("mute_live", after_s=2)', more="")
    )
    options = ["--compare", "realtime_py", "--world", "sim", "--report", "run", "-v"]
    code, out = storm(suite, *options)
    assert code == 0, out
    assert "[realtime_py-sim-1] INVALID" in out
    outcomes = {one.cell.client: one.outcome for one in Store(suite / "run").results()}
    assert outcomes == {"manager": Outcome.VALID, "realtime_py": Outcome.INVALID}
    gates = {client.name: client.gates for client in Store(suite / "run").read_run().clients}
    assert gates == {"manager": True, "realtime_py": False}


def test_a_client_that_crashes_is_unknown_and_the_suite_goes_on(suite: Path) -> None:
    (suite / "mine.py").write_text(
        "class Mine:\n"
        "    def __init__(self, rng): pass\n"
        "    def on_event(self, listener): pass\n"
        "    async def open(self, url, name): raise RuntimeError('boom ' + url)\n"
        "    async def invoke(self, op): raise RuntimeError('boom')\n"
        "    async def close(self): raise RuntimeError('boom')\n"
    )
    options = ["--client", "mine:Mine", "--world", "sim", "--report", "run"]
    code, out = storm(suite, *options, env={"PYTHONPATH": str(suite)})
    assert code == 1, out
    assert "unknown: steady_state: the run began unhealthy: client-0 failed to open" in out
    (result,) = Store(suite / "run").results()
    assert result.outcome is Outcome.UNKNOWN
    history = (suite / "run" / result.cell.path / "history.jsonl").read_text()
    assert "RuntimeError: boom" in history
    assert "eyJ" not in history, "an API key reached the history"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--client", "nobody"], "unknown client 'nobody'; known: manager, realtime_py"),
        (["--world", "mars"], "unknown world 'mars'; known: sim, wire"),
        (["--seed", "red"], "seed 'red' is neither"),
        (["--schedule", "none.json"], "--schedule 'none.json' cannot be read"),
        (["--schedule", "conftest.py"], "--schedule: conftest.py: not JSON"),
        (["--toxiproxy", "nowhere"], "'nowhere' is not HOST:PORT"),
        (["--squall-toxiproxy", "/no/such"], "/no/such: there is no such file"),
    ],
)
def test_a_bad_option_is_a_usage_error_in_one_line(
    suite: Path, options: list[str], complaint: str
) -> None:
    code, out = storm(suite, *options)
    assert code == pytest.ExitCode.USAGE_ERROR
    assert complaint in out
    assert "Traceback" not in out


def test_an_unknown_fault_names_the_known_ones(suite: Path) -> None:
    (suite / "test_reset.py").write_text(STORY.format(fault='Fault("quake", after_s=1)', more=""))
    code, out = storm(suite, "--world", "sim")
    assert code == 1
    assert "unknown fault 'quake'; known: " in out
    assert "Traceback" not in out
    assert "fault.py" not in out


def test_two_stories_of_one_name_are_refused(suite: Path) -> None:
    (suite / "test_reset.py").write_text(
        STORY.format(fault=RESET, more="") + "\ndef test_other(run): pass\n"
    )
    code, out = storm(suite, "--world", "sim")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "two storms are both named 'reset'" in out


def test_a_suite_without_a_server_says_how_to_give_one(suite: Path) -> None:
    (suite / "conftest.py").write_text("")
    code, out = storm(suite, "--world", "sim")
    assert code == 1
    assert "implement pytest_squall_make_server" in out


def test_an_unreachable_toxiproxy_is_unknown_not_valid(suite: Path) -> None:
    options = ["--world", "wire", "--toxiproxy", "127.0.0.1:1", "--report", "run"]
    code, out = storm(suite, *options)
    assert code == 1, out
    assert "no Toxiproxy answers at 127.0.0.1:1" in out
    assert [one.outcome for one in Store(suite / "run").results()] == [Outcome.UNKNOWN]


def test_the_run_says_behind_which_toxiproxy_it_was(suite: Path) -> None:
    code, out = storm(suite, "--world", "sim,wire", "--report", "run")
    assert code == 0, out
    assert Store(suite / "run").read_run().versions["toxiproxy"] == "embedded 2.12.0"
    header = Store(suite / "run").read_history(_wire_cell(suite)).header
    assert header.versions["toxiproxy"] == "embedded 2.12.0"


def test_a_run_in_virtual_time_starts_no_toxiproxy(suite: Path) -> None:
    assert storm(suite, "--world", "sim", "--report", "run")[0] == 0
    assert "toxiproxy" not in Store(suite / "run").read_run().versions


def test_a_real_toxiproxy_is_started_and_recorded(suite: Path) -> None:
    path = required_real_toxiproxy()
    code, out = storm(
        suite, "--world", "wire", "--squall-toxiproxy", str(path), "--report", "run", "-v"
    )
    assert code == 0, out
    said = Store(suite / "run").read_run().versions["toxiproxy"]
    assert said.startswith("real 2.")
    (result,) = Store(suite / "run").results()
    assert f"--toxiproxy {path}" in result.replay


@pytest.mark.parametrize("name", ["toxiproxy-server", "server"])
def test_auto_takes_what_is_on_path(suite: Path, name: str) -> None:
    """Here it is the embedded one that stands on PATH, as a program of anybody's."""
    folder = suite / "bin"
    folder.mkdir()
    program = folder / name
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m harness.toxiproxy "$@"\n')
    program.chmod(0o755)
    options = ["--world", "wire", "--toxiproxy", "auto", "--report", "run", "-v"]
    code, out = storm(suite, *options, env={"PATH": f"{folder}{os.pathsep}{os.defpath}"})
    assert code == 0, out
    assert Store(suite / "run").read_run().versions["toxiproxy"] == f"real 2.12.0 ({name})"
    (result,) = Store(suite / "run").results()
    assert f"--toxiproxy {program}" in result.replay


def test_auto_without_one_is_a_usage_error_with_the_mend(suite: Path) -> None:
    program = suite / "server"
    program.write_text("#!/bin/sh\necho my web server\n")
    program.chmod(0o755)
    code, out = storm(
        suite, "--toxiproxy", "auto", env={"PATH": f"{suite}{os.pathsep}{os.defpath}"}
    )
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "no toxiproxy-server or server on PATH is a Toxiproxy" in out
    assert "says 'my web server'" in out
    assert "leave --toxiproxy out to use the embedded one" in out
    assert "Traceback" not in out


def test_the_proxies_of_others_in_a_running_toxiproxy_are_left_alone(suite: Path) -> None:
    with EmbeddedToxiproxy() as child:
        toxiproxy = Toxiproxy(child.host, child.port)
        toxiproxy.create("theirs", "127.0.0.1:9").add_toxic("latency", attributes={"latency": 5})
        toxiproxy.create("off", "127.0.0.1:9", enabled=False)
        address = f"{child.host}:{child.port}"
        code, out = storm(
            suite, "--world", "wire", "--report", "run", env={"SQUALL_TOXIPROXY": address}
        )
        assert code == 0, out
        left = toxiproxy.proxies()
        assert sorted(left) == ["off", "theirs"], "our own were not removed"
        assert not left["off"].enabled
        assert left["theirs"].enabled
        assert list(left["theirs"].toxics()) == ["latency_downstream"]
    assert Store(suite / "run").read_run().versions["toxiproxy"] == f"2.12.0 at {address}"


def test_a_report_that_cannot_be_written_is_refused_before_any_storm(suite: Path) -> None:
    (suite / "taken").write_text("a file")
    code, out = storm(suite, "--world", "sim", "--report", "taken/run")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "--report 'taken/run' cannot be written: Not a directory; name a folder" in out
    assert "Traceback" not in out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_an_interrupted_run_keeps_what_it_had(suite: Path, number: signal.Signals) -> None:
    """The storms that had ended keep their verdicts, the rest is unknown, no child is left."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--report", "run"],
        cwd=suite,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    history = suite / "run/reset/manager/wire/1/history.jsonl"
    deadline = time.monotonic() + 60
    while not history.exists():
        assert time.monotonic() < deadline, "the wire storm never began"
        time.sleep(0.05)
    time.sleep(1.5)
    process.send_signal(number)
    out, _ = process.communicate(timeout=40)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, out
    outcomes = {one.cell.world: one.outcome for one in Store(suite / "run").results()}
    assert outcomes == {"sim": Outcome.VALID, "wire": Outcome.UNKNOWN}
    assert Store(suite / "run").read_history(_wire_cell(suite)).ops, "nothing was recorded"
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_an_interrupt_does_not_wait_for_a_client_that_will_not_end(suite: Path) -> None:
    """The bare client spends ten seconds on closing a dead connection."""
    (suite / "test_dead_flow.py").write_text(
        STORY.format(fault='Fault("dead_flow", after_s=1)', more="")
    )
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_dead_flow.py"),
            *("--client", "realtime_py", "--world", "wire", "--report", "run"),
        ],
        cwd=suite,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    history = suite / "run/dead_flow/realtime_py/wire/1/history.jsonl"
    deadline = time.monotonic() + 60
    while "dead_flow" not in (history.read_text() if history.exists() else "").partition("\n")[2]:
        assert time.monotonic() < deadline, "the fault never struck"
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=45)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, out


def test_a_client_that_blocks_the_loop_makes_no_other_invalid(suite: Path) -> None:
    """The clock of a loop that stood still is no evidence against anybody."""
    (suite / "blocking.py").write_text(
        "import time\n"
        "from harness.clients.manager import Manager\n"
        "class Blocks(Manager):\n"
        "    async def invoke(self, op):\n"
        "        if op.f == 'broadcast' and op.value['id'] == 2: time.sleep(4)\n"
        "        return await super().invoke(op)\n"
    )
    options = ["--client", "blocking:Blocks", "--compare", "manager", "--world", "wire"]
    code, out = storm(suite, *options, "--report", "run", env={"PYTHONPATH": str(suite)})
    assert code == 1, out
    assert "the real loop stood still for" in out
    assert {one.outcome for one in Store(suite / "run").results()} == {Outcome.UNKNOWN}


def test_yesterdays_verdict_does_not_open_todays_gate(suite: Path) -> None:
    options = ["--world", "sim", "--report", "run"]
    assert storm(suite, *options)[0] == 0
    (suite / "test_reset.py").write_text(STORY.format(fault='Fault("quake", after_s=1)', more=""))
    assert storm(suite, *options)[0] == 1
    assert [one.outcome for one in Store(suite / "run").results()] == [Outcome.UNKNOWN]


def test_a_folder_that_is_no_run_is_not_written_into(suite: Path) -> None:
    (suite / "mine").mkdir()
    (suite / "mine" / "thesis.txt").write_text("five years of work")
    code, out = storm(suite, "--world", "sim", "--report", "mine")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "holds files, but no run" in out
    assert [path.name for path in (suite / "mine").iterdir()] == ["thesis.txt"]


def _wire_cell(suite: Path) -> Cell:
    return next(one.cell for one in Store(suite / "run").results() if one.cell.world == "wire")


def test_a_story_that_does_not_even_import_is_an_ordinary_error(suite: Path) -> None:
    (suite / "test_reset.py").write_text("import no_such_module")
    code, out = storm(suite, "--world", "sim")
    assert code == pytest.ExitCode.INTERRUPTED
    assert "INTERNALERROR" not in out
    assert "No module named 'no_such_module'" in out


SWARM = """
from harness.nemesis.schedules import choice, swarm
from harness.scenario import storm_then_heal

MENU = (choice("close"), choice("mute_live"), choice("restart", for_s=(2, 10)))

def test_story(run):
    faults = swarm(run.rng("faults"), MENU, storm_s=120)
    run(storm_then_heal(faults, storm_s=120, liveness_within_s=60))
"""


def test_a_drawn_schedule_is_kept_and_replayed_from_its_file(suite: Path) -> None:
    (suite / "test_swarm.py").write_text(SWARM)
    options = ["test_swarm.py", "--world", "sim"]
    assert storm(suite, *options, "--seed", "5", "--report", "run")[0] == 0
    kept = suite / "run" / "swarm" / "manager" / "sim" / "5" / "schedule.json"
    replayed = ["--seed", "6", "--schedule", str(kept), "--report", "again"]
    assert storm(suite, *options, *replayed)[0] == 0
    again = suite / "again" / "swarm" / "manager" / "sim" / "6" / "schedule.json"
    assert again.read_text() == kept.read_text()
    assert len(loads(kept.read_text())) > 2


def test_a_schedule_that_breaks_a_client_is_shrunk_to_what_matters(suite: Path) -> None:
    """realtime-py never hears that a connection is mute; the other faults are beside the point."""
    (suite / "mine.json").write_text(
        dumps(
            [
                Fault("close", after_s=3),
                Fault("restart", after_s=10, for_s=5),
                Fault("mute_live", after_s=40),
            ]
        )
    )
    options = ["test_reset.py", "--world", "sim", "--client", "realtime_py", "--report", "run"]
    code, out = storm(suite, *options, "--schedule", "mine.json", "--shrink")
    assert code == 1, out
    assert "broken by Fault('mute_live', after_s=" in out
    kept = suite / "run" / "reset" / "realtime_py" / "sim" / "1" / "schedule.json"
    assert [fault.name for fault in loads(kept.read_text())] == ["mute_live"]
    # The failure shows the schedule as code that can be pasted into a story.
    assert "faults:  [\n" in out.replace("E   ", "")


def _replay_line(out: str) -> str:
    """It may be shown in several places, and is the same in all."""
    lines = [one.partition("replay:")[2].strip() for one in out.splitlines() if "replay:" in one]
    (line,) = dict.fromkeys(lines)
    return line


def _repeated(suite: Path, line: str, *more: str) -> str:
    """What running a replay line shows; the faults that broke the client are in it."""
    program, *options = shlex.split(line)
    assert program == "pytest"
    code, out = storm(suite, *options, *more)
    assert code == 1, out
    return out


def _broken_by(out: str) -> str:
    """The reason and the faults that a failure shows, up to its replay line."""
    begin = out.index("invalid: ")
    return out[begin : out.index("replay:", begin)]


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "not kept"])
def test_the_replay_line_of_a_shrunk_storm_shows_the_same_verdict(suite: Path, kept: bool) -> None:
    """Shrinking moves the fault from 40 s to a moment that the story does not know."""
    (suite / "test_reset.py").write_text(
        STORY.format(fault='Fault("mute_live", after_s=40)', more="")
    )
    options = ["test_reset.py", "--client", "realtime_py", "--world", "sim", "--shrink"]
    code, out = storm(suite, *options, *(["--report", "my run"] if kept else []))
    assert code == 1, out
    line = _replay_line(out)
    again = _repeated(suite, line)
    assert "after_s=40" not in _broken_by(out)
    if not kept:
        assert line.endswith("--seed 1 --shrink")
        assert _broken_by(again) == _broken_by(out)
        return
    assert line.endswith("--schedule 'my run/reset/realtime_py/sim/1/schedule.json'")
    (result,) = Store(suite / "my run").results()
    assert result.replay == line, "the report shows another line than the terminal"
    assert _broken_by(again).partition("faults:")[2] == _broken_by(out).partition("faults:")[2]


def test_the_replay_line_names_the_schedule_that_was_given(suite: Path) -> None:
    """The story's own fault breaks nobody."""
    (suite / "mine.json").write_text(dumps([Fault("mute_live", after_s=3)]))
    options = ["test_reset.py", "--client", "realtime_py", "--world", "sim"]
    code, out = storm(suite, *options, "--schedule", "mine.json")
    assert code == 1, out
    assert _replay_line(out).endswith("--seed 1 --schedule mine.json")
    code, out = storm(suite, *options, "--schedule", "mine.json", "--report", "run")
    (suite / "mine.json").unlink()
    line = _replay_line(out)
    assert line.endswith("--schedule run/reset/realtime_py/sim/1/schedule.json")
    assert _broken_by(_repeated(suite, line)) == _broken_by(out)
