"""The packets world: each lever's effect at a socket, whom it hits, how it heals, what is left."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from harness.nemesis import CannotExpress, Victims
from harness.packets import CannotIsolate
from harness.store import Store
from harness.verdict import Outcome
from harness.worlds import packets
from harness.worlds.packets import PacketsWorld
from harness.worlds.world import Env, WorldFailed
from tests.packets.inside import require_namespaces
from tests.packets.test_namespace import named_networks, networks, rules_of_this_machine
from tests.servers import make_server
from tests.test_pytest_plugin import CONFTEST, STORY

SILENCE_S = 0.4
ANSWER_S = 5.0
COHORTS = (("hit",), ("spared",))
HIT: Victims = ("hit",)

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture(scope="module")
def world() -> Iterator[PacketsWorld]:
    require_namespaces()
    made = PacketsWorld(make_server)
    yield made
    made.close()


class Stage:
    """A run's surroundings, and the connections that a story has opened in it."""

    def __init__(self, env: Env) -> None:
        self._url = env.url
        self.network = env.levers.network
        self._writers: list[asyncio.StreamWriter] = []

    async def dial(self, client: str, within_s: float = ANSWER_S) -> Streams:
        """A connection that sends nothing yet, for the server to wait on."""
        parts = urlsplit(self._url(client))
        async with asyncio.timeout(within_s):
            streams = await asyncio.open_connection(parts.hostname, parts.port)
        self._writers.append(streams[1])
        return streams

    async def connect(self, client: str) -> str:
        """What becomes of a connect."""
        try:
            await self.dial(client, SILENCE_S)
        except TimeoutError:
            return "silence"
        except ConnectionRefusedError:
            return "refused"
        except socket.gaierror:
            return "no address"
        return "connected"

    async def close(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)


def play(world: PacketsWorld, story: Callable[[Stage], Coroutine[Any, Any, Any]]) -> Any:
    async def staged(env: Env) -> Any:
        stage = Stage(env)
        try:
            return await story(stage)
        finally:
            await stage.close()

    return world.play(staged, 1, lambda process, f, value: None, COHORTS)


async def ask(streams: Streams, within_s: float = ANSWER_S) -> str:
    """What becomes of a request to the server: an answer, silence, or how it fails."""
    reader, writer = streams
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(within_s):
            await writer.drain()
            line = await reader.readline()
            return "answered" if line.startswith(b"HTTP/1.1") else "FIN"
    except TimeoutError:
        return "silence"
    except ConnectionResetError:
        return "RST"


def test_a_hole_silences_its_victims_and_what_they_sent_arrives_after_it(
    world: PacketsWorld,
) -> None:
    async def story(stage: Stage) -> list[str]:
        hit, spared = await stage.dial("hit"), await stage.dial("spared")
        async with stage.network.hole(HIT, up=True, down=True):
            during = [
                await ask(hit, SILENCE_S),
                await ask(spared),
                await stage.connect("hit"),
                await stage.connect("spared"),
            ]
        async with asyncio.timeout(ANSWER_S):
            late = await hit[0].readline()
        return [*during, "answered" if late.startswith(b"HTTP/1.1") else "lost"]

    told = play(world, story)
    assert told == ["silence", "answered", "silence", "connected", "answered"]


def test_refusing_resets_its_victims_at_once_and_heals(world: PacketsWorld) -> None:
    async def story(stage: Stage) -> list[str]:
        hit, spared = await stage.dial("hit"), await stage.dial("spared")
        async with stage.network.refuse(HIT):
            try:
                async with asyncio.timeout(ANSWER_S):
                    idle = "FIN" if await hit[0].read(1) == b"" else "data"
            except ConnectionResetError:
                idle = "RST"
            during = [idle, await stage.connect("hit"), await ask(spared)]
        return [*during, await ask(await stage.dial("hit"))]

    assert play(world, story) == ["RST", "refused", "answered", "answered"]


def test_a_reset_happens_once(world: PacketsWorld) -> None:
    async def story(stage: Stage) -> list[str]:
        hit, spared = await stage.dial("hit"), await stage.dial("spared")
        await stage.network.rst(HIT)
        return [await ask(hit), await ask(spared), await ask(await stage.dial("hit"))]

    assert play(world, story) == ["RST", "answered", "answered"]


def test_a_dead_flow_is_silent_for_good_and_a_new_connection_works(world: PacketsWorld) -> None:
    async def story(stage: Stage) -> list[str]:
        hit, spared = await stage.dial("hit"), await stage.dial("spared")
        await stage.network.dead_flow(HIT)
        return [
            await ask(hit, SILENCE_S),
            await ask(spared),
            await ask(await stage.dial("hit")),
        ]

    assert play(world, story) == ["silence", "answered", "answered"]


def test_stalled_connects_get_no_answer_and_live_connections_go_on(world: PacketsWorld) -> None:
    async def story(stage: Stage) -> list[str]:
        live = await stage.dial("hit")
        async with stage.network.stall_connects(HIT):
            during = [await stage.connect("hit"), await ask(live), await stage.connect("spared")]
        return [*during, await stage.connect("hit")]

    assert play(world, story) == ["silence", "answered", "connected", "connected"]


def test_a_name_does_not_resolve_and_live_connections_go_on(world: PacketsWorld) -> None:
    async def story(stage: Stage) -> list[str]:
        live = await stage.dial("hit")
        async with stage.network.dns_failure(HIT):
            during = [await stage.connect("hit"), await ask(live), await stage.connect("spared")]
        return [*during, await stage.connect("hit")]

    assert play(world, story) == ["no address", "answered", "connected", "connected"]


def test_lost_packets_are_late_and_all_there(world: PacketsWorld) -> None:
    async def story(stage: Stage) -> list[str]:
        async def once() -> str:
            return await ask(await stage.dial("hit", 30), 30)

        async with stage.network.lose(None, 0.1):
            return await asyncio.gather(*(once() for _ in range(20)))

    assert play(world, story) == ["answered"] * 20


def test_what_the_network_cannot_do_is_said(world: PacketsWorld) -> None:
    async def story(stage: Stage) -> None:
        network = stage.network
        with pytest.raises(CannotExpress, match="wire has the toxics"):
            network.toxic(None, "upstream", "latency", {"latency": 1})
        with pytest.raises(CannotExpress, match="from a program"):
            await network.fin(None)

    play(world, story)


@pytest.mark.parametrize(("asked_for", "error"), [(True, WorldFailed), (False, CannotExpress)])
def test_a_machine_that_cannot_says_why(
    asked_for: bool, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown for who asked for it by name, not applicable for who said: all worlds."""

    def refuse() -> None:
        raise CannotIsolate("only root may")

    async def story(stage: Stage) -> None: ...

    monkeypatch.setattr(packets, "check_possible", refuse)
    world = PacketsWorld(make_server, asked_for=asked_for)
    assert world.versions() == {"packets": "none: only root may"}
    with pytest.raises(error, match="on this machine: only root may"):
        play(world, story)
    world.close()


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    hole = 'Fault("hole", after_s=1, for_s=8)'
    (tmp_path / "test_hole.py").write_text(STORY.format(fault=hole, more=", recovery_within_s=20"))
    return tmp_path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_run_leaves_nothing_of_its_network(
    suite: Path, number: signal.Signals
) -> None:
    require_namespaces()
    before, rules, named = networks(), rules_of_this_machine(), named_networks()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider"),
            *("--world", "packets", "--report", "run"),
        ],
        cwd=suite,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    history = suite / "run/hole/manager/packets/1/history.jsonl"
    deadline_s = time.monotonic() + 60
    while '"start"' not in (history.read_text() if history.exists() else ""):
        assert time.monotonic() < deadline_s, "the fault never struck"
        time.sleep(0.05)
    assert networks() - before, "the storm was in no network of its own"
    assert rules_of_this_machine() == rules
    process.send_signal(number)
    out, _ = process.communicate(timeout=45)
    if number is not signal.SIGKILL:
        assert process.returncode == pytest.ExitCode.INTERRUPTED, out
    assert rules_of_this_machine() == rules
    assert named_networks() == named
    while networks() - before:
        assert time.monotonic() < deadline_s, "a network outlived its run"
        time.sleep(0.05)


def test_without_root_it_is_unknown_to_who_asked_for_it_by_name(suite: Path) -> None:
    """Told by the plugin, as its users meet it."""
    (suite / "conftest.py").write_text("import os\nos.geteuid = lambda: 1000\n" + CONFTEST)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--world", "packets"]
    done = subprocess.run(
        [*command, "--report", "run"], cwd=suite, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 1, done.stdout
    assert "only root may make a network namespace: run it as root" in done.stdout
    assert [one.outcome for one in Store(suite / "run").results()] == [Outcome.UNKNOWN]
    assert "none: only root" in Store(suite / "run").read_run().versions["packets"]
