"""A Toxiproxy that dies in the middle of a story: said in one line, with the mend, and soon."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.toxiproxy import EmbeddedToxiproxy, opened
from harness.toxiproxy.choice import Binary, Choice, Embedded, Running
from harness.worlds.wire import WireWorld
from harness.worlds.world import Env, WorldFailed
from tests.servers import make_server

STORY_S, SOON_S = 60.0, 20.0
ENDED = "ended during the run, so nothing here can be judged; run it again"


def said_of_a_story(choice: Choice, kill: Callable[[], None], story_s: float = STORY_S) -> str:
    """What is said where the Toxiproxy is killed in the middle of a fault."""

    async def story(env: Env) -> None:
        async with env.levers.network.toxic(None, "upstream", "latency", {"latency": 1}):
            kill()
            await asyncio.sleep(story_s)

    world = WireWorld(make_server, toxiproxy=choice)
    try:
        began_s = time.monotonic()
        with pytest.raises(WorldFailed) as failure:
            world.play(story, 1, lambda *_: None)
        assert time.monotonic() - began_s < SOON_S, "the story was told to its end"
        return str(failure.value)
    finally:
        world.close()


def test_the_embedded_one_is_missed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[EmbeddedToxiproxy] = []

    class Kept(EmbeddedToxiproxy):
        def __enter__(self) -> EmbeddedToxiproxy:
            started.append(self)
            return super().__enter__()

    monkeypatch.setattr(opened, "EmbeddedToxiproxy", Kept)
    said = said_of_a_story(Embedded(), lambda: os.kill(started[0].pid, signal.SIGKILL))
    assert said.startswith(f"the Toxiproxy (embedded 2.12.0) {ENDED}")


def test_a_program_that_we_started_is_missed_at_once(tmp_path: Path) -> None:
    """Here it is the embedded one that stands for it, as a program of anybody's."""
    program, pid = tmp_path / "server", tmp_path / "pid"
    start = f'exec {sys.executable} -m harness.toxiproxy "$@"'
    program.write_text(f"#!/bin/sh\necho $$ > {pid}\n{start}\n")
    program.chmod(0o755)
    said = said_of_a_story(Binary(program), lambda: os.kill(int(pid.read_text()), signal.SIGKILL))
    assert said.startswith(f"the Toxiproxy (real 2.12.0 (server)) {ENDED}")


def test_one_that_ran_already_is_missed_when_it_is_asked() -> None:
    """Its process is somebody else's: only its silence tells."""
    with EmbeddedToxiproxy() as child:
        address = Running(child.host, child.port)
        said = said_of_a_story(address, lambda: os.kill(child.pid, signal.SIGKILL), story_s=0.1)
    words = f"the Toxiproxy (2.12.0 at {address}) answers no more, so nothing here can be judged"
    assert said.startswith(words)
    assert re.search("nothing answers there .*; see whether it still runs", said)
