"""The fixture for strangers: there for those who have the server, harmless for all others."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from fake_server.pytest_entry import NEEDED

ROOT = Path(__file__).parent.parent.parent

STORY = """
import asyncio
import pytest
from websockets.asyncio.client import connect
from fake_server import ServerConfig

@pytest.fixture
def fake_server_config():
    return ServerConfig(tenant="mine")

def test_plain(fake_server):
    assert fake_server.http_url.startswith("http://127.0.0.1:")
    assert fake_server.pull("mute_app").hits == 0
    assert fake_server.call(lambda server: server.config.tenant) == "mine"

def test_any_loop(fake_server):
    async def story():
        uri = f"{fake_server.url}/websocket?apikey={fake_server.apikey}"
        async with connect(uri, proxy=None) as client:
            await client.send('{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"1"}')
            return await asyncio.wait_for(client.recv(), 30)
    assert '"ref":"1"' in asyncio.run(story())
    assert fake_server.pull("drop").name == "drop"
"""


def test_a_stranger_uses_the_fixture_with_nothing_else_set_up(tmp_path: Path) -> None:
    (tmp_path / "test_story.py").write_text(STORY)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-W",
        "error",
        "-p",
        "fake_server.pytest_entry",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_the_entry_offers_nothing_where_the_server_cannot_run() -> None:
    """The production install lacks h11 and the rest; the plugin must not break its users' tests."""
    code = "import fake_server.pytest_entry as entry; print(entry.pytest_plugins)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_the_entry_asks_for_all_that_the_extra_brings() -> None:
    """One package less, and pytest would end in a traceback before its first test."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    brought = [
        re.split(r"[^\w-]", one)[0].lower()
        for one in (*project["dependencies"], *project["optional-dependencies"]["server"])
    ]
    of = packages_distributions()
    asked = {name.lower() for module in NEEDED for name in of[module]}
    assert sorted(asked) == sorted(brought)
