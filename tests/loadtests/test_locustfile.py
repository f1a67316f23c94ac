"""Facts about the load test as a whole: the real command, on the fake server that it starts."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fake_server import FakeServer
from harness.store import Cell, Result, Store
from harness.verdict import Outcome

LOCUSTFILE = Path(__file__).parents[2] / "loadtests" / "locustfile.py"
LOCUST = (sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary")
ENDS_WITHIN_S = 90


def environment(**more: str) -> dict[str, str]:
    """This one's, without what would steer Locust or name a project."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    kept.pop("SUPABASE_ANON_KEY", None)
    return {**kept, **more}


def locust(folder: Path, *options: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (*LOCUST, *options),
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
    )


def two_processes() -> tuple[str, ...]:
    """Options for a master and two workers on a port that is free, for Locust cannot choose one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    return ("--processes", "2", "--master-bind-port", port, "--master-port", port)


def result_in(folder: Path) -> Result:
    (result,) = Store(folder).results()
    return result


def everything_in(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.rglob("*") if path.is_file())


def rows_of(path: Path) -> dict[tuple[str, str], dict[str, int]]:
    """Locust's statistics by type and name. (Its CSV files lack what comes in the last second.)"""
    rows = json.loads(path.with_suffix(".json").read_text())
    return {(row["method"], row["name"]): row for row in rows}


def test_ten_users_for_six_seconds_are_measured_reported_and_judged(tmp_path: Path) -> None:
    done = locust(
        tmp_path,
        "-u",
        "10",
        "-t",
        "6s",
        "--json-file",
        "stats",
        "--rt-report",
        "report",
        "--rt-seed",
        "7",
    )
    assert done.returncode == 0, done.stderr
    rows = rows_of(tmp_path / "stats")
    assert rows["WS", "connect"]["num_requests"] == 10
    assert rows["PHX", "join"]["num_requests"] == 10
    assert rows["PHX", "delivery"]["num_requests"] > 20
    assert rows["PHX", "delivery"]["num_failures"] == 0
    result = result_in(tmp_path / "report")
    assert result.cell == Cell("load_steady", "manager", "wire", 7)
    assert result.outcome == Outcome.VALID
    assert result.judgement
    slis = result.judgement.slis
    assert slis["users"].value == 10
    assert slis["sent"].value == slis["delivered"].value
    assert 0 < (slis["delivery_p99_s"].value or 0) < 5
    assert "--rt-seed 7" in result.replay


def test_two_processes_share_the_users_and_one_reports(tmp_path: Path) -> None:
    done = locust(
        tmp_path,
        "-u",
        "6",
        "-t",
        "5s",
        *two_processes(),
        "--json-file",
        "stats",
        "--rt-report",
        "r",
    )
    assert done.returncode == 0, done.stderr
    assert rows_of(tmp_path / "stats")["WS", "connect"]["num_requests"] == 6
    history = Store(tmp_path / "r").read_history(result_in(tmp_path / "r").cell)
    (measured,) = history.where("measured")
    assert measured.value["processes"] == 2
    assert measured.value["tally"]["counts"]["settled"] == 2
    assert measured.value["tally"]["counts"]["joined"] == 6


def test_a_server_that_is_not_there_is_nothing_measured_and_the_key_stays_secret(
    tmp_path: Path,
) -> None:
    """Exit code 2: neither a pass nor a failure of what would have been measured."""
    done = locust(
        tmp_path,
        *("-u", "2", "-t", "2s", "--host", "ws://127.0.0.1:1", "--rt-report", "r"),
        *("--html", "page.html", "--json-file", "stats"),
        SUPABASE_ANON_KEY="the-anonymous-s3cret",
    )
    assert done.returncode == 2, done.stderr
    result = result_in(tmp_path / "r")
    assert result.outcome == Outcome.UNKNOWN
    assert result.cell.world == "live"
    assert result.judgement
    assert "0 of 2 users joined" in result.judgement.reason
    assert "s3cret" not in done.stdout + done.stderr + everything_in(tmp_path)


@pytest.mark.asyncio
async def test_a_server_that_swallows_messages_is_found_out(tmp_path: Path) -> None:
    """Exit code 1, with the loss in the verdict, in the statistics, and in a row of its own."""
    joined = asyncio.Event()
    server = FakeServer(on_truth=lambda f, _: joined.set() if f == "join" else None)
    await server.start()
    async with asyncio.timeout(ENDS_WITHIN_S):
        process = await asyncio.create_subprocess_exec(
            *(*LOCUST, "-u", "1", "-t", "5s", "--host", server.url),
            *("--json-file", "stats", "--rt-report", "r"),
            cwd=tmp_path,
            env=environment(SUPABASE_ANON_KEY=server.apikey),
            stderr=asyncio.subprocess.DEVNULL,
        )
        await joined.wait()
        await asyncio.sleep(1.5)
        server.mute(True)
        assert await process.wait() == 1
    await server.stop()
    judgement = result_in(tmp_path / "r").judgement
    assert judgement
    assert judgement.outcome == Outcome.INVALID
    assert (judgement.slis["lost"].value or 0) >= 1
    assert rows_of(tmp_path / "stats")["PHX", "delivery"]["num_failures"] >= 1
    assert server.apikey not in everything_in(tmp_path)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("processes", [1, 2])
def test_a_load_test_that_is_stopped_keeps_what_it_had_and_leaves_nobody_behind(
    tmp_path: Path, sent: signal.Signals, processes: int
) -> None:
    """A terminal's Ctrl-C reaches the whole group; an orchestrator's SIGTERM only the first."""
    log = tmp_path / "log"
    shared = two_processes() if processes == 2 else ()
    options = ("-u", "4", "-t", "60s", *shared, "--rt-report", "r")
    with log.open("w") as output:
        process = subprocess.Popen(
            (*LOCUST, *options),
            cwd=tmp_path,
            env=environment(),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        wait_for(lambda: "All users spawned" in log.read_text())
        time.sleep(1)
        children = children_of(process.pid)
        assert len(children) == (3 if processes == 2 else 1), "the fake server and the workers"
        if sent == signal.SIGINT:
            os.killpg(process.pid, sent)
        else:
            process.send_signal(sent)
        assert process.wait(ENDS_WITHIN_S) == 2, log.read_text()
    result = result_in(tmp_path / "r")
    assert result.outcome == Outcome.UNKNOWN
    assert result.judgement
    assert "of 60 s" in result.judgement.reason
    assert result.judgement.checkers["delivery"].outcome == Outcome.VALID
    assert "Traceback" not in log.read_text()
    wait_for(lambda: not listed("--pid", ",".join(children)))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--host", "https://ref.supabase.co"), "SUPABASE_ANON_KEY"),
        (("--host", "nonsense", "--apikey", "k"), "--host 'nonsense'"),
        (("--master", "--master-bind-port", "0"), "--host"),
        (("--rt-seed", "x"), "--rt-seed"),
        (("--rt-rate", "0"), "--rt-rate"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_three(
    tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    done = locust(tmp_path, *options)
    assert done.returncode == 3
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("squall: ")]
    assert said in line
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir()), "a mistake leaves no folder behind"


def children_of(process: int) -> list[str]:
    """The processes that it has started: workers and the fake server."""
    return listed("--ppid", str(process))


def listed(*selection: str) -> list[str]:
    """The ids of processes that run, by a selection of `ps`."""
    told = subprocess.run(("ps", *selection, "-o", "pid=,stat="), capture_output=True, text=True)
    lines = [line.split() for line in told.stdout.splitlines()]
    return [pid for pid, state in lines if not state.startswith("Z")]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + ENDS_WITHIN_S
    while not condition():
        assert time.monotonic() < deadline_s, "did not happen in time"
        time.sleep(0.1)
