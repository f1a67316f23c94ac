"""The plugin loads itself only where it can work, and stands back where its names are taken."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HIDE = """
import importlib.util, sys
hidden = {"hypothesis", "toxiproxy", "requests", "h11", "jwt"}
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Hidden())
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in hidden else found(name)
"""

TAKEN = """
def pytest_addoption(parser):
    parser.addoption("--client")
    parser.addoption("--report")
"""


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=60
    )


def test_the_manager_needs_nothing_but_websockets(tmp_path: Path) -> None:
    done = run(HIDE + "import harness.manager, harness.protocol", tmp_path)
    assert done.returncode == 0, done.stderr


def test_pytest_still_runs_where_only_the_production_install_is(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text("def test_mine(): pass\n")
    switch_off = '["-p", "no:hypothesispytest", "-p", "no:squall-run", "-q"]'
    done = run(HIDE + f"import pytest; sys.exit(pytest.main({switch_off}))", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_names_that_another_plugin_has_taken_are_left_to_it(tmp_path: Path) -> None:
    (tmp_path / "taken.py").write_text(TAKEN)
    (tmp_path / "test_mine.py").write_text("def test_mine(): pass\n")
    command = [sys.executable, "-m", "pytest", "-p", "taken", "-q", "--client", "theirs"]
    done = subprocess.run(
        [*command, "--squall-client", "realtime_py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        "squall: realtime_py under test"
        in subprocess.run(
            [*command[:-3], "--squall-client", "realtime_py"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout
    )
