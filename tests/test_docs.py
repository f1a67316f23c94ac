"""What the documentation shows is run, so that it cannot go stale."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from random import Random
from typing import Any

import pytest

from fake_server import FakeServer, ServerConfig
from fake_server.schema import loads
from harness.clients.endpoint import split_key
from harness.clients.manager import Manager
from harness.nemesis import Fault, registry
from harness.run import Storm, run_storm
from harness.scenario import Scenario
from harness.store import Cell
from harness.verdict import Outcome
from harness.worlds.sim import SimWorld
from harness.worlds.world import Env, OnTruth
from tests.servers import make_server

ROOT = Path(__file__).parent.parent
CONFTEST = (ROOT / "scenarios" / "conftest.py").read_text()


def blocks(document: str, language: str) -> list[str]:
    text = (ROOT / document).read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_the_scenario_of_the_guide_runs_and_is_survived(tmp_path: Path) -> None:
    (story,) = blocks("docs/adding/scenario.md", "python")
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_nat_timeout.py").write_text(story)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--world", "sim"]
    done = subprocess.run(
        [*command, "--seeds", "3", "-v"], cwd=tmp_path, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("VALID") >= 3


def test_the_guides_story_finds_the_client_that_does_not_notice(tmp_path: Path) -> None:
    """A mute server in place of the silence: the bare client never notices."""
    (story,) = blocks("docs/adding/scenario.md", "python")
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_mute.py").write_text(story.replace("dead_flow", "mute_live"))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--world", "sim"]
    done = subprocess.run(
        [*command, "--client", "realtime_py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 1, done.stdout


@pytest.mark.filterwarnings("default")
def test_the_world_of_the_guide_is_held_and_found_alike() -> None:
    (example,) = blocks("docs/adding/world.md", "python")
    names: dict[str, Any] = {}
    exec(compile(example, "docs/adding/world.md", "exec"), names)
    assert names["cannot_express"] == ()


def test_the_fault_of_the_guide_strikes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every client is reset twice, a second apart."""
    (code,) = blocks("docs/adding/fault.md", "python")
    names: dict[str, Any] = {}
    exec(code, names)
    kind = names["RST_TWICE"]
    monkeypatch.setattr(registry, "FAULTS", {kind.name: kind})
    scenario = Scenario(faults=[Fault("rst_twice", after_s=2)], worlds=("sim",))
    judgement = run_storm(
        Storm(Cell("guide", "manager", "sim", 1), scenario, Manager), SimWorld(make_server)
    )
    assert judgement.outcome is Outcome.VALID, judgement.reason


def test_the_kit_of_the_guide_to_clients_passes_our_own() -> None:
    *_, example = blocks("docs/adding/client.md", "python")
    exec(compile(example, "docs/adding/client.md", "exec"), {})


GUIDES = ("scenario", "fault", "client", "world")
DOCUMENTS = ["README.md", "docs/whats-here.md", *(f"docs/adding/{one}.md" for one in GUIDES)]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_that_a_document_names_exists(document: str) -> None:
    text = (ROOT / document).read_text()
    named = re.findall(
        r"`((?:harness|fake_server|scenarios|loadtests|reports|tests|docs)/[\w./]*)`", text
    )
    missing = [
        path
        for path in dict.fromkeys(named)
        if not (ROOT / path).exists() and path != "scenarios/test_nat_timeout.py"
    ]
    assert not missing


@pytest.mark.parametrize("document", ["README.md", "docs/whats-here.md"])
def test_every_link_of_a_document_leads_somewhere(document: str) -> None:
    text = (ROOT / document).read_text()
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    assert not [link for link in links if not (ROOT / document).parent.joinpath(link).exists()]


def test_every_make_command_of_the_readme_exists() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    said = re.findall(r"\bmake ([a-z]+)", (ROOT / "README.md").read_text())
    assert said
    assert not [target for target in said if target not in targets]


def test_the_managers_example_in_the_readme_runs(capsys: pytest.CaptureFixture[str]) -> None:
    main = main_of(blocks("README.md", "python")[0])

    async def story(env: Env) -> None:
        url, key = split_key(env.url("reader"))
        token = env.levers.server.token("reader", "first")
        await main(url, key, token)

    SimWorld(make_server).play(story, 1, lambda *_: None)
    assert capsys.readouterr().out == "acked\n"


def test_the_example_of_changes_in_the_readme_hears_of_them_and_of_the_gap(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main = main_of(blocks("README.md", "python")[1])
    todos = "[tables.todos]\npublished = true\ncolumns = { id = 'int8 primary key' }"

    def server(on_truth: OnTruth, clock: Callable[[], float], rng: Random) -> FakeServer:
        return FakeServer(ServerConfig(schema=loads(todos)), on_truth, clock=clock, rng=rng)

    async def story(env: Env) -> None:
        url, key = split_key(env.url("reader"))
        running = asyncio.create_task(main(url, key, env.levers.server.token("reader", "first")))
        await asyncio.sleep(5)
        env.levers.server.insert("todos", {"id": 1})
        await asyncio.sleep(5)
        env.levers.server.pull("close", code=1011)
        await asyncio.sleep(10)
        running.cancel()
        await asyncio.wait([running])

    SimWorld(server).play(story, 1, lambda *_: None)
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "INSERT {'id': 1}"
    assert re.fullmatch(r"read again what may have changed in the last \d+ s", told[1])
    assert len(told) == 2


def main_of(example: str) -> Callable[..., Coroutine[Any, Any, None]]:
    names: dict[str, Any] = {}
    exec(compile(example, "README.md", "exec"), names)
    main: Callable[..., Coroutine[Any, Any, None]] = names["main"]
    return main
